//! What a company may keep, counted to the byte.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::caller::send;
use tests::store::Store;
use tests::tus::Tus;

use super::{bytes, caller, used};

#[tokio::test(flavor = "multi_thread")]
async fn of_eighty_uploads_at_once_as_many_succeed_as_there_is_room_for() {
    for store in Store::each().await {
        let system = store.system(&[("quota_bytes", "100500")]).await;
        let (files, caller) = caller(&system).await;
        let uploads = (0..80).map(|number| {
            let url = format!("{files}/api/files?name={number}");
            let request = caller.request(Method::POST, &url);
            // Half of them do not say how much comes.
            let body = match number % 2 {
                0 => reqwest::Body::from(bytes(5000)),
                _ => reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, String>(
                    bytes(5000),
                )])),
            };
            send(request.body(body))
        });
        let answers = join_all(uploads).await;
        let created = answers.iter().filter(|answer| answer.status == 201).count();
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(refused.verdict(), (413, "F002"), "{}", refused.text);
            assert_eq!(refused.body["data"]["quotaBytes"], 100_500);
            assert!(refused.body["data"]["usedBytes"].as_u64().unwrap() <= 100_500);
        }
        // A step of an upload of unknown length may have stood in another's way for a moment.
        assert!((1..=20).contains(&created), "{created}");
        assert_eq!(used(&system, &caller).await, created as u64 * 5000);
        let mut last = created;
        while caller.upload(&files, ("a", &last.to_string()), bytes(5000)).await.status == 201 {
            last += 1;
        }
        assert_eq!((last, store.count(&system)), (20, 20));
        let exact = caller.upload(&files, ("a", "exact"), bytes(500)).await;
        assert_eq!((exact.status, used(&system, &caller).await), (201, 100_500));
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_the_companys_own_and_comes_back_with_what_is_deleted() {
    let system = Store::Folder.system(&[("quota_bytes", "1000")]).await;
    let (files, one) = caller(&system).await;
    let other = system.caller("file-service", r#"{"companyId":2,"userId":2}"#).await;
    let full = one.upload(&files, ("a", "a"), bytes(1000)).await;
    assert_eq!(one.upload(&files, ("b", "b"), bytes(1)).await.verdict(), (413, "F002"));
    assert_eq!(one.upload(&files, ("c", "c"), bytes(0)).await.status, 201);
    assert_eq!(other.upload(&files, ("b", "b"), bytes(1)).await.status, 201);
    let usage = other.get(&format!("{files}/api/files/usage")).await;
    assert_eq!(usage.body["data"], json!({"usedBytes": 1, "quotaBytes": 1000}));
    let url = format!("{files}/api/files/{}", full.body["data"]["id"].as_str().unwrap());
    assert_eq!(other.delete(&url).await.verdict(), (404, "F001"));
    assert_eq!(one.delete(&url).await.status, 200);
    assert_eq!(one.upload(&files, ("b", "b"), bytes(1)).await.status, 201);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumable_upload_holds_its_whole_length_from_its_beginning_to_its_end() {
    let system = Store::Folder.system(&[("quota_bytes", "1000")]).await;
    let (files, caller) = caller(&system).await;
    let tus = Tus::new(&caller, &files);
    let path = tus.begin("a", 600).await;
    assert_eq!(used(&system, &caller).await, 600);
    assert_eq!(send(tus.beginning("b", 401)).await.verdict(), (413, "F002"));
    assert_eq!(tus.send(&path, 0, bytes(500)).await.status, 204);
    assert_eq!(used(&system, &caller).await, 600);
    assert_eq!(send(tus.request(Method::DELETE, &path)).await.status, 204);
    assert_eq!((used(&system, &caller).await, Store::Folder.count(&system)), (0, 0));
    let path = tus.begin("a", 1000).await;
    assert_eq!(tus.send(&path, 0, bytes(1000)).await.status, 204);
    assert_eq!((used(&system, &caller).await, Store::Folder.count(&system)), (1000, 1));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_quota_is_no_limit() {
    let system = Store::Folder.system(&[("quota_bytes", "0")]).await;
    let (files, caller) = caller(&system).await;
    assert_eq!(caller.upload(&files, ("a", "a"), bytes(5000)).await.status, 201);
    let usage = caller.get(&format!("{files}/api/files/usage")).await;
    assert_eq!(usage.body["data"], json!({"usedBytes": 5000, "quotaBytes": null}));
    system.stop().await;
}
