//! Files: in, out, listed, deleted, and nothing left of what broke; in a folder as in a bucket.

mod attacks;
mod authors;
mod faults;
mod forms;
mod late_commits;
mod processes;
mod quotas;
mod s3;
mod tus;

use futures_util::future::join_all;
use reqwest::Method;
use tests::caller::{Caller, send};
use tests::half_sent::HalfSent;
use tests::process::wait_until;
use tests::store::Store;
use tests::system::System;

const SESSION: &str = r#"{"companyId":1,"userId":2}"#;

/// Bytes that do not repeat where pieces or parts meet.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|number| (number % 251) as u8).collect()
}

/// The same behind what a PNG begins with.
fn picture(count: usize) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), &bytes(count)].concat()
}

async fn caller(system: &System) -> (String, Caller) {
    (system.services.file.url(), system.caller("file-service", SESSION).await)
}

async fn used(system: &System, caller: &Caller) -> u64 {
    let url = format!("{}/api/files/usage", system.services.file.url());
    caller.get(&url).await.body["data"]["usedBytes"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_as_it_went_in_and_goes_when_deleted() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let (body, name) = (bytes(13_000_000), "정산 \"7월\".csv");
        let uploaded = caller.upload(&files, (name, "k"), body.clone()).await;
        assert_eq!(uploaded.status, 201, "{}", uploaded.text);
        assert_eq!(uploaded.body["data"]["sizeBytes"], body.len());
        assert_eq!(used(&system, &caller).await, body.len() as u64);
        let url = format!("{files}/api/files/{}", uploaded.body["data"]["id"].as_str().unwrap());
        let response = caller.request(Method::GET, &url).send().await.unwrap();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(disposition.starts_with("attachment"), "{disposition}");
        assert!(disposition.contains("filename*=UTF-8''%EC%A0%95"), "{disposition}");
        assert!(response.bytes().await.unwrap() == body);
        assert_eq!(
            caller.get(&format!("{url}/metadata")).await.body["data"],
            uploaded.body["data"]
        );
        let list = caller.request(Method::GET, &format!("{files}/api/files"));
        let list = send(list.query(&[("name", name)])).await;
        assert_eq!(list.body["data"]["files"].as_array().unwrap().len(), 1);
        assert_eq!(store.count(&system), 1);
        assert_eq!(caller.delete(&url).await.status, 200);
        assert_eq!(caller.get(&url).await.verdict(), (404, "F001"));
        assert_eq!(caller.delete(&url).await.verdict(), (404, "F001"));
        assert_eq!((store.count(&system), used(&system, &caller).await), (0, 0));
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_uploads_of_one_name_keep_one_file() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let uploads = (0..20).map(|_| caller.upload(&files, ("a.csv", "k"), b"a,b\n".to_vec()));
        let answers = join_all(uploads).await;
        for answer in &answers {
            assert!([200, 201].contains(&answer.status), "{}", answer.text);
            assert_eq!(answer.body["data"]["id"], answers[0].body["data"]["id"]);
        }
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        let other = caller.upload(&files, ("a.csv", "k"), b"c,d,e\n".to_vec()).await;
        assert_eq!(other.verdict(), (422, "O004"));
        assert_eq!((store.count(&system), used(&system, &caller).await), (1, 4));
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let address = system.services.file.address;
        // More than one part of an S3 store, so that there is something to abort.
        let line = "POST /api/files?name=a.bin";
        let length = [("Content-Length", "20000000")];
        let half = HalfSent::begin(address, (&caller, line), &length, &bytes(12_000_000)).await;
        // Else nothing would be left because nothing had begun.
        wait_until("the upload has begun", || store.count(&system) >= 1);
        assert_eq!(used(&system, &caller).await, 20_000_000);
        drop(half);
        wait_until("nothing of it is left", || store.count(&system) == 0);
        let list = caller.get(&format!("{files}/api/files")).await;
        assert_eq!(list.body["data"]["files"].as_array().unwrap().len(), 0);
        assert_eq!(used(&system, &caller).await, 0);
        system.stop().await;
    }
}
