//! What is handed on for work that runs later: who may use it, for what, how often, until when, and what ends it.

mod client;
mod counted;
mod documents;
mod ending;
mod explained;
mod exports;
mod page;
mod races;
mod stolen;
mod story;

use serde_json::{Value, json};
use tests::handoffs::{PURPOSE, Parties, refused};
use tests::oauth::{OAuthClient, claims_of, declared};
use tests::system::{ANY_SESSION, System};

use auth_service::domain::client::Client;

pub const SESSION: &str = r#"{"companyId":100,"userId":200}"#;

/// A client whose tokens say whom it acts for.
pub fn front() -> Client {
    Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("front") }
}

/// A token that order-service has received, of a session that a program vouches for.
pub async fn received(system: &System) -> String {
    let front = OAuthClient::register(system, &front()).await;
    token_of(&front).await
}

pub async fn token_of(front: &OAuthClient) -> String {
    let form = [
        ("session", SESSION),
        ("resource", "order-service"),
        ("resource", "file-service"),
        ("scope", "order:read order:write file:write"),
    ];
    front.token(&form).await.access_token().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_on_gives_a_token_of_that_session_to_its_executor() {
    let system = System::start().await;
    let parties = Parties::of(&system).await;
    let subject = received(&system).await;
    let answer = parties.hand_on(&subject, &[("max_uses", "2")]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    let handoff = answer.body.clone();
    assert_eq!(handoff["resource"], json!(["file-service", "order-service"]));
    assert_eq!(
        (&handoff["scope"], &handoff["max_uses"], &handoff["outlives_logout"]),
        (&json!("file:write order:read"), &json!(2), &json!(false))
    );
    let id = handoff["handoff"].as_str().unwrap();
    let token = parties.redeem(id, &[("resource", "order-service"), ("purpose", PURPOSE)]).await;
    assert_eq!((token.status, token.header("cache-control")), (200, "no-store"), "{}", token.text);
    assert_eq!(token.body["uses_left"], 1);
    let (claims, root) = (claims_of(token.access_token()), claims_of(&subject));
    for kept in ["session", "sid", "sub"] {
        assert_eq!(claims[kept], root[kept], "{kept}");
    }
    assert_eq!(claims["auth_time"], root["iat"], "as old as its root");
    assert_eq!(
        (&claims["aud"], &claims["client_id"]),
        (&json!(["order-service"]), &json!("worker"))
    );
    assert_eq!(
        claims["act"],
        json!({"sub": "worker", "act": {"sub": "shop", "act": {"sub": "front"}}})
    );
    assert_eq!(claims["scope"], json!(["file:write", "order:read"]));
    assert_ne!(claims["handoff"], id, "who sees a token does not see the id");
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((lifetime, &token.body["expires_in"]), (300, &json!(300)));
    let orders = format!("{}/api/orders", system.services.order.url());
    let caller = system.stranger().with_token(token.access_token());
    assert_eq!(caller.get(&orders).await.status, 200);
    assert_eq!(caller.post_json(&orders, &json!({"items": []})).await.verdict(), (403, "A005"));
    audited(&system, &claims).await;
    system.stop().await;
}

/// Made, and used: with purpose and both clients.
async fn audited(system: &System, claims: &Value) {
    let admin = system.admin().await;
    let name = claims["handoff"].as_str().unwrap();
    for (event, actor) in [("handoff.made", "shop"), ("handoff.used", "worker")] {
        let is_it = |row: &Value| {
            row["event"] == event && row["detail"].as_str().unwrap_or_default().starts_with(name)
        };
        let row = system.audit_row(&admin, is_it).await;
        let detail = row["detail"].as_str().unwrap();
        assert!(detail.contains("for nightly from shop to worker"), "{detail}");
        assert_eq!((&row["actor"], &row["session"]), (&json!(actor), &json!(SESSION)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_handed_on_is_refused_and_said_why() {
    let system = System::start().await;
    let parties = Parties::of(&system).await;
    let subject = received(&system).await;
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("purpose", "daily")], "unauthorized_client"),
        (&[("executor", "shop")], "unauthorized_client"),
        (&[("executor", "nobody")], "unauthorized_client"),
        (&[("purpose", "")], "invalid_request"),
        (&[("purpose", "Nightly")], "invalid_request"),
        (&[("executor", "")], "invalid_request"),
        (&[("resource", "user-service")], "invalid_target"),
        (&[("scope", "order:write")], "invalid_scope"),
        (&[("scope", "a\"b")], "invalid_scope"),
        (&[("max_uses", "0")], "invalid_request"),
        (&[("max_uses", "4")], "invalid_request"),
        (&[("max_uses", "-1")], "invalid_request"),
        (&[("max_uses", "1e3")], "invalid_request"),
        (&[("not_after", "1")], "invalid_request"),
        (&[("not_after", "99999999999999999999")], "invalid_request"),
        (&[("not_before", "99999999999")], "invalid_request"),
        (&[("outlives_logout", "yes")], "invalid_request"),
        (&[("subject_token_type", "")], "invalid_request"),
        (&[("subject_token", "x.y.z")], "invalid_request"),
        (&[("subject_token", "")], "invalid_request"),
    ];
    for (more, error) in table {
        assert_eq!(parties.hand_on(&subject, more).await.refusal(), (400, *error), "{more:?}");
    }
    of_other_tokens(&system, &parties).await;
    let id = parties.handed_on(&subject, &[]).await;
    let token = parties.redeem(&id, &[]).await;
    let again = parties.hand_on(token.access_token(), &[]).await;
    assert_eq!(again.refusal(), (400, "invalid_request"), "what was handed on once ends");
    let wrong =
        parties.shop.caller.post_form(&format!("{}/oauth2/handoffs", parties.shop.auth), &[]).await;
    assert_eq!(wrong.refusal(), (401, "invalid_client"));
    system.stop().await;
}

/// Of what nobody has vouched for, or another has received.
async fn of_other_tokens(system: &System, parties: &Parties) {
    let front = OAuthClient::register(system, &front()).await;
    let nobody = front.token(&[("resource", "order-service")]).await;
    let refusal = parties.hand_on(nobody.access_token(), &[]).await;
    assert_eq!(refusal.refusal(), (400, "invalid_request"), "no session");
    let form = [("session", SESSION), ("resource", "file-service")];
    let elsewhere = front.token(&form).await;
    let refusal = parties.hand_on(elsewhere.access_token(), &[]).await;
    assert_eq!(refusal.refusal(), (400, "invalid_request"), "not received by it");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_good_in_its_time_and_no_longer() {
    let system = System::start().await;
    let parties = Parties::of(&system).await;
    let subject = received(&system).await;
    let now = claims_of(&subject)["iat"].as_i64().unwrap();
    let at = |after: i64| (now + after).to_string();
    let (begin, end) = (at(3), at(6));
    let id = parties.handed_on(&subject, &[("not_before", &begin), ("not_after", &end)]).await;
    let early = parties.redeem(&id, &[]).await;
    assert_eq!(refused(&early), (400, "invalid_grant", "not_yet"));
    tokio::time::sleep(std::time::Duration::from_millis(3_500)).await;
    let token = parties.redeem(&id, &[]).await;
    assert_eq!(token.status, 200, "{}", token.text);
    assert_eq!(claims_of(token.access_token())["exp"], now + 6, "no token outlives it");
    tokio::time::sleep(std::time::Duration::from_millis(3_000)).await;
    let late = parties.redeem(&id, &[]).await;
    assert_eq!(refused(&late), (400, "invalid_grant", "expired"));
    system.stop().await;
}
