//! Real answers about what is handed on, held against the schemas.

use serde_json::{Value, json};
use tests::batch_process::Batch;
use tests::handoffs::Parties;
use tests::system::System;

use super::exports::Customer;
use crate::accounts::log_in;
use crate::api_documents::document;

#[tokio::test(flavor = "multi_thread")]
async fn auth_service_answers_as_its_document_says() {
    let system = System::start().await;
    let (parties, admin) = (Parties::of(&system).await, system.admin().await);
    let customer = Customer::new(&system, "a@b.example").await;
    let login = log_in(&system, "a@b.example").await;
    let subject = login.body["data"]["accessToken"].as_str().unwrap();
    let (document, root) = (document("auth"), system.services.auth.url());
    let made = parties.hand_on(subject, &[("max_uses", "2")]).await;
    assert_eq!(made.status, 201, "{}", made.text);
    document.check(("post", "/oauth2/handoffs"), &made);
    for more in [("purpose", "daily"), ("max_uses", "99"), ("subject_token", "x")] {
        document.check(("post", "/oauth2/handoffs"), &parties.hand_on(subject, &[more]).await);
    }
    let id = made.body["handoff"].as_str().unwrap();
    for more in [("purpose", "daily"), ("scope", "order:read"), ("resource", "nowhere")] {
        document.check(("post", "/oauth2/token"), &parties.redeem(id, &[more]).await);
    }
    let list = customer.access.get(&format!("{root}/api/v2/auth/handoffs")).await;
    assert_eq!(list.body["data"][0]["uses"], 1, "{}", list.text);
    document.check(("get", "/api/v2/auth/handoffs"), &list);
    let name = list.body["data"][0]["id"].as_str().unwrap();
    let explained = |id: &str| format!("{root}/admin/handoffs/{id}");
    document.check(("get", "/admin/handoffs/{id}"), &admin.get(&explained(name)).await);
    for _ in 0..2 {
        let own = format!("{root}/api/v2/auth/handoffs/{name}");
        document
            .check(("delete", "/api/v2/auth/handoffs/{id}"), &customer.access.delete(&own).await);
    }
    document.check(("post", "/oauth2/token"), &parties.redeem(id, &[]).await);
    document.check(("get", "/admin/handoffs/{id}"), &admin.get(&explained(id)).await);
    document.check(("get", "/admin/handoffs/{id}"), &admin.get(&explained("none")).await);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_service_answers_as_its_document_says() {
    let system = System::start().await;
    Batch::of(&system).await;
    let customer = Customer::new(&system, "a@b.example").await;
    let (document, root) = (document("order"), system.services.order.url());
    let at = |path: &str| format!("{root}{path}");
    let asked = customer.asks(&json!({"placedFrom": "2026-07-01"})).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    document.check(("post", "/api/orders/exports"), &asked);
    let bad = customer.asks(&json!({"placedFrom": "now"})).await;
    document.check(("post", "/api/orders/exports"), &bad);
    let id = customer.has_asked(&json!({})).await;
    let session = json!({"companyId": customer.company, "userId": 1}).to_string();
    let batch = system.caller("order-service", &session).await;
    for path in ["/internal/exports/companies", "/internal/exports"] {
        document.check(("get", path), &batch.get(&at(path)).await);
    }
    let finish = at(&format!("/internal/exports/{id}/finish"));
    let closed = json!({"reason": "ended", "endedBy": "LOGOUT"});
    for body in [&closed, &json!({"fileId": "x"}), &json!({"reason": "a b"}), &Value::Null] {
        let answer = batch.post_json(&finish, body).await;
        document.check(("post", "/internal/exports/{id}/finish"), &answer);
    }
    document.check(
        ("get", "/api/orders/exports"),
        &customer.access.get(&at("/api/orders/exports")).await,
    );
    for id in [id.as_str(), "none"] {
        let one = customer.access.get(&at(&format!("/api/orders/exports/{id}"))).await;
        document.check(("get", "/api/orders/exports/{id}"), &one);
    }
    assert_eq!(customer.export(&id).await["state"], "CLOSED", "the first end counts");
    system.stop().await;
}
