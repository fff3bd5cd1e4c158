//! How long a set counts as fresh, and what it takes to fetch it again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::RemoteKeys;
use shared::client::http::{HttpClient, Timeouts, http_client};
use shared::token::key_set::KeySource;

use crate::fake_server::{FakeServer, Reply};
use crate::{Bench, COOLDOWN, log, set_of};

const HOUR_S: u64 = 3600;
const DAY: Duration = Duration::from_secs(24 * HOUR_S);

/// RFC 9111 sections 5.1 and 5.2.2. Not before four fifths of the age, and at its end at the latest.
#[tokio::test]
async fn the_issuer_says_how_old_its_keys_may_grow() {
    let table = [
        ("", 300),
        ("Cache-Control: max-age=600\r\n", 600),
        ("Cache-Control: public\r\ncache-control: MAX-AGE=\"120\", immutable\r\n", 120),
        ("Cache-Control: max-age=1000\r\nAge: 400\r\n", 600),
        ("Cache-Control: max-age=1000\r\nAge: soon\r\n", 1000),
        ("Cache-Control: max-age=5\r\n", 30),
        ("Cache-Control: max-age=0\r\n", 30),
        ("Cache-Control: max-age=60\r\nAge: 400\r\n", 30),
        ("Cache-Control: max-age=soon\r\n", 30),
        ("Cache-Control: max-age=-600\r\n", 30),
        ("Cache-Control: max-age=600, no-cache\r\n", 30),
        ("Cache-Control: no-store\r\n", 30),
        ("Cache-Control: max-age=999999999999999999999\r\n", 24 * HOUR_S),
        ("Cache-Control: s-maxage=7\r\n", 300),
    ];
    for (headers, age_s) in table {
        let bench = Bench::new().await;
        bench.publish(headers, &[&bench.issuer]);
        let keys = bench.keys.clone().usable_for(4 * DAY);
        keys.warm_up().await.unwrap();
        bench.clock.advance(Duration::from_millis(age_s * 800 - 1));
        bench.use_and_settle().await;
        assert_eq!(bench.server.count(), 1, "{headers:?}: too early");
        bench.clock.advance(Duration::from_millis(age_s * 200 + 1));
        bench.use_and_settle().await;
        assert_eq!(bench.server.count(), 2, "{headers:?}: not at {age_s} s");
    }
}

/// Else there would be no time left to sit out an issuer that is away.
#[tokio::test]
async fn keys_are_fetched_again_after_half_of_their_usable_time_at_the_latest() {
    let bench = Bench::new().await;
    bench.publish("Cache-Control: max-age=86400\r\n", &[&bench.issuer]);
    bench.keys.warm_up().await.unwrap();
    bench.clock.advance(DAY / 2);
    bench.use_and_settle().await;
    assert_eq!(bench.server.count(), 2);
}

/// Fifty services that were started together must not come together every five minutes.
#[tokio::test]
async fn services_that_started_together_do_not_ask_together() {
    let bench = Bench::new().await;
    let http = http_client(Timeouts::default()).unwrap();
    let all: Vec<RemoteKeys> =
        (0..50).map(|_| crate::keys_at(&bench.server, http.clone(), &bench.clock)).collect();
    for keys in &all {
        keys.warm_up().await.unwrap();
    }
    let kid = bench.issuer.signer().kid();
    for _ in 0..6 {
        bench.clock.advance(Duration::from_secs(45));
        all.iter().for_each(|keys| drop(keys.find_now(kid)));
    }
    tokio::task::yield_now().await;
    let asked = all.iter().filter(|keys| keys.counts().fetches == 2).count();
    assert!(
        (5..=45).contains(&asked),
        "{asked} of 50 have asked again when half of the time is up"
    );
}

/// RFC 9110 section 13.1.2: an answer without a body is a success like any other.
#[tokio::test]
async fn a_set_that_is_still_the_same_is_not_sent_again() {
    let bench = Bench::new().await;
    let set = set_of(&[&bench.issuer]);
    bench.server.answer(move |asked| match asked.header("if-none-match") {
        Some("\"one\"") => Reply::with_headers(304, "Cache-Control: max-age=900\r\n", ""),
        Some(other) => panic!("asked with {other}"),
        None => Reply::with_headers(200, "ETag: \"one\"\r\nCache-Control: max-age=600\r\n", &set),
    });
    bench.keys.warm_up().await.unwrap();
    for (refreshes, age_s) in [(1, 600), (2, 900), (3, 900)] {
        bench.clock.advance(Duration::from_millis(age_s * 800 - 1));
        bench.use_and_settle().await;
        assert_eq!(bench.keys.counts().not_modified, refreshes - 1, "before {age_s} s");
        bench.clock.advance(Duration::from_millis(age_s * 200 + 1));
        bench.use_and_settle().await;
        let counts = bench.keys.counts();
        assert_eq!((counts.not_modified, counts.failures, counts.age_s), (refreshes, 0, Some(0)));
        assert_eq!(bench.verdict_on_good().await, "accepted");
    }
    let other = bench.another_issuer();
    log::take();
    bench.publish("ETag: \"two\"\r\n", &[&other]);
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on(&other).await, "accepted", "the set has changed");
    assert_eq!(log::take(), ["INFO fetched new keys of the issuer"]);
}

#[tokio::test]
async fn nobody_says_not_modified_to_one_who_has_nothing() {
    let bench = Bench::new().await;
    bench.server.answer(|_| Reply::json(304, ""));
    assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
    assert_eq!(bench.keys.counts().failures, 1);
}

/// Whoever can make the issuer redirect would choose the keys.
#[tokio::test]
async fn no_redirect_is_followed_and_no_answer_from_elsewhere_is_taken() {
    let bench = Bench::new().await;
    let set = set_of(&[&bench.issuer]);
    let elsewhere = FakeServer::start(move |_| Reply::json(200, &set)).await;
    for status in [301, 302, 303, 307, 308] {
        let away = format!("Location: {}\r\n", elsewhere.url("/jwks.json"));
        bench.server.answer(move |_| Reply::with_headers(status, &away, ""));
        assert_eq!(bench.verdict_on_good().await, "keys_unavailable", "{status}");
        bench.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(elsewhere.count(), 0);
    #[expect(clippy::disallowed_methods, reason = "the client that must not be handed in")]
    let obedient = crate::keys_at(&bench.server, HttpClient::new(), &bench.clock);
    let cause = obedient.warm_up().await.unwrap_err().0;
    assert!(cause.contains("the answer comes from"), "{cause}");
}

/// A key server behind basic authentication.
#[tokio::test]
async fn the_password_of_the_key_server_is_sent_and_not_shown() {
    let bench = Bench::new().await;
    let url = bench.server.url("/jwks.json?a=b#c").replace("http://", "http://me:s3cret@");
    let http = http_client(Timeouts::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keys = RemoteKeys::new(http, url.parse().unwrap(), Arc::new(bench.clock.clone()));
    let keys = keys.with_snapshot(folder.path().join("keys.json"));
    keys.warm_up().await.unwrap();
    let sent = bench.server.asked()[0].header("authorization").map(str::to_owned);
    assert!(sent.is_some_and(|value| value.starts_with("Basic ")));
    assert!(!format!("{keys:?}").contains("s3cret"));
    crate::snapshot::written(&folder.path().join("keys.json"), |content| {
        assert!(!content.to_string().contains("s3cret"));
        true
    })
    .await;
}

/// Each piece comes in time; the whole does not.
#[tokio::test]
async fn a_fetch_ends_after_five_seconds_however_patient_the_client_is() {
    let bench = Bench::new().await;
    bench.server.answer(|_| Reply::Silence);
    let minute = Duration::from_secs(60);
    let http = http_client(Timeouts { connect: minute, read: minute, total: minute }).unwrap();
    let keys = crate::keys_at(&bench.server, http, &bench.clock);
    #[expect(clippy::disallowed_methods, reason = "it is real time that is limited")]
    let began = Instant::now();
    keys.warm_up().await.unwrap_err();
    assert!((4..=9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

/// It has nobody to fetch for it; the next one who has takes its turn.
#[tokio::test]
async fn a_thread_without_a_runtime_finds_keys_and_leaves_the_fetch_to_others() {
    let bench = Bench::new().await;
    bench.keys.warm_up().await.unwrap();
    bench.clock.advance(Duration::from_secs(300));
    let (keys, kid) = (bench.keys.clone(), bench.issuer.signer().kid().to_owned());
    let found = std::thread::spawn(move || keys.find_now(&kid).is_some());
    assert!(found.join().unwrap());
    bench.clock.advance(COOLDOWN);
    bench.use_and_settle().await;
    assert_eq!(bench.server.count(), 2);
}

/// While the set is being exchanged, it is either the old one or the new one, and a key of both is in it.
#[tokio::test]
async fn readers_on_other_threads_find_their_key_while_sets_come_and_go() {
    let bench = Bench::new().await;
    bench.keys.warm_up().await.unwrap();
    let (keys, kid) = (bench.keys.clone(), Arc::<str>::from(bench.issuer.signer().kid()));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let reader = |_| {
        let (keys, kid, stop) = (keys.clone(), Arc::clone(&kid), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut found = true;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                found &= keys.find_now(&kid).is_some();
            }
            found
        })
    };
    let readers: Vec<_> = (0..2).map(reader).collect();
    for _ in 0..50 {
        let new = bench.another_issuer();
        bench.publish("", &[&bench.issuer, &new]);
        bench.clock.advance(COOLDOWN);
        assert_eq!(bench.verdict_on(&new).await, "accepted");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(readers.into_iter().all(|reader| reader.join().unwrap()));
}
