//! A session on its way from a client to the services.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::client::http::{Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::ClientCredentials;
use shared::client::{ServiceClient, Target};
use shared::{Clock, Secret, Session, SystemClock};
use tests::system::System;

fn service_client(system: &System, secret: &Secret, audience: &str, url: &str) -> ServiceClient {
    let http = http_client(Timeouts::default()).unwrap();
    let endpoint = system.token_url().parse().unwrap();
    let source = ClientCredentials::new(http.clone(), endpoint, "traveller", secret);
    let tokens = TokenCache::new(Arc::new(source), SystemClock::shared());
    let scope = "order:read user:read file:read".parse().unwrap();
    ServiceClient::new(http, tokens, Target::new(url.parse().unwrap(), audience, scope))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_arrives_unchanged_at_each_service_which_sets_its_own_do_dt() {
    let system = System::start().await;
    let secret = system.client_for_all("traveller").await;
    let session = json!({
        "companyId": 100, "userId": 200, "roles": ["관리자", "auditor"], "team": "서울 — Ⅱ",
        "limits": {"b": [1, 2.5, null, true], "a": "\"quoted\"\n\u{1f600}"},
    });
    let sent = Session::parse(&session.to_string()).unwrap();
    let services = [
        ("user-service", &system.services.user),
        ("order-service", &system.services.order),
        ("file-service", &system.services.file),
    ];
    for (audience, service) in services {
        let before = SystemClock::new().now();
        let client = service_client(&system, &secret, audience, &service.url());
        let mut seen: Value = client.with_session(&sent).get("/api/session").fetch().await.unwrap();
        let do_dt = seen.as_object_mut().unwrap().remove("doDT").unwrap();
        let do_dt: shared::Timestamp = serde_json::from_value(do_dt).unwrap();
        assert!((before..=SystemClock::new().now()).contains(&do_dt), "{audience}: {do_dt}");
        assert_eq!(seen, session, "{audience}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_over_twenty_sessions_fetch_twenty_tokens_and_none_gets_anothers() {
    let system = System::start().await;
    let secret = system.client_for_all("traveller").await;
    let url = system.services.order.url();
    let client = service_client(&system, &secret, "order-service", &url);
    let before = system.count_at_auth("/oauth2/token", 200).await;
    let calls = (0..200).map(|call| {
        let user = call % 20 + 1;
        let session = Session::parse(&format!(r#"{{"companyId":7,"userId":{user}}}"#)).unwrap();
        let client = client.with_session(&session);
        async move {
            let seen: Value = client.get("/api/session").fetch().await.unwrap();
            (user, seen["userId"].as_i64().unwrap())
        }
    });
    let seen: Vec<(i64, i64)> = join_all(calls).await;
    assert!(seen.iter().all(|(asked, seen)| asked == seen), "{seen:?}");
    assert_eq!(seen.iter().map(|(_, seen)| seen).collect::<HashSet<_>>().len(), 20);
    assert_eq!(system.count_at_auth("/oauth2/token", 200).await - before, 20);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_service_is_refused_by_its_neighbour() {
    let system = System::start().await;
    let caller = system.caller("user-service", r#"{"companyId":1,"userId":2}"#).await;
    let own = caller.get(&format!("{}/api/session", system.services.user.url())).await;
    assert_eq!(own.status, 200);
    for neighbour in [&system.services.order, &system.services.file] {
        let answer = caller.get(&format!("{}/api/session", neighbour.url())).await;
        assert_eq!(answer.verdict(), (401, "A002"));
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_company_has_is_not_there_for_another() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let files = system.services.file.url();
    let (one, other) = (r#"{"companyId":1,"userId":2}"#, r#"{"companyId":2,"userId":2}"#);
    let paid = json!({"orders": [{
        "orderNo": "A-1", "userId": 2, "product": "pen", "quantity": 1, "unitPriceMinor": 100,
        "currency": "KRW", "paidAt": "2026-07-17T01:00:00Z"
    }]});
    let owner = system.caller("order-service", one).await;
    owner.post_json(&format!("{orders}/internal/orders/import"), &paid).await;
    let list = owner.get(&format!("{orders}/api/orders")).await;
    let id = list.body["data"]["orders"][0]["id"].as_str().unwrap().to_owned();
    let order_url = format!("{orders}/api/orders/{id}");
    assert_eq!(owner.get(&order_url).await.status, 200);

    let stranger = system.caller("order-service", other).await;
    let missing = stranger.get(&format!("{orders}/api/orders/{}", uuid::Uuid::now_v7())).await;
    let refused = stranger.get(&order_url).await;
    assert_eq!(refused.verdict(), (404, "O001"));
    assert_eq!(refused.body["message"], missing.body["message"]);
    let cancel = stranger.change_order(&order_url, "k", "cancel").await;
    assert_eq!(cancel.verdict(), (404, "O001"));
    assert_eq!(stranger.settle_order(&order_url, "k", "s").await.verdict(), (404, "O001"));
    let list = stranger.get(&format!("{orders}/api/orders")).await;
    assert_eq!(list.body["data"]["orders"], json!([]));

    let owner = system.caller("file-service", one).await;
    let file = owner.upload(&files, ("a.txt", "k"), b"hello".to_vec()).await;
    let file_url = format!("{files}/api/files/{}", file.body["data"]["id"].as_str().unwrap());
    let stranger = system.caller("file-service", other).await;
    assert_eq!(stranger.get(&file_url).await.verdict(), (404, "F001"));
    assert_eq!(stranger.delete(&file_url).await.verdict(), (404, "F001"));
    assert_eq!(owner.get(&file_url).await.text, "hello");
    system.stop().await;
}
