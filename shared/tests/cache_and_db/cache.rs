//! Values that expire, are taken once and counted, in this process or in Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use shared::cache::{Cache, TakeIf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
/// Redis keeps its own time, so the tests wait for it.
const SHORT: Duration = Duration::from_millis(200);
/// Twice what the cache promises, for a machine that is busy.
const SOON: Duration = Duration::from_millis(200);

/// The embedded cache, and Redis where there is one; with a prefix for keys that nobody else has.
fn caches() -> Vec<(Cache, String)> {
    let redis = server_at("BATON_TEST_REDIS_URL");
    let urls = std::iter::once("memory://".to_owned()).chain(redis);
    let open = |url: String| Cache::open(&url, SystemClock::shared()).unwrap();
    urls.map(|url| (open(url), format!("test:{}:", uuid::Uuid::new_v4()))).collect()
}

#[tokio::test]
async fn a_value_is_found_until_it_is_replaced_deleted_or_expires() {
    for (cache, prefix) in caches() {
        let (a, b) = (format!("{prefix}a"), format!("{prefix}b"));
        assert_eq!(cache.find(&a).await.unwrap(), None, "{cache:?}");
        cache.insert(&a, "1", MINUTE).await.unwrap();
        cache.insert(&b, "서울 \r\n\0", MINUTE).await.unwrap();
        assert_eq!(cache.find(&a).await.unwrap().as_deref(), Some("1"));
        assert_eq!(cache.find(&b).await.unwrap().as_deref(), Some("서울 \r\n\0"));
        cache.insert(&a, "2", SHORT).await.unwrap();
        assert_eq!(cache.find(&a).await.unwrap().as_deref(), Some("2"));
        cache.delete(&b).await.unwrap();
        cache.delete(&b).await.unwrap();
        assert_eq!(cache.find(&b).await.unwrap(), None);
        tokio::time::sleep(SHORT * 3 / 2).await;
        assert_eq!(cache.find(&a).await.unwrap(), None, "{cache:?}: expired");
        assert_eq!(cache.take(&a).await.unwrap(), None, "{cache:?}: expired");
        cache.ping().await.unwrap();
    }
}

/// An e-mail code or a login's state is good once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_take_a_value_at_once_one_gets_it() {
    for (cache, prefix) in caches() {
        for round in 0..10 {
            let key = format!("{prefix}{round}");
            cache.insert(&key, "code", MINUTE).await.unwrap();
            let takers = (0..50).map(|_| {
                let (cache, key) = (cache.clone(), key.clone());
                tokio::spawn(async move { cache.take(&key).await.unwrap() })
            });
            let taken = join_all(takers).await;
            let got: Vec<String> = taken.into_iter().filter_map(|taker| taker.unwrap()).collect();
            assert_eq!(got, ["code"], "{cache:?}");
        }
    }
}

/// All of them name the right one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_name_a_value_at_once_one_gets_it() {
    for (cache, prefix) in caches() {
        for round in 0..5 {
            let key = format!("{prefix}{round}");
            cache.insert(&key, "code", MINUTE).await.unwrap();
            let takers = (0..100).map(|_| {
                let (cache, key) = (cache.clone(), key.clone());
                tokio::spawn(async move { cache.take_if(&key, "code", 5).await.unwrap() })
            });
            let outcomes: Vec<TakeIf> =
                join_all(takers).await.into_iter().map(|taker| taker.unwrap()).collect();
            let taken = |outcome: &&TakeIf| matches!(outcome, TakeIf::Taken { .. });
            assert_eq!(outcomes.iter().filter(taken).count(), 1, "{cache:?}");
            assert!(!outcomes.contains(&TakeIf::Wrong), "{cache:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_guess_at_once_five_are_heard() {
    for (cache, prefix) in caches() {
        let key = format!("{prefix}guessed");
        cache.insert(&key, "code", MINUTE).await.unwrap();
        let guessers = (0..100).map(|number| {
            let (cache, key) = (cache.clone(), key.clone());
            tokio::spawn(async move { cache.take_if(&key, &format!("{number}"), 5).await.unwrap() })
        });
        let outcomes: Vec<TakeIf> =
            join_all(guessers).await.into_iter().map(|guesser| guesser.unwrap()).collect();
        let wrong = outcomes.iter().filter(|outcome| **outcome == TakeIf::Wrong).count();
        assert_eq!(wrong, 5, "{cache:?}");
        assert_eq!(cache.take_if(&key, "code", 5).await.unwrap(), TakeIf::Gone, "{cache:?}");
    }
}

/// What is put back was not taken; its guesses were made all the same. What takes its place starts anew.
#[tokio::test]
async fn wrong_names_count_for_the_value_that_they_were_wrong_about() {
    for (cache, prefix) in caches() {
        let key = format!("{prefix}counted");
        let name = async |value: &str| cache.take_if(&key, value, 3).await.unwrap();
        cache.insert(&key, "a:1", MINUTE).await.unwrap();
        assert_eq!((name("x").await, name("y").await), (TakeIf::Wrong, TakeIf::Wrong));
        let TakeIf::Taken { left } = name("a:1").await else { panic!("{cache:?}: it is taken") };
        assert!(left <= MINUTE && left > MINUTE * 9 / 10, "{cache:?}: {left:?}");
        cache.insert(&key, "a:1", left).await.unwrap();
        assert_eq!(
            (name("z").await, name("a:1").await),
            (TakeIf::Wrong, TakeIf::Gone),
            "{cache:?}"
        );
        cache.insert(&key, "a:2", MINUTE).await.unwrap();
        assert_eq!((name("x").await, name("y").await), (TakeIf::Wrong, TakeIf::Wrong));
        cache.insert(&key, "a:3", MINUTE).await.unwrap();
        assert_eq!((name("x").await, name("a:2").await), (TakeIf::Wrong, TakeIf::Wrong));
        assert!(matches!(name("a:3").await, TakeIf::Taken { .. }), "{cache:?}");
        cache.insert(&key, "b", SHORT).await.unwrap();
        assert_eq!(name("x").await, TakeIf::Wrong);
        tokio::time::sleep(SHORT * 3 / 2).await;
        assert_eq!(name("b").await, TakeIf::Gone, "{cache:?}: expired");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_who_count_at_once_get_fifty_numbers() {
    for (cache, prefix) in caches() {
        let key = format!("{prefix}n");
        let counting = (0..50).map(|_| {
            let (cache, key) = (cache.clone(), key.clone());
            tokio::spawn(async move { cache.count(&key, MINUTE).await.unwrap() })
        });
        let mut sums: Vec<u64> =
            join_all(counting).await.into_iter().map(|sum| sum.unwrap()).collect();
        sums.sort_unstable();
        assert_eq!(sums, (1..=50).collect::<Vec<u64>>(), "{cache:?}");
    }
}

/// Else whoever keeps trying would never be let in again.
#[tokio::test]
async fn a_count_starts_anew_when_its_window_is_over_however_often_it_was_raised() {
    for (cache, prefix) in caches() {
        let key = format!("{prefix}n");
        let window = SHORT * 2;
        assert_eq!(cache.count(&key, window).await.unwrap(), 1);
        tokio::time::sleep(window / 2).await;
        assert_eq!(cache.count(&key, window).await.unwrap(), 2);
        tokio::time::sleep(window * 3 / 4).await;
        assert_eq!(cache.count(&key, window).await.unwrap(), 1, "{cache:?}");
    }
}

/// C1, C2. What the cache saves is less than waiting for it costs.
#[tokio::test]
async fn a_cache_that_is_away_or_silent_says_so_at_once() {
    for address in [nowhere(), silent().await] {
        let cache = Cache::open(&format!("redis://{address}"), SystemClock::shared()).unwrap();
        for _ in 0..3 {
            assert!(within(SOON, cache.find("a")).await.is_err());
            assert!(within(SOON, cache.insert("a", "1", MINUTE)).await.is_err());
            assert!(within(SOON, cache.take("a")).await.is_err());
            assert!(within(SOON, cache.count("a", MINUTE)).await.is_err());
            assert!(within(SOON, cache.ping()).await.is_err());
        }
        // No queue builds up behind it either.
        let many = within(SOON * 2, join_all((0..200).map(|_| cache.find("a")))).await;
        assert!(many.iter().all(Result::is_err));
    }
}

#[test]
fn an_address_that_is_no_cache_is_refused_without_repeating_its_password() {
    for url in [
        "",
        "redis",
        "memory:",
        "http://u:s3cret@host",
        "redis://u:s3cret@host:port",
        "rediss://u:s3cret@host:port",
    ] {
        let error = Cache::open(url, SystemClock::shared()).unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}

/// C2, C3. The answer to a question that was given up must not be taken for the answer to the next.
#[tokio::test]
async fn a_redis_that_answers_late_never_answers_the_wrong_question_and_is_used_again() {
    let Some(url) = server_at("BATON_TEST_REDIS_URL") else { return };
    let (proxy, delay_ms) = slowed(url.trim_start_matches("redis://").to_owned()).await;
    let cache = Cache::open(&format!("redis://{proxy}"), SystemClock::shared()).unwrap();
    let prefix = uuid::Uuid::new_v4().to_string();
    let key = |number: usize| format!("{prefix}:{number}");
    for number in 0..20 {
        cache.insert(&key(number), &number.to_string(), MINUTE).await.unwrap();
    }
    for round in 0..10 {
        delay_ms.store(if round % 2 == 0 { 120 } else { 60 }, Ordering::SeqCst);
        let _ = within(SOON, cache.find(&key(round))).await;
        delay_ms.store(0, Ordering::SeqCst);
        for number in 0..20 {
            if let Ok(found) = cache.find(&key(number)).await {
                assert_eq!(found, Some(number.to_string()), "in round {round}");
            }
        }
    }
    tokio::time::sleep(SHORT).await;
    assert_eq!(cache.find(&key(3)).await.unwrap().as_deref(), Some("3"), "it is back");
}

/// A way to the server on which its answers can be slowed down.
async fn slowed(server: String) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let delay_ms = Arc::new(AtomicU64::new(0));
    let delay = Arc::clone(&delay_ms);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(pass_on(client, server, Arc::clone(&delay)));
        }
    });
    (address, delay_ms)
}

async fn pass_on(client: TcpStream, server: TcpStream, delay_ms: Arc<AtomicU64>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async { tokio::io::copy(&mut from_client, &mut to_server).await };
    let back = async {
        let mut bytes = vec![0; 4096];
        loop {
            let length = from_server.read(&mut bytes).await?;
            tokio::time::sleep(Duration::from_millis(delay_ms.load(Ordering::SeqCst))).await;
            to_client.write_all(&bytes[..length]).await?;
            if length == 0 {
                return Ok::<_, std::io::Error>(());
            }
        }
    };
    // Whichever side hangs up first ends it.
    tokio::select! { _ = there => {} _ = back => {} }
}
