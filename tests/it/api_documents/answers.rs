//! Real answers, held against the schemas.

use serde_json::{Value, json};
use tests::api_document::ApiDocument;
use tests::caller::{Caller, send};
use tests::oauth::{OAuthClient, declared};
use tests::system::System;

use super::document;

const SESSION: &str = r#"{"companyId":100,"userId":200,"roles":["clerk"]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn order_service_answers_as_its_document_says() {
    let system = System::start().await;
    let (document, root) = (document("order"), system.services.order.url());
    let caller = system.caller("order-service", SESSION).await;
    let at = |path: &str| format!("{root}{path}");
    document.check(("get", "/api/products"), &system.stranger().get(&at("/api/products")).await);
    document.check(("get", "/api/products"), &caller.get(&at("/api/products")).await);
    document.check(("get", "/api/session"), &caller.get(&at("/api/session")).await);
    let refused = system.stranger().get(&at("/api/orders")).await;
    document.check(("get", "/api/orders"), &refused);
    document.check(("get", "/api/orders"), &caller.get(&at("/api/orders?limit=0")).await);
    document.check(("get", "/api/orders"), &caller.get(&at("/api/orders?limit=1")).await);
    let imported = import_order(&caller, &root).await;
    document.check(("post", "/internal/orders/import"), &imported);
    let listed = caller.get(&at("/api/orders?status=PAID")).await;
    document.check(("get", "/api/orders"), &listed);
    let id = listed.body["data"]["orders"][0]["id"].as_str().expect("an order");
    let order = at(&format!("/api/orders/{id}"));
    document.check(("get", "/api/orders/{id}"), &caller.get(&order).await);
    let missing = at("/api/orders/019c1d52-6a3e-7c1b-9f70-000000000404");
    document.check(("get", "/api/orders/{id}"), &caller.get(&missing).await);
    document
        .check(("get", "/api/orders/{id}/receipt"), &caller.get(&format!("{order}/receipt")).await);
    let settled = caller.settle_order(&order, "k-1", "S-1").await;
    document.check(("post", "/api/orders/{id}/settle"), &settled);
    let cancelled = caller.change_order(&order, "k-2", "cancel").await;
    assert_eq!(cancelled.verdict(), (409, "O002"));
    document.check(("post", "/api/orders/{id}/cancel"), &cancelled);
    let placed = caller.place_order(&root, "k-3", (0, 0)).await;
    document.check(("post", "/api/orders"), &placed);
    let nonsense = caller.post_json(&at("/api/orders"), &json!({"items": "none"})).await;
    document.check(("post", "/api/orders"), &nonsense);
    system.stop().await;
}

async fn import_order(caller: &Caller, root: &str) -> tests::caller::Answer {
    let row = json!({
        "orderNo": "A-1", "userId": 200, "product": "pen", "quantity": 2, "unitPriceMinor": 150,
        "currency": "KRW", "paidAt": "2026-07-17T09:00:00Z",
    });
    let url = format!("{root}/internal/orders/import");
    caller.post_json(&url, &json!({ "orders": [row] })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn user_service_answers_as_its_document_says() {
    let system = System::start().await;
    let (document, root) = (document("user"), system.services.user.url());
    let caller = system.caller("user-service", SESSION).await;
    let at = |path: &str| format!("{root}{path}");
    let rows =
        json!({"users": [{"email": "a@example.com", "name": "A"}, {"email": "no", "name": null}]});
    let imported = caller.post_json(&at("/internal/users/import"), &rows).await;
    document.check(("post", "/internal/users/import"), &imported);
    let listed = caller.get(&at("/api/users?limit=1")).await;
    document.check(("get", "/api/users"), &listed);
    let id = listed.body["data"]["users"][0]["id"].as_i64().expect("a user");
    document.check(("get", "/api/users/{id}"), &caller.get(&at(&format!("/api/users/{id}"))).await);
    document.check(("get", "/api/users/{id}"), &caller.get(&at("/api/users/999999")).await);
    document.check(("get", "/api/me"), &system.stranger().get(&at("/api/me")).await);
    document.check(("get", "/api/v2/users/me"), &caller.get(&at("/api/v2/users/me")).await);
    let codes = at("/api/v2/users/email-codes");
    let ask = json!({"email": "b@example.com", "purpose": "SIGNUP"});
    let asked = system.stranger().post_json(&codes, &ask).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    document.check(("post", "/api/v2/users/email-codes"), &asked);
    let bad = json!({"email": "b", "purpose": "SIGNUP"});
    document.check(
        ("post", "/api/v2/users/email-codes"),
        &system.stranger().post_json(&codes, &bad).await,
    );
    let guess = json!({"email": "b@example.com", "purpose": "SIGNUP", "code": "000000"});
    let guessed = system.stranger().post_json(&format!("{codes}/verify"), &guess).await;
    document.check(("post", "/api/v2/users/email-codes/verify"), &guessed);
    let early = json!({"email": "b@example.com", "password": "turtles all the way down", "name": "B", "token": "x"});
    let early = system.stranger().post_json(&at("/api/v2/users"), &early).await;
    document.check(("post", "/api/v2/users"), &early);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_service_answers_as_its_document_says() {
    let system = System::start().await;
    let (document, root) = (document("file"), system.services.file.url());
    let caller = system.caller("file-service", SESSION).await;
    let at = |path: &str| format!("{root}{path}");
    for _ in 0..2 {
        let uploaded = caller.upload(&root, ("july.csv", "k-1"), b"a,b".to_vec()).await;
        document.check(("post", "/api/files"), &uploaded);
    }
    let other = caller.upload(&root, ("july.csv", "k-1"), b"c,d".to_vec()).await;
    assert_eq!(other.verdict(), (422, "O004"));
    document.check(("post", "/api/files"), &other);
    let listed = caller.get(&at("/api/files")).await;
    document.check(("get", "/api/files"), &listed);
    let id = listed.body["data"]["files"][0]["id"].as_str().expect("a file");
    let file = at(&format!("/api/files/{id}"));
    document
        .check(("get", "/api/files/{id}/metadata"), &caller.get(&format!("{file}/metadata")).await);
    document.check(("get", "/api/files/usage"), &caller.get(&at("/api/files/usage")).await);
    let url = caller.post_json(&format!("{file}/download-url"), &Value::Null).await;
    document.check(("post", "/api/files/{id}/download-url"), &url);
    let range = caller.request(reqwest::Method::GET, &file).header("Range", "bytes=9-");
    document.check(("get", "/api/files/{id}"), &send(range).await);
    let begun = caller.request(reqwest::Method::POST, &at("/api/files/uploads"));
    let begun = begun.header("Tus-Resumable", "1.0.0").header("Upload-Length", "3");
    let begun = send(begun.header("Upload-Metadata", "filename YQ==")).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    document.check(("post", "/api/files/uploads"), &begun);
    document.check(("delete", "/api/files/{id}"), &caller.delete(&file).await);
    document.check(("delete", "/api/files/{id}"), &caller.delete(&file).await);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auth_service_answers_as_its_document_says() {
    let system = System::start().await;
    let document = document("auth");
    tokens_are_as_described(&system, &document).await;
    logins_are_as_described(&system, &document).await;
    administration_is_as_described(&system, &document).await;
    system.stop().await;
}

async fn tokens_are_as_described(system: &System, document: &ApiDocument) {
    let root = system.services.auth.url();
    let at = |path: &str| format!("{root}{path}");
    let worker = OAuthClient::register(system, &declared("worker")).await;
    let issued = worker.token(&[]).await;
    document.check(("post", "/oauth2/token"), &issued);
    document.check(("post", "/oauth2/token"), &worker.token(&[("scope", "none:such")]).await);
    let stranger = system.stranger();
    let unknown = stranger.post_form(&at("/oauth2/token"), &[("client_id", "nobody")]).await;
    document.check(("post", "/oauth2/token"), &unknown);
    let seen = worker.introspect(issued.access_token()).await;
    document.check(("post", "/oauth2/introspect"), &seen);
    document.check(("post", "/oauth2/introspect"), &worker.introspect("x").await);
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/account/providers",
        "/account",
    ] {
        document.check(("get", path), &stranger.get(&at(path)).await);
    }
}

async fn logins_are_as_described(system: &System, document: &ApiDocument) {
    let (root, stranger) = (system.services.auth.url(), system.stranger());
    let at = |path: &str| format!("{root}{path}");
    let login = json!({"email": "a@example.com", "password": "turtles"});
    document.check(
        ("post", "/api/v2/auth/login"),
        &stranger.post_json(&at("/api/v2/auth/login"), &login).await,
    );
    document.check(
        ("post", "/api/v2/auth/refresh"),
        &stranger.post_json(&at("/api/v2/auth/refresh"), &json!({})).await,
    );
}

async fn administration_is_as_described(system: &System, document: &ApiDocument) {
    let (root, stranger) = (system.services.auth.url(), system.stranger());
    let at = |path: &str| format!("{root}{path}");
    let admin = system.admin().await;
    let client = json!({"id": "shop", "scope": ["order:read"], "resources": ["order-service"], "session_policy": {"assert": {"companies": [100], "roles": "any", "attributes": {"team": ["a"]}, "max_ttl_s": 60}}});
    let made = admin.post_json(&at("/admin/clients"), &client).await;
    assert_eq!(made.status, 201, "{}", made.text);
    document.check(("post", "/admin/clients"), &made);
    document.check(
        ("post", "/admin/clients"),
        &admin.post_json(&at("/admin/clients"), &json!({"id": ""})).await,
    );
    for path in ["/admin/clients", "/admin/keys", "/admin/audit"] {
        document.check(("get", path), &admin.get(&at(path)).await);
    }
    document.check(("get", "/admin/clients/{id}"), &admin.get(&at("/admin/clients/shop")).await);
    document.check(("get", "/admin/clients/{id}"), &admin.get(&at("/admin/clients/none")).await);
    let question = json!({"client": "shop", "session": SESSION});
    document.check(
        ("post", "/admin/policy/explain"),
        &admin.post_json(&at("/admin/policy/explain"), &question).await,
    );
    let revoked =
        admin.post_json(&at("/admin/revocations"), &json!({"kind": "user", "value": "200"})).await;
    document.check(("post", "/admin/revocations"), &revoked);
    document.check(("get", "/admin/keys"), &stranger.get(&at("/admin/keys")).await);
}
