//! The issuer is away for longer.

use std::time::Duration;

use crate::{Bench, log};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// C10. A key that was withdrawn meanwhile must not stay good for ever.
#[tokio::test]
async fn keys_are_used_for_a_day_after_the_last_fetch_and_then_nobody_can_say() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.issuer_goes_away();
    for hour in 1..24 {
        bench.clock.advance(HOUR);
        assert_eq!(bench.verdict_on_good().await, "accepted", "{hour}");
    }
    bench.clock.advance(HOUR - SECOND);
    bench.use_and_settle().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.clock.advance(SECOND);
    assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
    assert_eq!(bench.verdict_on_kid("unknown").await, "keys_unavailable", "nobody can say");
    assert!(!bench.keys.warm_up().await.unwrap_err().0.is_empty());
    bench.publish("", &[&bench.issuer]);
    bench.clock.advance(SECOND);
    assert_eq!(bench.verdict_on_good().await, "accepted", "is back");
    assert_eq!(bench.keys.counts().age_s, Some(0));
}

#[tokio::test]
async fn the_time_can_be_set_and_an_answer_that_is_still_the_same_prolongs_it() {
    let bench = Bench::new().await;
    let _ = bench.keys.clone().usable_for(Duration::from_secs(600));
    for _ in 0..5 {
        bench.use_and_settle().await;
        assert_eq!(bench.verdict_on_good().await, "accepted");
        bench.clock.advance(Duration::from_secs(599));
    }
    bench.issuer_goes_away();
    bench.use_and_settle().await;
    assert_eq!(bench.keys.counts().age_s, Some(599));
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.clock.advance(SECOND);
    assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
}

/// Whoever sets the clock must not make keys that are too old good again, nor good ones too old.
#[tokio::test]
async fn it_is_the_monotonic_clock_that_counts() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.issuer_goes_away();
    bench.clock.set_wall_clock(crate::NOW_S + 10 * 24 * 3600);
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.clock.advance(24 * HOUR);
    bench.clock.set_wall_clock(crate::NOW_S);
    assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
}

/// C10: no thundering herd, and no minutes without a try either.
#[tokio::test]
async fn failed_refreshes_are_repeated_ever_more_slowly_up_to_a_minute() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.issuer_goes_away();
    bench.clock.advance(Duration::from_secs(300));
    bench.use_and_settle().await;
    let mut pauses = vec![0];
    for _ in 0..1200 {
        bench.clock.advance(SECOND);
        let before = bench.server.count();
        bench.use_and_settle().await;
        *pauses.last_mut().unwrap() += 1;
        if bench.server.count() > before {
            pauses.push(0);
        }
    }
    for (pause, longest) in pauses.iter().zip([10, 20, 40]) {
        assert!((longest * 4 / 5..=longest).contains(pause), "{pauses:?}");
    }
    let later = &pauses[3..pauses.len() - 1];
    assert!(later.iter().all(|pause| (48..=60).contains(pause)), "{pauses:?}");
    assert!(later.iter().any(|pause| *pause != later[0]), "no jitter: {pauses:?}");
    bench.publish("", &[&bench.issuer]);
    bench.clock.advance(Duration::from_secs(60));
    bench.use_and_settle().await;
    bench.issuer_goes_away();
    bench.clock.advance(Duration::from_secs(300));
    bench.use_and_settle().await;
    let failures = bench.keys.counts().failures;
    bench.clock.advance(Duration::from_secs(10));
    bench.use_and_settle().await;
    assert_eq!(bench.keys.counts().failures, failures + 1, "a success shortens the pause again");
}

#[tokio::test]
async fn the_log_says_once_that_the_issuer_is_away_and_once_that_it_is_back() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    assert_eq!(log::take(), ["INFO fetched new keys of the issuer"]);
    bench.issuer_goes_away();
    for _ in 0..20 {
        bench.clock.advance(HOUR);
        bench.use_and_settle().await;
    }
    let away = "WARN could not fetch the issuer's keys; the last good ones stay";
    assert_eq!(log::take(), [away]);
    bench.clock.advance(4 * HOUR);
    for _ in 0..3 {
        assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
    }
    assert_eq!(log::take(), ["WARN the issuer's keys are too old to be used any longer"]);
    bench.publish("", &[&bench.issuer]);
    for _ in 0..5 {
        bench.clock.advance(HOUR);
        bench.use_and_settle().await;
    }
    assert_eq!(log::take(), ["INFO the issuer is back"]);
}
