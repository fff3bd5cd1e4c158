//! What Prometheus reads.

use prometheus::{Registry, TextEncoder};

use super::fake_source::{Kit, Mood, settle};
use super::*;

#[tokio::test]
async fn everything_that_happens_is_counted_and_shown() {
    let kit = Kit::new(Mood::Gives(300));
    let registry = Registry::new();
    kit.tokens.register(&registry).unwrap();
    assert!(kit.tokens.register(&registry).is_err(), "twice is a mistake");
    let token = kit.tokens.token(&user(1), DEADLINE).await.unwrap();
    kit.advance_ms(45_000);
    kit.get(1).await.unwrap();
    kit.get(1).await.unwrap();
    kit.tokens.reject(&user(1), &token);
    for (number, mood) in
        [(2, Mood::Away), (3, Mood::Refuses("invalid_scope")), (4, Mood::Refuses("invalid_client"))]
    {
        kit.source.be(mood);
        assert!(kit.get(number).await.is_err());
    }
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let expected = [
        "token_cache_hits_total 2",
        "token_cache_misses_total 4",
        "token_cache_waiters 0",
        "token_cache_entries 4",
        "token_cache_evictions_total 0",
        "token_rejections_total 1",
        "client_retries_total 0",
        "token_fetch_failures_total{class=\"unavailable\"} 1",
        "token_fetch_failures_total{class=\"refused\"} 1",
        "token_fetch_failures_total{class=\"client_refused\"} 1",
        "token_fetch_failures_total{class=\"nonsense\"} 0",
        "token_fetch_duration_seconds_count 4",
        "token_age_at_use_seconds_bucket{le=\"30\"} 0",
        "token_age_at_use_seconds_bucket{le=\"60\"} 2",
        "token_age_at_use_seconds_bucket{le=\"+Inf\"} 2",
        "token_age_at_use_seconds_sum 90",
    ];
    for line in expected {
        assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn who_waits_is_counted_while_waiting() {
    let kit = Kit::new(Mood::Gives(300));
    kit.source.be_slow(true);
    let tokens = kit.tokens.clone();
    let waiting = tokio::spawn(async move { tokens.token(&user(1), DEADLINE).await });
    settle().await;
    assert_eq!(kit.tokens.counts().waiting, 1);
    waiting.abort();
    settle().await;
    assert_eq!(kit.tokens.counts().waiting, 0);
}
