//! file-service as processes: several on one storage, killed in the middle, on a disk without room.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tests::caller::Answer;
use tests::file_process::FileProcess;
use tests::half_sent::HalfSent;
use tests::process::wait_until;
use tests::store::Store;
use tests::tus::Tus;

use super::{bytes, caller, used};

/// Sends until nobody else holds the upload any more.
async fn send_patiently(tus: &Tus, path: &str, (offset, body): (u64, Vec<u8>)) -> Answer {
    let began = Instant::now();
    loop {
        let answer = tus.send(path, offset, body.clone()).await;
        if answer.status != 423 {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(40), "whoever was killed lets go");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_an_upload_loses_nothing_that_was_told() {
    for store in Store::each().await {
        let settings = [("abandoned_after_s", "2"), ("sweep_interval_s", "1")];
        let system = store.system(&settings).await;
        let (_, caller) = caller(&system).await;
        let mut replica = FileProcess::start(&system, &[]).await;
        let (tus, body) = (Tus::new(&caller, &replica.url), bytes(40_000_000));
        let path = tus.begin("a", body.len() as u64).await;
        let line = format!("PATCH {path}");
        let headers = [
            ("Tus-Resumable", "1.0.0"),
            ("Upload-Offset", "0"),
            ("Content-Type", "application/offset+octet-stream"),
            ("Content-Length", "40000000"),
        ];
        let half =
            HalfSent::begin(replica.address, (&caller, &line), &headers, &body[..30_000_000]).await;
        let began = Instant::now();
        while tus.offset(&path).await == 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "some is durable within 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        replica.kill_and_restart().await;
        drop(half);
        let offset = tus.offset(&path).await;
        assert!((1..=30_000_000).contains(&offset), "{offset}");
        let rest = body[usize::try_from(offset).unwrap()..].to_vec();
        let sent = send_patiently(&tus, &path, (offset, rest)).await;
        assert_eq!(sent.status, 204, "{}", sent.text);
        assert!(tus.downloaded(&path).await == body);
        wait_until("what the kill has left is swept up", || store.count_with_bytes(&system) == 1);
        assert_eq!(used(&system, &caller).await, body.len() as u64);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_plain_upload_leaves_nothing_and_gives_back_its_room() {
    for store in Store::each().await {
        let settings = [("abandoned_after_s", "2"), ("sweep_interval_s", "1")];
        let system = store.system(&settings).await;
        let (_, caller) = caller(&system).await;
        let mut replica = FileProcess::start(&system, &[]).await;
        let line = "POST /api/files?name=a.bin";
        let length = [("Content-Length", "20000000")];
        let sent = bytes(12_000_000);
        let half = HalfSent::begin(replica.address, (&caller, line), &length, &sent).await;
        wait_until("the upload has begun", || store.count(&system) >= 1);
        assert_eq!(used(&system, &caller).await, 20_000_000);
        // It goes on for longer than one that is dead is waited for.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(used(&system, &caller).await, 20_000_000);
        replica.kill_and_restart().await;
        drop(half);
        wait_until("nothing of it is left", || store.count_with_bytes(&system) == 0);
        let began = Instant::now();
        while used(&system, &caller).await > 0 {
            assert!(began.elapsed() < Duration::from_secs(10), "its room comes back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_never_both_add_and_each_goes_on_where_the_other_was() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let replica = FileProcess::start(&system, &[]).await;
        let (one, other) = (Tus::new(&caller, &files), Tus::new(&caller, &replica.url));
        let path = one.begin("a", 10 * 50_000).await;
        for round in 0..10_u8 {
            let offset = u64::from(round) * 50_000;
            assert_eq!((one.offset(&path).await, other.offset(&path).await), (offset, offset));
            let sent = (0..6_u8).map(|own| {
                let tus = if own % 2 == 0 { &one } else { &other };
                tus.send(&path, offset, vec![round * 6 + own; 50_000])
            });
            let answers = join_all(sent).await;
            let done = answers.iter().filter(|answer| answer.status == 204).count();
            assert_eq!(done, 1, "{answers:?}");
        }
        let content = one.downloaded(&path).await;
        for (round, piece) in content.chunks(50_000).enumerate() {
            assert!(piece.iter().all(|byte| *byte == piece[0]), "{round}");
            assert_eq!(usize::from(piece[0] / 6), round);
        }
        assert!(other.downloaded(&path).await == content);
        assert_eq!(store.count(&system), 1);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_in_the_middle_of_an_upload_keeps_nothing_of_it_and_goes_on_reading() {
    let system = Store::Folder.system(&[]).await;
    let (_, caller) = caller(&system).await;
    let replica = FileProcess::start_on_small_disk(&system, 6 * 1024).await;
    let small = caller.upload(&replica.url, ("a", "a"), bytes(100_000)).await;
    assert_eq!(small.status, 201, "{}", small.text);
    let large = caller.upload(&replica.url, ("b", "b"), bytes(12_000_000)).await;
    assert_eq!(large.verdict(), (503, "C008"));
    assert_eq!(large.header("retry-after"), "60");
    assert_eq!((used(&system, &caller).await, Store::Folder.count(&system)), (100_000, 1));
    let tus = Tus::new(&caller, &replica.url);
    let path = tus.begin("c", 12_000_000).await;
    assert_eq!(tus.send(&path, 0, bytes(12_000_000)).await.verdict(), (503, "C008"));
    assert_eq!((tus.offset(&path).await, Store::Folder.count(&system)), (0, 1));
    let id = small.body["data"]["id"].as_str().unwrap();
    let content = caller.get(&format!("{}/api/files/{id}", replica.url)).await;
    assert_eq!((content.status, content.text.len() > 1000), (200, true));
    // There is room again.
    let again = caller.upload(&system.services.file.url(), ("b", "b"), bytes(12_000_000)).await;
    assert_eq!(again.status, 201);
    system.stop().await;
}
