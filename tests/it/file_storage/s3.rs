//! What there is with an S3 store alone: addresses for downloads.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use shared::Timestamp;
use tests::caller::send;
use tests::s3::S3;
use tests::store::Store;

use super::{bytes, caller};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_for_a_download_is_good_for_this_file_and_nothing_else() {
    let s3 = S3::start().await;
    let store = Store::S3(s3);
    let system = store.system(&[]).await;
    let (files, caller) = caller(&system).await;
    let upload = async |name: &str| {
        let key = name.len().to_string();
        let answer = caller.upload(&files, (name, &key), bytes(1000)).await;
        answer.body["data"]["id"].as_str().unwrap().to_owned()
    };
    let (id, other) = (upload("정산.csv").await, upload("other").await);
    let asked = format!("{files}/api/files/{id}/download-url");
    let signed = caller.post_json(&asked, &Value::Null).await;
    assert_eq!(signed.status, 200, "{}", signed.text);
    assert_eq!(signed.header("cache-control"), "no-store");
    let expires_at: Timestamp = signed.body["data"]["expiresAt"].as_str().unwrap().parse().unwrap();
    let left = expires_at - shared::Clock::now(&shared::SystemClock::new());
    assert!(left.num_seconds() <= 60, "{left}");
    let url = signed.body["data"]["url"].as_str().unwrap();
    assert!(url.contains("response-content-disposition=attachment"), "{url}");
    assert!(url.contains("X-Amz-Expires=60&") && !url.contains("test-secret"), "{url}");
    let stranger = system.stranger();
    let got = stranger.request(Method::GET, url).send().await.unwrap();
    assert_eq!(got.status(), 200);
    assert_eq!(got.bytes().await.unwrap(), bytes(1000));
    let bent = [
        url.replace(&id, &other),
        url.replace("attachment", "inline"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        url.split_once('?').unwrap().0.to_owned(),
    ];
    for bent in bent {
        assert_ne!(&bent, url);
        assert_eq!(send(stranger.request(Method::GET, &bent)).await.status, 403, "{bent}");
    }
    assert_eq!(send(stranger.request(Method::PUT, url).body("x")).await.status, 403);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_no_addresses_and_says_so() {
    let system = Store::Folder.system(&[]).await;
    let (files, caller) = caller(&system).await;
    let answer = caller.upload(&files, ("a", "a"), bytes(1)).await;
    let id = answer.body["data"]["id"].as_str().unwrap();
    let url = format!("{files}/api/files/{id}/download-url");
    assert_eq!(caller.post_json(&url, &Value::Null).await.verdict(), (409, "F009"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lets_nobody_in_stops_the_start_with_its_reason() {
    let s3 = S3::start().await;
    let mut settings = s3.settings(s3.address);
    settings.push(("s3_secret_key", "wrong".to_owned()));
    let started = tokio::time::timeout(Duration::from_secs(30), start_with(settings)).await;
    let error = started.expect("within 30 s").expect("no start");
    assert!(error.contains("storage") && !error.contains("wrong"), "{error}");
}

async fn start_with(settings: Vec<(&'static str, String)>) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut options = standalone::options::Options::embedded(folder.path());
    options.file_settings = settings;
    let started = standalone::services::Services::start(&options).await;
    started.err().map(|error| error.to_string())
}
