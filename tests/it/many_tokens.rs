//! Many tokens in one call.

use auth_service::domain::client::Client;
use reqwest::Method;
use serde_json::{Value, json};
use tests::caller::{Answer, send};
use tests::oauth::{OAuthClient, claims_of, declared};
use tests::system::System;

fn batch() -> Client {
    Client {
        session_policy: r#"{"assert":{"companies":[1,2,3],"roles":["batch"]}}"#.parse().unwrap(),
        ..declared("batch")
    }
}

fn session(company: i64, user: i64) -> Value {
    json!(format!(r#"{{"companyId":{company},"userId":{user}}}"#))
}

async fn ask(system: &System, body: &Value) -> Answer {
    let url = format!("{}/oauth2/tokens", system.services.auth.url());
    system.stranger().post_json(&url, body).await
}

fn asked(client: &OAuthClient, sessions: Vec<Value>) -> Value {
    json!({
        "client_id": client.id,
        "client_secret": client.secret.expose(),
        "scope": "order:read",
        "resource": ["order-service"],
        "sessions": sessions,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_gets_its_own_token_or_its_own_error_in_the_order_asked() {
    let system = System::start().await;
    let client = OAuthClient::register(&system, &batch()).await;
    let sessions = vec![
        session(1, 10),
        session(4, 10),
        session(2, 20),
        json!("not a session"),
        json!(r#"{"companyId":3,"userId":30,"roles":["admin"]}"#),
        session(3, 30),
    ];
    let answer = ask(&system, &asked(&client, sessions)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let tokens = answer.body["tokens"].as_array().unwrap();
    let errors: Vec<_> = tokens.iter().map(|one| one["error"].as_str().unwrap_or("")).collect();
    let expected = ["", "unauthorized_client", "", "invalid_request", "unauthorized_client", ""];
    assert_eq!(errors, expected);
    for (place, company, user) in [(0, 1, 10), (2, 2, 20), (5, 3, 30)] {
        let claims = claims_of(tokens[place]["access_token"].as_str().unwrap());
        assert_eq!(claims["session"], session(company, user));
        assert_eq!(
            (&claims["aud"], &claims["scope"]),
            (&json!(["order-service"]), &json!(["order:read"]))
        );
        assert_eq!(tokens[place]["token_type"], "Bearer");
        assert_eq!(tokens[place]["expires_in"], 300);
    }
    let description = tokens[1]["error_description"].as_str().unwrap();
    assert!(description.contains("company 4"), "{description}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tokens_come_in_one_call_and_are_good() {
    let system = System::start().await;
    let client = OAuthClient::register(&system, &batch()).await;
    let sessions: Vec<_> = (1..=1_000).map(|user| session(1 + user % 3, user)).collect();
    let answer = ask(&system, &asked(&client, sessions)).await;
    let tokens = answer.body["tokens"].as_array().unwrap();
    let ids: std::collections::HashSet<_> = tokens
        .iter()
        .map(|one| {
            claims_of(one["access_token"].as_str().unwrap())["jti"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1_000);
    let last = tokens[999]["access_token"].as_str().unwrap();
    let url = format!("{}/api/session", system.services.order.url());
    let seen = system.stranger().with_token(last).get(&url).await;
    assert_eq!(seen.body["data"]["userId"], 1_000, "{}", seen.text);
    assert_eq!(system.count_at_auth("/oauth2/tokens", 200).await, 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_whole_call_is_said_once_and_nothing_is_issued() {
    let system = System::start().await;
    let client = OAuthClient::register(&system, &batch()).await;
    let good = asked(&client, vec![session(1, 1)]);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let table = [
        (with("client_secret", json!("wrong")), (401, "invalid_client")),
        (with("client_id", json!("nobody")), (401, "invalid_client")),
        (with("client_assertion", json!("a.b.c")), (400, "invalid_request")),
        (with("scope", json!("order:read auth:admin")), (400, "invalid_scope")),
        (with("scope", json!("a\"b")), (400, "invalid_scope")),
        (with("resource", json!(["billing"])), (400, "invalid_target")),
        (with("sessions", json!([])), (400, "invalid_request")),
        (with("sessions", json!(vec![session(1, 1); 1_001])), (400, "invalid_request")),
        (with("sessions", json!([{"companyId": 1, "userId": 1}])), (400, "invalid_request")),
        (with("sesions", json!([])), (400, "invalid_request")),
        (json!([]), (400, "invalid_request")),
    ];
    for (body, expected) in table {
        let answer = ask(&system, &body).await;
        assert_eq!(answer.refusal(), expected, "{:.200}", body.to_string());
        assert!(answer.body.get("tokens").is_none());
    }
    let url = format!("{}/oauth2/tokens", system.services.auth.url());
    let form = system.stranger().request(Method::POST, &url).form(&[("client_id", "batch")]);
    assert_eq!(send(form).await.refusal(), (415, "invalid_request"));
    let huge = system.stranger().request(Method::POST, &url);
    let huge = huge.header("Content-Type", "application/json").body("x".repeat(5_000_000));
    assert_eq!(send(huge).await.refusal(), (413, "invalid_request"));
    system.stop().await;
}
