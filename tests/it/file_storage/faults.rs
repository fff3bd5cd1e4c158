//! An S3 store that is slow, away, refuses, or is cut off in the middle.

use std::time::{Duration, Instant};

use tests::caller::Caller;
use tests::half_sent::HalfSent;
use tests::process::wait_until;
use tests::proxy::Proxy;
use tests::s3::S3;
use tests::system::System;
use tests::tus::Tus;

use super::{bytes, caller, used};

/// All services, with their files in a bucket that is reached through a proxy.
struct Remote {
    s3: S3,
    proxy: Proxy,
    system: System,
    files: String,
    caller: Caller,
}

impl Remote {
    async fn start() -> Self {
        let s3 = S3::start().await;
        let proxy = Proxy::start(&s3.address.to_string()).await;
        let settings = s3.settings(proxy.address);
        let system = System::start_with(|options| {
            options.file_settings = settings;
            options.file_settings.push(("abandoned_after_s", "2".to_owned()));
            options.file_settings.push(("sweep_interval_s", "1".to_owned()));
        })
        .await;
        let (files, caller) = caller(&system).await;
        Self { s3, proxy, system, files, caller }
    }

    async fn is_ready(&self) -> bool {
        let health = self.system.services.file.management_address;
        self.caller.get(&format!("http://{health}/readyz")).await.status == 200
    }

    fn is_empty(&self) -> bool {
        self.s3.count() + self.s3.unfinished() == 0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_uploads_are_answered_503_in_time_and_leave_nothing() {
    let remote = Remote::start().await;
    let Remote { files, caller, .. } = &remote;
    let kept = caller.upload(files, ("kept", "kept"), bytes(6_000_000)).await;
    assert_eq!(kept.status, 201, "{}", kept.text);
    let url = format!("{files}/api/files/{}", kept.body["data"]["id"].as_str().unwrap());
    for away in ["cut", "refusing"] {
        if away == "cut" {
            remote.proxy.cut()
        } else {
            remote.s3.refuse(true)
        }
        let began = Instant::now();
        for size in [10, 12_000_000] {
            let answer = caller.upload(files, ("a", "a"), bytes(size)).await;
            assert_eq!(answer.verdict(), (503, "C008"), "{away} {size}");
            assert!(!answer.header("retry-after").is_empty());
        }
        assert_eq!(caller.get(&url).await.verdict(), (503, "C008"), "{away}");
        assert!(began.elapsed() < Duration::from_secs(120), "{away}");
        assert!(!remote.is_ready().await, "{away}");
        remote.proxy.mend();
        remote.s3.refuse(false);
        assert!(remote.is_ready().await, "{away}");
        assert_eq!(caller.get(&url).await.status, 200, "{away}");
    }
    // Deleted while the store is away: gone for everybody at once, and from the store when it is back.
    remote.proxy.cut();
    assert_eq!(caller.delete(&url).await.status, 200);
    assert_eq!(caller.get(&url).await.verdict(), (404, "F001"));
    remote.proxy.mend();
    wait_until("nothing is left in the store", || remote.is_empty());
    let began = Instant::now();
    while used(&remote.system, caller).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "its room comes back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    remote.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_cut_off_in_the_middle_of_an_upload_keeps_no_part_of_it() {
    let remote = Remote::start().await;
    let Remote { files, caller, .. } = &remote;
    let line = "POST /api/files?name=a.bin";
    let length = [("Content-Length", "20000000")];
    let address = remote.system.services.file.address;
    let body = bytes(20_000_000);
    let mut half = HalfSent::begin(address, (caller, line), &length, &body[..12_000_000]).await;
    wait_until("a part is there", || remote.s3.unfinished() >= 2);
    remote.proxy.cut();
    half.send(&body[12_000_000..]).await;
    let answer = half.answer().await;
    assert!(answer.starts_with("HTTP/1.1 503") || answer.is_empty(), "{answer}");
    remote.proxy.mend();
    wait_until("the parts are gone", || remote.is_empty());
    assert_eq!(caller.upload(files, ("a", "a"), bytes(12_000_000)).await.status, 201);
    remote.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_was_when_the_store_is_back() {
    let remote = Remote::start().await;
    let tus = Tus::new(&remote.caller, &remote.files);
    let body = bytes(7_000_000);
    let path = tus.begin("a", body.len() as u64).await;
    assert_eq!(tus.send(&path, 0, body[..1_000_000].to_vec()).await.status, 204);
    remote.proxy.cut();
    let lost = tus.send(&path, 1_000_000, body[1_000_000..].to_vec()).await;
    assert_eq!(lost.verdict(), (503, "C008"));
    remote.proxy.mend();
    assert_eq!(tus.offset(&path).await, 1_000_000);
    // For each 16 KiB.
    remote.proxy.slow(Duration::from_millis(10));
    let sent = tus.send(&path, 1_000_000, body[1_000_000..].to_vec()).await;
    assert_eq!(sent.status, 204, "{}", sent.text);
    remote.proxy.mend();
    assert!(tus.downloaded(&path).await == body);
    wait_until("of its parts nothing is left", || remote.s3.count() == 1);
    remote.system.stop().await;
}
