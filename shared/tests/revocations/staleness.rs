//! The feed is cut: what is known grows old, and only the routes that cannot do with that refuse.

use std::time::Duration;

use prometheus::{Encoder, Registry, TextEncoder};
use serde_json::json;
use shared::{Identity, Policy, Reason};

use super::issuer::{Bench, signed};
use crate::NOW_S;
use crate::fake_server::Reply;

const SECOND: Duration = Duration::from_secs(1);

impl Bench {
    async fn let_in(&self, policy: &Policy) -> Result<(), Reason> {
        let token = self.verifier.verify(&self.token()).await.map_err(|error| error.reason())?;
        policy.check(&Identity::Token(token)).map_err(|refusal| refusal.reason())
    }
}

#[tokio::test]
async fn only_routes_that_need_fresh_revocations_refuse_while_the_feed_is_cut() {
    let bench = Bench::new().await;
    let strict = Policy::SESSION.max_staleness(10 * SECOND);
    let stale = Err(Reason::RevocationsStale);
    bench.book().instead = Some(Reply::json(500, ""));
    bench.failures(1).await;
    assert_eq!(bench.let_in(&strict).await, stale, "nothing is known yet");
    assert_eq!(bench.let_in(&Policy::SESSION).await, Ok(()));
    bench.book().instead = None;
    bench.until(|| bench.feed.staleness().is_some()).await;
    assert_eq!(bench.let_in(&strict).await, Ok(()));
    bench.book().instead = Some(Reply::json(500, ""));
    bench.failures(1).await;
    bench.clock.advance(10 * SECOND);
    assert_eq!(bench.feed.staleness(), Some(10 * SECOND));
    assert_eq!(bench.let_in(&strict).await, Ok(()));
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.let_in(&strict).await, stale);
    assert_eq!(bench.let_in(&Policy::SESSION).await, Ok(()));
    bench.book().instead = None;
    bench.answers(1).await;
    assert_eq!(bench.let_in(&strict).await, Ok(()));
}

/// What happens while a request is under way may or may not be in its answer.
#[tokio::test]
async fn the_age_counts_from_when_the_last_good_request_was_begun() {
    let bench = Bench::following().await;
    let payload = json!({"iss": "https://issuer.test", "iat": NOW_S, "after": 0, "next": 0,
        "keys": "\"1\"", "entries": []});
    let slow = signed(&bench.issuer, &payload).after(Duration::from_millis(400));
    bench.book().instead = Some(slow);
    bench.answers(1).await;
    let asked = bench.server.count();
    bench.until(|| bench.server.count() > asked).await;
    bench.clock.advance(3 * SECOND);
    assert_eq!(bench.feed.staleness(), Some(3 * SECOND));
    bench.answers(1).await;
    assert_eq!(bench.feed.staleness(), Some(3 * SECOND), "it was begun before");
    bench.clock.set_wall_clock(0);
    assert_eq!(bench.feed.staleness(), Some(3 * SECOND), "by the monotonic clock");
}

#[tokio::test]
async fn metrics_show_how_the_feed_fares() {
    let bench = Bench::new().await;
    let registry = Registry::new();
    bench.feed.register(&registry).unwrap();
    assert!(bench.feed.register(&registry).is_err());
    let line = |name: &str| {
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let value =
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        value.unwrap_or_else(|| panic!("{name} in {text}"))
    };
    bench.clock.advance(7 * SECOND);
    assert_eq!(line("revocation_feed_staleness_seconds"), 7, "before the first answer");
    bench.publish(&crate::entry(1, shared::RevocationKind::User, "200"));
    bench.until(|| bench.feed.counts().entries == 1).await;
    assert_eq!(line("revocation_feed_staleness_seconds"), 0);
    assert_eq!(line("revocations_held"), 1);
    assert!(line(r#"revocation_feed_requests_total{result="answered"}"#) >= 1);
    bench.book().instead = Some(Reply::json(500, ""));
    bench.failures(1).await;
    assert!(line(r#"revocation_feed_requests_total{result="failed"}"#) >= 1);
    bench.clock.advance(42 * SECOND);
    assert!(line("revocation_feed_staleness_seconds") >= 42);
}
