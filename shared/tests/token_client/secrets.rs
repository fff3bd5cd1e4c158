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
    let header = tokens.authorization(&request, DEADLINE).await.unwrap();
    assert!(header.is_sensitive() && header.as_bytes().ends_with(TOKEN.as_bytes()));
    assert_silent(&format!("{header:?}"));
    let issued = IssuedToken { token: token.clone(), lifetime: DEADLINE };
    assert_silent(&format!(
        "{token:?} {token:#?} {issued:?} {tokens:?} {tokens:#?} {request:?} {request:#?}"
    ));
    let target = Target::new(endpoint.url("").parse().unwrap(), AUDIENCE, request.scope().clone());
    let client = ServiceClient::new(http(), tokens, target);
    let bound = client.with_session(request.session().unwrap());
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
    let request = request(Some(&format!(r#"{{"companyId":1,"userId":2,"phone":"{PHONE}"}}"#)));
    let session = request.session().cloned();
    let claims: Claims = issuer.claims(AUDIENCE, "a".parse().unwrap(), session);
    assert_silent(&format!("{claims:?} {claims:#?}"));
    assert!(!format!("{issuer:?} {issuer:#?}").contains("private"));
    let token: AccessToken = issuer.sign(&claims).unwrap();
    assert!(!format!("{token:?}").contains(token.expose()));
}

/// What is written at level trace, by us and by what we are built on.
#[derive(Clone, Default)]
struct Captured(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Captured {
    /// With another subscriber beside it: as long as there is one alone, a thread that has none of its own switches off for all
    /// what it is the first to pass.
    fn begin() -> (Self, (tracing::subscriber::DefaultGuard, tracing::Dispatch)) {
        let captured = Self::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        (captured, (guard, tracing::Dispatch::new(tracing_subscriber::registry())))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Also when the endpoint repeats the secret, and the service the token.
#[tokio::test]
async fn no_log_line_holds_a_secret_at_any_level() {
    let (log, _guard) = Captured::begin();
    let answers = [
        json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300}),
        json!({"error": "invalid_client", "error_description": format!("{SECRET} is wrong")}),
        json!({"error": format!("e-{SECRET}")}),
        json!({"access_token": TOKEN, "token_type": "mac"}),
    ];
    for (answer, status) in answers.into_iter().zip([200, 401, 400, 200]) {
        let answer = answer.to_string();
        let bench = Bench::answering(move |_| Reply::json(status, &answer)).await;
        let service =
            FakeServer::start(|_| Reply::with_headers(401, super::calls::INVALID, TOKEN)).await;
        let target = Target::new(service.url("").parse().unwrap(), AUDIENCE, Default::default());
        let client = ServiceClient::new(http(), bench.tokens.clone(), target);
        let session = format!(r#"{{"companyId":1,"userId":2,"phone":"{PHONE}"}}"#);
        let session = shared::Session::parse(&session).unwrap();
        let call = client.with_session(&session).get("/").query(&[("q", "a")]);
        if let Err(error) = call.send().await {
            assert_silent(&format!("{error} {error:?}"));
        }
    }
    let text = log.text();
    assert!(text.contains("fetched a token") && text.contains("TRACE"), "{text}");
    assert_silent(&text);
}

/// One line that says all, however many callers run into it.
#[tokio::test]
async fn an_unknown_client_is_reported_loudly_and_once() {
    let (log, _guard) = Captured::begin();
    let bench = Bench::answering(|_| Reply::json(401, json!({"error": "invalid_client"}))).await;
    let all = (1..=50).map(user).collect::<Vec<_>>();
    let calls = all.iter().map(|request| bench.tokens.token(request, DEADLINE));
    assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_err));
    let text = log.text();
    let loud: Vec<_> = text.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(loud.len(), 1, "{loud:?}");
    for word in [&bench.endpoint.url("/oauth2/token"), "batch", "register", "60 s"] {
        assert!(loud[0].contains(word), "{word}: {}", loud[0]);
    }
}
