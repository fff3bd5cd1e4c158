//! Introspection (RFC 7662), revocation (RFC 7009), and the feed that carries it to verifiers.

use std::time::{Duration, Instant};

use auth_service::domain::client::Client;
use serde_json::{Value, json};
use tests::caller::Answer;
use tests::oauth::{OAuthClient, claims_of, declared};
use tests::system::{ANY_SESSION, System};

const SESSION: &str = r#"{"companyId":100,"userId":200}"#;

async fn anybody(system: &System, id: &str) -> OAuthClient {
    let client = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared(id) };
    OAuthClient::register(system, &client).await
}

async fn orders_token(client: &OAuthClient, session: &str) -> String {
    let form = [("session", session), ("resource", "order-service")];
    client.token(&form).await.access_token().to_owned()
}

async fn at_orders(system: &System, token: &str) -> Answer {
    let url = format!("{}/api/session", system.services.order.url());
    system.stranger().with_token(token).get(&url).await
}

async fn refused_within_a_second(system: &System, token: &str) {
    let began = Instant::now();
    while at_orders(system, token).await.verdict() != (401, "A004") {
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_sees_tokens_that_are_its_own_or_for_it_and_no_others() {
    let system = System::start().await;
    let issued_to = anybody(&system, "web").await;
    let meant_for = OAuthClient::register(&system, &declared("order-service")).await;
    let another = OAuthClient::register(&system, &declared("file-service")).await;
    let token = orders_token(&issued_to, SESSION).await;
    for client in [&issued_to, &meant_for] {
        let seen = client.introspect(&token).await;
        assert_eq!(seen.header("cache-control"), "no-store");
        let (body, claims) = (&seen.body, claims_of(&token));
        assert_eq!(body["active"], true, "{}", client.id);
        for name in ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "session", "sid"] {
            assert_eq!(body[name], claims[name], "{name}");
        }
        assert_eq!(body["token_type"], "Bearer");
        assert!(body["scope"].as_str().unwrap().contains("order:read "));
    }
    let nothing = json!({"active": false});
    assert_eq!(another.introspect(&token).await.body, nothing);
    for garbage in ["", "x", "a.b.c", &token[1..], &format!("{token}x")] {
        let answer = issued_to.introspect(garbage).await;
        let missing = garbage.is_empty();
        assert_eq!(answer.status, if missing { 400 } else { 200 });
        assert!(missing || answer.body == nothing, "{garbage:.10}");
    }
    let stranger = OAuthClient { secret: shared::Secret::new("wrong"), ..another };
    assert_eq!(stranger.introspect(&token).await.refusal(), (401, "invalid_client"));
    assert_eq!(stranger.revoke(&token).await.refusal(), (401, "invalid_client"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_everywhere_and_another_goes_on() {
    let system = System::start().await;
    let client = anybody(&system, "web").await;
    let another = OAuthClient::register(&system, &declared("file-service")).await;
    let (token, other) =
        (orders_token(&client, SESSION).await, orders_token(&client, SESSION).await);
    // Twice, so that they are remembered.
    for token in [&token, &other, &token, &other] {
        assert_eq!(at_orders(&system, token).await.status, 200);
    }
    assert_eq!(another.revoke(&token).await.refusal(), (400, "unauthorized_client"));
    assert_eq!(at_orders(&system, &token).await.status, 200);

    let hint = [("token", token.as_str()), ("token_type_hint", "refresh_token")];
    assert_eq!(client.post("/oauth2/revoke", &hint).await.status, 200);
    refused_within_a_second(&system, &token).await;
    let refused = at_orders(&system, &token).await;
    let challenge = refused.header("www-authenticate");
    assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "{challenge}");
    assert_eq!(at_orders(&system, &other).await.status, 200);
    assert_eq!(client.introspect(&token).await.body, json!({"active": false}));
    for again in [token.as_str(), "garbage", "a.b.c"] {
        assert_eq!(client.revoke(again).await.status, 200, "{again:.10}");
    }
    system.stop().await;
}

/// What an operator revokes, and which of three tokens it hits: of user 200 and 201 of company 100, and of user 200 of
/// company 101.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_what_a_user_a_company_or_a_client_has_and_new_tokens_are_good() {
    let system = System::start().await;
    let (admin, auth) = (system.admin().await, system.services.auth.url());
    let (web, app) = (anybody(&system, "web").await, anybody(&system, "200").await);
    let sessions =
        [SESSION, r#"{"companyId":100,"userId":201}"#, r#"{"companyId":101,"userId":200}"#];
    let table = [
        (json!({"kind": "user", "value": "200"}), [true, false, true], true),
        (json!({"kind": "company", "value": "100"}), [true, true, false], true),
        (json!({"kind": "client", "value": "web"}), [true, true, true], false),
        (json!({"kind": "sub", "value": "200"}), [false, false, false], false),
        (json!({"kind": "all"}), [true, true, true], true),
    ];
    for (ask, hit, hits_app) in table {
        let mut tokens = Vec::new();
        for session in sessions {
            tokens.push(orders_token(&web, session).await);
        }
        let of_app = orders_token(&app, SESSION).await;
        let made = admin.post_json(&format!("{auth}/admin/revocations"), &ask).await;
        assert_eq!(made.status, 201, "{ask}: {}", made.text);
        tokio::time::sleep(Duration::from_millis(500)).await;
        for (token, hit) in tokens.iter().zip(hit).chain([(&of_app, hits_app)]) {
            let verdict = at_orders(&system, token).await.status;
            assert_eq!(verdict, if hit { 401 } else { 200 }, "{ask} {}", claims_of(token));
        }
        // Issued within the same second, and good.
        let new = orders_token(&web, SESSION).await;
        assert_eq!(at_orders(&system, &new).await.status, 200, "{ask}");
        if ask["kind"] == "all" {
            assert_eq!(admin.get(&format!("{auth}/admin/clients")).await.verdict(), (401, "A004"));
        }
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_signed_numbered_and_waits_for_what_is_new() {
    let system = System::start().await;
    let client = anybody(&system, "web").await;
    let feed = |query: &str| {
        let url = format!("{}/oauth2/revocations{query}", system.services.auth.url());
        let stranger = system.stranger();
        async move { stranger.get(&url).await }
    };
    let empty = feed("").await;
    assert_eq!((empty.status, empty.header("content-type")), (200, "application/jwt"));
    let header = empty.text.split('.').next().unwrap().to_owned();
    let header: Value = serde_json::from_slice(&decode(&header)).unwrap();
    assert_eq!(header["typ"], "revocations+jwt");
    let said = claims_of(&empty.text);
    assert_eq!(
        (&said["entries"], &said["next"], &said["more"]),
        (&json!([]), &json!(0), &json!(false))
    );

    let token = orders_token(&client, SESSION).await;
    let began = Instant::now();
    let waiting = tokio::spawn(feed("?after=0&wait=5"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    assert_eq!(client.revoke(&token).await.status, 200);
    let said = claims_of(&waiting.await.unwrap().text);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!((&said["after"], &said["next"]), (&json!(0), &json!(1)));
    let entry = &said["entries"][0];
    assert_eq!((&entry["seq"], &entry["kind"]), (&json!(1), &json!("sid")));
    assert_eq!(entry["value"], claims_of(&token)["sid"]);

    let nothing = claims_of(&feed("?after=1&wait=0").await.text);
    assert_eq!((&nothing["entries"], &nothing["next"]), (&json!([]), &json!(1)));
    let of_another_database = claims_of(&feed("?after=99&wait=5").await.text);
    assert_eq!(
        (&of_another_database["after"], &of_another_database["next"]),
        (&json!(0), &json!(1))
    );
    for bad in ["?after=x", "?wait=-1", "?since=1"] {
        assert_eq!(feed(bad).await.verdict(), (400, "C001"), "{bad}");
    }
    system.stop().await;
}

fn decode(part: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// What has changed between two questions would be heard of at the end of the wait only.
#[tokio::test(flavor = "multi_thread")]
async fn who_knows_other_keys_does_not_wait() {
    let system = System::start().await;
    let url =
        format!("{}/oauth2/revocations?after=0&wait=5&keys=others", system.services.auth.url());
    let began = Instant::now();
    assert_eq!(system.stranger().get(&url).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(2));
    system.stop().await;
}
