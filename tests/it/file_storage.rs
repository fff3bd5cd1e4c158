//! Files: in, out, listed, deleted, and nothing left of what broke.

use std::path::Path;

use futures_util::future::join_all;
use reqwest::Method;
use tests::caller::send;
use tests::process::wait_until;
use tests::system::System;
use tokio::io::AsyncWriteExt;

const SESSION: &str = r#"{"companyId":1,"userId":2}"#;

fn stored(system: &System) -> usize {
    fn count(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
    }
    count(&system.options.data_dir.join("files"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_as_it_went_in_and_goes_when_deleted() {
    let system = System::start().await;
    let files = system.services.file.url();
    let caller = system.caller("file-service", SESSION).await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let name = "정산 \"7월\".csv";
    let uploaded = caller.upload(&files, (name, "k"), body.clone()).await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.text);
    assert_eq!(uploaded.body["data"]["sizeBytes"], body.len());
    let url = format!("{files}/api/files/{}", uploaded.body["data"]["id"].as_str().unwrap());
    let response = caller.request(Method::GET, &url).send().await.unwrap();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment"), "{disposition}");
    assert!(disposition.contains("filename*=UTF-8''%EC%A0%95"), "{disposition}");
    assert_eq!(response.bytes().await.unwrap(), body);
    let list = caller.request(Method::GET, &format!("{files}/api/files")).query(&[("name", name)]);
    assert_eq!(send(list).await.body["data"]["files"].as_array().unwrap().len(), 1);
    assert_eq!(caller.delete(&url).await.status, 200);
    assert_eq!(caller.get(&url).await.verdict(), (404, "F001"));
    assert_eq!(caller.delete(&url).await.verdict(), (404, "F001"));
    assert_eq!(stored(&system), 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_uploads_of_one_name_keep_one_file() {
    let system = System::start().await;
    let files = system.services.file.url();
    let caller = system.caller("file-service", SESSION).await;
    let uploads = (0..20).map(|_| caller.upload(&files, ("a.csv", "k"), b"a,b\n".to_vec()));
    let answers = join_all(uploads).await;
    for answer in &answers {
        assert!([200, 201].contains(&answer.status), "{}", answer.text);
        assert_eq!(answer.body["data"]["id"], answers[0].body["data"]["id"]);
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(stored(&system), 1);
    let other = caller.upload(&files, ("a.csv", "k"), b"c,d\n".to_vec()).await;
    assert_eq!(other.verdict(), (422, "O004"));
    assert_eq!(stored(&system), 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_name_or_checksum_keeps_nothing() {
    let system = System::start().await;
    let files = system.services.file.url();
    let caller = system.caller("file-service", SESSION).await;
    for name in ["", "..", "a/b", "a\\b", "a\nb", "a\0b", &"x".repeat(256)] {
        let answer = caller.upload(&files, (name, "k"), b"x".to_vec()).await;
        assert_eq!(answer.verdict(), (400, "C001"), "{name:?}");
    }
    let request = caller.request(Method::POST, &format!("{files}/api/files?name=a"));
    // The SHA-256 of nothing.
    let digest = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let answer = send(request.header("Content-Digest", digest).body("something")).await;
    assert_eq!(answer.verdict(), (422, "F003"));
    assert_eq!(stored(&system), 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let system = System::start().await;
    let caller = system.caller("file-service", SESSION).await;
    let address = system.services.file.address;
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/files?name=a.bin HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 1000000\r\n\r\n",
        caller.token()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&vec![7; 500_000]).await.unwrap();
    // Else nothing would be left because nothing had begun.
    wait_until("the upload has begun", || stored(&system) == 1);
    drop(socket);
    wait_until("nothing of it is left", || stored(&system) == 0);
    let list = caller.get(&format!("{}/api/files", system.services.file.url())).await;
    assert_eq!(list.body["data"]["files"].as_array().unwrap().len(), 0);
    system.stop().await;
}
