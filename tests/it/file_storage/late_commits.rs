//! PostgreSQL has committed, and its answer is late: what is recorded keeps its bytes.

use std::time::Duration;

use tests::backend::on_servers;
use tests::late_commit::LateCommit;
use tests::system::System;
use tests::tus::Tus;
use url::Url;

use super::{bytes, caller, used};

/// Longer than those who are at work on an object are asked twice.
const LATE: Duration = Duration::from_millis(1_500);

/// file-service hears late that a file has been recorded: once for each connection, for the next time the statement has a
/// name.
async fn start() -> (System, LateCommit) {
    let server = std::env::var("BATON_TEST_POSTGRES_URL").expect("tests/run sets it");
    let server: Url = server.parse().expect("a URL");
    let server = format!("{}:{}", server.host_str().unwrap(), server.port().unwrap());
    let late = LateCommit::start(&server, r#"INSERT INTO "files""#, LATE).await;
    let system = System::start_with(|options| {
        let through = options.databases.file.replace(&server, &late.address.to_string());
        options.databases.file = through;
        options.file_settings = [("abandoned_after_s", "2"), ("sweep_interval_s", "1")]
            .map(|(name, value)| (name, value.to_owned()))
            .into();
    })
    .await;
    (system, late)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_commit_is_answered_late_keeps_its_bytes() {
    if !on_servers() {
        return;
    }
    let (system, _late) = start().await;
    let (files, caller) = caller(&system).await;
    let body = bytes(100_000);
    let uploaded = caller.upload(&files, ("a.bin", "k"), body.clone()).await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.text);
    // Twice what the sweep waits for.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let id = uploaded.body["data"]["id"].as_str().unwrap();
    let url = format!("{files}/api/files/{id}");
    let response = caller.request(reqwest::Method::GET, &url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.unwrap() == body);
    assert_eq!(used(&system, &caller).await, body.len() as u64);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_pieces_whose_last_commit_is_answered_late_keeps_its_bytes() {
    if !on_servers() {
        return;
    }
    let (system, _late) = start().await;
    let (files, caller) = caller(&system).await;
    let (tus, body) = (Tus::new(&caller, &files), bytes(100_000));
    let path = tus.begin("a", body.len() as u64).await;
    let sent = tus.send(&path, 0, body.clone()).await;
    assert!([204, 423].contains(&sent.status), "{}", sent.text);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(tus.downloaded(&path).await == body);
    assert_eq!(used(&system, &caller).await, body.len() as u64);
    system.stop().await;
}
