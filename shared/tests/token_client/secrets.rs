//! B10. What may be printed: never a secret, a token, or what only the session's owner should read.

use shared::client::token_source::IssuedToken;
use shared::client::{ServiceClient, Target};
use shared::{AccessToken, Claims};

use super::*;

const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
const PHONE: &str = "010-1234-5678";

fn assert_silent(shown: &str) {
    for secret in [SECRET, TOKEN, PHONE] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn nothing_that_holds_a_secret_prints_it() {
    let endpoint = FakeServer::start(|_| {
        Reply::json(200, json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300}))
    })
    .await;
    let source = source_of(&endpoint.url("/"), SECRET);
    assert_silent(&format!("{source:?} {source:#?}"));
    let tokens = TokenCache::new(Arc::new(source), Arc::new(StoppedClock::at(0)));
    let request = request(Some(&format!(r#"{{"companyId":1,"userId":2,"phone":"{PHONE}"}}"#)));
    let token = tokens.token(&request, DEADLINE).await.unwrap();
    assert_eq!(token.expose(), TOKEN);
    let issued = IssuedToken { token: token.clone(), lifetime: DEADLINE };
    assert_silent(&format!(
        "{token:?} {token:#?} {issued:?} {tokens:?} {tokens:#?} {request:?} {request:#?}"
    ));
    let target = Target {
        base_url: endpoint.url("").parse().unwrap(),
        audience: AUDIENCE.to_owned(),
        scope: request.scope.clone(),
    };
    let client = ServiceClient::new(http(), tokens, target);
    let bound = client.with_session(request.session.as_ref().unwrap());
    let call = bound.post("/").header("X-Secret", SECRET).json(&json!({"password": SECRET}));
    assert_silent(&format!("{client:?} {bound:?} {bound:#?} {call:?} {call:#?}"));
}

/// An endpoint may answer with a token that we do not understand.
#[tokio::test]
async fn no_error_repeats_what_the_endpoint_said() {
    let bodies = [
        json!({"access_token": TOKEN, "token_type": "mac"}),
        json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": "soon"}),
        json!({"access_token": [TOKEN], "token_type": "Bearer"}),
        json!({"token": TOKEN}),
        json!(TOKEN),
    ];
    for body in bodies {
        for status in [200, 400, 401] {
            let text = body.to_string();
            let bench = Bench::answering(move |_| Reply::json(status, &text)).await;
            let error = bench.token(&user(1)).await.unwrap_err();
            assert_silent(&format!("{error} {error:?}"));
        }
    }
}

/// A mistake in the log line of a handler must not print a caller's own affairs.
#[test]
fn claims_print_their_session_without_its_attributes() {
    let clock = Arc::new(StoppedClock::at(0));
    let issuer = shared::testing::TestIssuer::new(shared::Algorithm::EdDsa, clock).unwrap();
    let session =
        request(Some(&format!(r#"{{"companyId":1,"userId":2,"phone":"{PHONE}"}}"#))).session;
    let claims: Claims = issuer.claims(AUDIENCE, "a".parse().unwrap(), session);
    assert_silent(&format!("{claims:?} {claims:#?}"));
    assert!(!format!("{issuer:?} {issuer:#?}").contains("private"));
    let token: AccessToken = issuer.sign(&claims).unwrap();
    assert!(!format!("{token:?}").contains(token.expose()));
}
