//! Redis over TLS: the cache, the signal between replicas, and the pool.

use std::time::Duration;

use shared::cache::signal::Signal;
use shared::cache::{Cache, Connector};
use shared::clock::SystemClock;
use shared::tls::ClientFiles;
use tests::certificates::Signed;
use tests::redis::OwnRedis;

use super::*;

/// A cache whose first call may come before its connection is there.
async fn first_word(url: &str, files: &ClientFiles) -> Result<(), String> {
    let cache = Cache::open_with_tls(url, files, SystemClock::shared()).unwrap();
    let mut last = Ok(());
    for _ in 0..20 {
        last = cache.insert("a", "1", Duration::from_secs(9)).await.map_err(|e| e.to_string());
        if last.is_ok() {
            assert_eq!(cache.find("a").await.unwrap().as_deref(), Some("1"));
            break;
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_known_by_its_certificate_and_knows_us_by_ours() {
    if !on_servers() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (authority, mut mounted) = mounted(folder.path());
    let redis = OwnRedis::start_with_tls(folder.path(), &mounted);
    let url = format!("rediss://127.0.0.1:{}/3", redis.port);
    let files = mounted.client();
    first_word(&url, &files).await.unwrap();

    let strange = Authority::new("somebody else");
    let other = Mounted::new(&folder.path().join("other"), &strange.sign("me"), strange.pem());
    let ca = Some(mounted.path("ca.crt"));
    let table = [
        (other.client(), "UnknownIssuer"),
        (ClientFiles { ca: ca.clone(), ..ClientFiles::default() }, "ertificate"),
        (ClientFiles { ca, ..other.client() }, "UnknownCA"),
    ];
    for (files, named) in table {
        let error = first_word(&url, &files).await.unwrap_err();
        assert!(error.contains(named), "{named}: {error}");
    }
    let named = url.replace("127.0.0.1", "localhost");
    let error = first_word(&named, &files).await.unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");

    hears(&url, &files).await;
    let pool = Connector::open_with_tls(&url, &files).unwrap().pool(Duration::from_secs(2));
    let pool = pool.unwrap();
    for _ in 0..2 {
        drop(pool.get().await.expect("a connection, and the same again"));
    }
    let next: Signed = authority.sign("next");
    mounted.replace(&next, authority.pem());
    first_word(&url, &files).await.unwrap();
}

/// A word of one reaches another.
async fn hears(url: &str, files: &ClientFiles) {
    let open = || Signal::open_with_tls(url, files, "changes").unwrap();
    let mut listener = open().listener();
    let limit = Duration::from_secs(5);
    tokio::time::timeout(limit, listener.heard()).await.expect("it listens");
    open().send().await;
    tokio::time::timeout(limit, listener.heard()).await.expect("it hears");
}
