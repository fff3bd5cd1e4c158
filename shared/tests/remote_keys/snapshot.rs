//! A service that starts while its issuer is away, with what it knew the last time.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Bench, COOLDOWN, NOW_S, SOON, log, set_of};

const HOUR: Duration = Duration::from_secs(3600);

impl Bench {
    /// A service with a snapshot of its issuer's keys, which has since been stopped and has lost its issuer.
    async fn with_snapshot() -> (Self, TempDir) {
        let (mut bench, folder) = (Self::new().await, tempfile::tempdir().unwrap());
        let _ = bench.keys.clone().with_snapshot(path(&folder));
        bench.keys.warm_up().await.unwrap();
        written(&path(&folder), |_| true).await;
        bench.start_again(&folder);
        bench.issuer_goes_away();
        (bench, folder)
    }

    fn start_again(&mut self, folder: &TempDir) {
        self.restart();
        let _ = self.keys.clone().with_snapshot(path(folder));
    }

    fn content(&self, fetched_at_s: i64) -> Value {
        let fetched_at = DateTime::from_timestamp(fetched_at_s, 0);
        let url = self.server.url("/jwks.json");
        json!({"url": url, "fetched_at": fetched_at, "jwks": set_of(&[&self.issuer])})
    }
}

fn path(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("keys.json")
}

/// Waits until the file is there and is as it should be.
pub async fn written(path: &Path, is_right: impl Fn(&Value) -> bool) {
    let right = || {
        let content = fs::read(path).ok()?;
        // Written in one piece: never half a file.
        Some(is_right(&serde_json::from_slice(&content).unwrap()))
    };
    let wait = async {
        while right() != Some(true) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap();
}

#[tokio::test]
async fn a_service_starts_with_its_snapshot_while_the_issuer_is_away() {
    let (bench, folder) = Bench::with_snapshot().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.keys.warm_up().await.unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[tokio::test]
async fn without_a_snapshot_it_cannot() {
    let (mut bench, _folder) = Bench::with_snapshot().await;
    bench.restart();
    assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
}

#[tokio::test]
async fn the_issuer_itself_comes_before_the_snapshot() {
    let (bench, _folder) = Bench::with_snapshot().await;
    let new = bench.another_issuer();
    bench.publish("", &[&new]);
    assert_eq!(bench.verdict_on_good().await, "unknown_key");
    assert_eq!(bench.verdict_on(&new).await, "accepted");
}

/// The issuer has not denied it; it was not there.
#[tokio::test]
async fn a_key_that_the_snapshot_does_not_have_is_asked_for_when_the_issuer_is_back() {
    let (bench, folder) = Bench::with_snapshot().await;
    let new = bench.another_issuer();
    assert_eq!(bench.verdict_on(&new).await, "unknown_key");
    bench.publish("", &[&bench.issuer, &new]);
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on(&new).await, "accepted");
    written(&path(&folder), |content| content["jwks"]["keys"].as_array().unwrap().len() == 2).await;
}

/// What it does not tell must not count, or a restart would make old keys young again.
#[tokio::test]
async fn the_time_before_the_start_counts() {
    let (bench, _folder) = Bench::with_snapshot().await;
    bench.clock.advance(23 * HOUR);
    assert_eq!(bench.verdict_on_good().await, "accepted");
    assert_eq!(bench.keys.counts().age_s, Some(23 * 3600));
    bench.clock.advance(HOUR);
    assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
}

#[tokio::test]
async fn a_snapshot_that_is_not_good_is_not_used_and_the_log_says_so_once() {
    let (mut bench, folder) = Bench::with_snapshot().await;
    let good = |fetched_at_s| bench.content(fetched_at_s);
    let with = |member: &str, value| {
        let mut content = good(NOW_S);
        content[member] = value;
        content.to_string()
    };
    let mut private = set_of(&[&bench.issuer]);
    private["keys"][0]["d"] = json!("AAAA");
    let table = [
        ("good", good(NOW_S).to_string(), "accepted"),
        ("a little ahead", good(NOW_S + 59).to_string(), "accepted"),
        ("from the future", good(NOW_S + 61).to_string(), "keys_unavailable"),
        ("nearly too old", good(NOW_S - 24 * 3600 + 10).to_string(), "accepted"),
        ("too old", good(NOW_S - 24 * 3600).to_string(), "keys_unavailable"),
        ("another issuer's", with("url", json!("http://127.0.0.1:1/")), "keys_unavailable"),
        ("no time", with("fetched_at", Value::Null), "keys_unavailable"),
        ("no keys", with("jwks", json!({"keys": []})), "keys_unavailable"),
        ("a private key", with("jwks", private), "keys_unavailable"),
        ("half", good(NOW_S).to_string()[..99].to_owned(), "keys_unavailable"),
        ("empty", String::new(), "keys_unavailable"),
        ("too long", " ".repeat(2 << 20) + &good(NOW_S).to_string(), "keys_unavailable"),
    ];
    for (name, content, verdict) in table {
        fs::write(path(&folder), content).unwrap();
        bench.start_again(&folder);
        log::take();
        for _ in 0..3 {
            assert_eq!(bench.verdict_on_good().await, verdict, "{name}");
            bench.clock.advance(Duration::from_secs(1));
        }
        let refused = log::take().iter().filter(|line| line.contains("of no use")).count();
        assert_eq!(refused, usize::from(verdict != "accepted"), "{name}");
        bench.clock.set_wall_clock(NOW_S);
    }
}

/// Keys stay the same for weeks; their snapshot must not become too old meanwhile.
#[tokio::test]
async fn the_snapshot_of_keys_that_do_not_change_is_renewed() {
    let (mut bench, folder) = Bench::with_snapshot().await;
    bench.publish("", &[&bench.issuer]);
    bench.keys.warm_up().await.unwrap();
    let first = DateTime::from_timestamp(NOW_S, 0).unwrap();
    for hours in [4, 8, 12] {
        bench.clock.advance(4 * HOUR);
        bench.use_and_settle().await;
        let now = json!(first + chrono::TimeDelta::hours(hours));
        written(&path(&folder), |content| content["fetched_at"] == now).await;
    }
    bench.start_again(&folder);
    bench.issuer_goes_away();
    assert_eq!(bench.verdict_on_good().await, "accepted");
}

/// A full or a read-only disk is not the callers' trouble.
#[tokio::test]
async fn a_snapshot_that_cannot_be_written_is_one_line_in_the_log() {
    let (bench, folder) = (Bench::new().await, tempfile::tempdir().unwrap());
    let missing = folder.path().join("missing");
    let _ = bench.keys.clone().with_snapshot(missing.join("keys.json"));
    for _ in 0..4 {
        bench.publish("", &[&bench.issuer, &bench.another_issuer()]);
        bench.clock.advance(COOLDOWN);
        assert_eq!(bench.verdict_on_kid(&bench.server.count().to_string()).await, "unknown_key");
        assert_eq!(bench.verdict_on_good().await, "accepted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(bench.keys.counts().failures, 0);
    fs::create_dir(&missing).unwrap();
    bench.publish("", &[&bench.issuer]);
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on_kid("unknown").await, "unknown_key");
    written(&missing.join("keys.json"), |content| content["jwks"].is_object()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let of_the_snapshot = |line: &String| line.contains("snapshot");
    let lines: Vec<_> = log::take().into_iter().filter(of_the_snapshot).collect();
    let broken = "WARN cannot write a snapshot of the issuer's keys";
    assert_eq!(lines, [broken, "INFO the snapshot of the issuer's keys is written again"]);
}
