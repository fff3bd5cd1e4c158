//! Files that say when they are of no more use: kept with them by every way in, and found by who tidies up.

use reqwest::Method;
use serde_json::{Value, json};
use tests::caller::{Answer, Caller, send};
use tests::system::System;
use tests::tus::{Tus, encoded};

const SESSION: &str = r#"{"companyId":1,"userId":2}"#;
const SOON: &str = "2101-01-01T00:00:00Z";
const LATER: &str = "2102-01-01T00:00:00Z";

async fn upload(caller: &Caller, files: &str, query: &[(&str, &str)]) -> Answer {
    let request = caller.request(Method::POST, &format!("{files}/api/files")).query(query);
    send(request.body("a,b\n")).await
}

async fn companies(system: &System, before: &str) -> Value {
    let sweeper = system.caller("file-service", SESSION).await;
    let url = format!("{}/internal/expired/companies?before={before}", system.services.file.url());
    let answer = sweeper.get(&url).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["data"]["companies"].clone()
}

async fn expired(caller: &Caller, files: &str, query: &str) -> (Vec<Value>, Value) {
    let list = caller.get(&format!("{files}/api/files?{query}")).await;
    assert_eq!(list.status, 200, "{}", list.text);
    let names = list.body["data"]["files"].as_array().unwrap().iter();
    (names.map(|file| file["name"].clone()).collect(), list.body["data"]["nextCursor"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_is_kept_with_the_file_by_every_way_in() {
    let system = System::start().await;
    let files = system.services.file.url();
    let caller = system.caller("file-service", SESSION).await;
    let raw =
        upload(&caller, &files, &[("name", "raw"), ("expiresAt", "2101-01-01T09:00:00+09:00")]);
    let raw = raw.await.body["data"].clone();
    let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"form\"\r\n\r\nx\r\n--x--\r\n";
    let request = caller.request(Method::POST, &format!("{files}/api/files"));
    let request = request.header("Content-Type", "multipart/form-data; boundary=x");
    let form = send(request.query(&[("expiresAt", SOON)]).body(form)).await;
    let tus = Tus::new(&caller, &files);
    let metadata = format!("filename {},expiresAt {}", encoded("tus"), encoded(SOON));
    let begun = tus.request(Method::POST, "/api/files/uploads").header("Upload-Length", 1);
    let begun = send(begun.header("Upload-Metadata", metadata)).await;
    let sent = tus.send(begun.header("location"), 0, b"x".to_vec()).await;
    for id in [&raw["id"], &form.body["data"]["id"], &json!(sent.header("baton-file-id"))] {
        let url = format!("{files}/api/files/{}/metadata", id.as_str().unwrap());
        let file = caller.get(&url).await.body["data"].clone();
        assert_eq!(file["expiresAt"], json!(SOON), "{file}");
    }
    let never = upload(&caller, &files, &[("name", "never")]).await;
    assert_eq!(never.body["data"].get("expiresAt"), Some(&Value::Null));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_is_over_or_none_at_all_is_refused_and_leaves_no_file() {
    let system = System::start().await;
    let files = system.services.file.url();
    let caller = system.caller("file-service", SESSION).await;
    for bad in ["2020-01-01T00:00:00Z", "2101-01-01", "soon", "", "+20000-01-01T00:00:00Z"] {
        let answer = upload(&caller, &files, &[("name", "a"), ("expiresAt", bad)]).await;
        assert_eq!(answer.verdict(), (400, "C001"), "{bad}");
        assert_eq!(answer.body["data"]["fields"][0]["field"], "expiresAt", "{bad}");
        let metadata = format!("filename {},expiresAt {}", encoded("a"), encoded(bad));
        let tus = Tus::new(&caller, &files);
        let begun = tus.request(Method::POST, "/api/files/uploads").header("Upload-Length", 1);
        let begun = send(begun.header("Upload-Metadata", metadata)).await;
        assert_eq!(begun.verdict(), (400, "C001"), "{bad}");
    }
    let twice = upload(&caller, &files, &[("name", "a"), ("expiresAt", SOON), ("expiresAt", SOON)]);
    assert_eq!(twice.await.verdict(), (400, "C001"));
    for path in ["/internal/expired/companies?before=soon", "/api/files?expiredBefore=soon"] {
        assert_eq!(caller.get(&format!("{files}{path}")).await.verdict(), (400, "C001"), "{path}");
    }
    assert!(expired(&caller, &files, "").await.0.is_empty());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_moment_is_another_request() {
    let system = System::start().await;
    let files = system.services.file.url();
    let caller = system.caller("file-service", SESSION).await;
    for (moment, status) in [(SOON, 201), (SOON, 200), (LATER, 422)] {
        let request = caller.request(Method::POST, &format!("{files}/api/files"));
        let request = request.query(&[("name", "a"), ("expiresAt", moment)]);
        let answer = send(request.header("Idempotency-Key", "k").body("x")).await;
        assert_eq!(answer.status, status, "{moment}: {}", answer.text);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_expired_is_found_and_it_is_readable_until_it_is_deleted() {
    let system = System::start().await;
    let files = system.services.file.url();
    let one = system.caller("file-service", SESSION).await;
    let two = system.caller("file-service", r#"{"companyId":2,"userId":2}"#).await;
    for name in ["a", "b", "c"] {
        upload(&one, &files, &[("name", name), ("expiresAt", SOON)]).await;
    }
    upload(&one, &files, &[("name", "later"), ("expiresAt", LATER)]).await;
    upload(&one, &files, &[("name", "never")]).await;
    let theirs = upload(&two, &files, &[("name", "theirs"), ("expiresAt", LATER)]).await;

    assert_eq!(companies(&system, "2100-12-31T23:59:59.999999Z").await, json!([]));
    assert_eq!(companies(&system, SOON).await, json!([1]));
    assert_eq!(companies(&system, LATER).await, json!([1, 2]));
    let (names, next) = expired(&one, &files, &format!("expiredBefore={SOON}&limit=2")).await;
    assert_eq!(names, ["a", "b"]);
    let next = next.as_str().unwrap();
    let last = expired(&one, &files, &format!("expiredBefore={SOON}&limit=2&cursor={next}")).await;
    assert_eq!(last, (vec![json!("c")], Value::Null));
    let all = expired(&one, &files, &format!("expiredBefore={LATER}")).await.0;
    assert_eq!(all, ["a", "b", "c", "later"]);

    let url = format!("{files}/api/files/{}", theirs.body["data"]["id"].as_str().unwrap());
    assert_eq!(two.get(&url).await.text, "a,b\n");
    assert_eq!(two.delete(&url).await.status, 200);
    assert_eq!(companies(&system, LATER).await, json!([1]));
    system.stop().await;
}
