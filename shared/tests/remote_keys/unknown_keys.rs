//! Key ids that nobody knows: an attacker makes up as many as he likes.

use std::time::Duration;

use futures_util::future::join_all;
use shared::token::key_set::KeySource;

use crate::fake_server::Reply;
use crate::{Bench, COOLDOWN};

/// Far less than the fetch of a silent issuer takes.
const AT_ONCE: Duration = Duration::from_millis(200);

/// J08.
#[tokio::test]
async fn ten_thousand_made_up_key_ids_lead_to_two_fetches_and_delay_no_good_token() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    for second in 0..10 {
        bench.clock.advance(Duration::from_secs(1));
        let kids: Vec<String> = (0..1000).map(|number| format!("kid-{second}-{number}")).collect();
        let found = join_all(kids.iter().map(|kid| bench.keys.find(kid))).await;
        assert!(found.iter().all(|key| matches!(key, Ok(None))));
        let good = tokio::time::timeout(AT_ONCE, bench.verdict_on_good()).await;
        assert_eq!(good, Ok("accepted"));
    }
    let counts = bench.keys.counts();
    assert_eq!((bench.server.count(), counts.fetches), (2, 2));
    assert_eq!(counts.refused_by_limit, 9000, "those of the first nine seconds");
}

/// Twice as long each time, since the copies of an issuer do not all publish a new key at one moment.
#[tokio::test]
async fn the_issuer_is_not_asked_again_for_a_key_that_it_has_just_denied() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on_kid("unknown").await, "unknown_key");
    assert_eq!(bench.server.count(), 2);
    for (round, time_s) in [20, 40, 80, 160, 300, 300].into_iter().enumerate() {
        let counts = bench.keys.counts();
        bench.clock.advance(Duration::from_secs(time_s - 1));
        assert_eq!(bench.verdict_on_kid("unknown").await, "unknown_key");
        // Not by this look-up: but the keys may have grown old meanwhile.
        let refused = bench.keys.counts().refused_as_unknown;
        assert_eq!(refused, counts.refused_as_unknown + 1, "round {round}");
        bench.clock.advance(COOLDOWN);
        let before = bench.keys.counts().fetches;
        assert_eq!(bench.verdict_on_kid("unknown").await, "unknown_key");
        assert!(bench.keys.counts().fetches > before, "round {round}: after {time_s} s");
    }
}

/// A set that has changed once may change again: the issuer is in the middle of a rotation.
#[tokio::test]
async fn what_was_denied_is_forgotten_when_the_set_changes() {
    let bench = Bench::new().await;
    let (new, other) = (bench.another_issuer(), bench.another_issuer());
    assert_eq!(bench.verdict_on_good().await, "accepted");
    for pause in [COOLDOWN, 2 * COOLDOWN] {
        bench.clock.advance(pause);
        assert_eq!(bench.verdict_on(&new).await, "unknown_key", "denied, for 40 s in the end");
    }
    bench.publish("", &[&bench.issuer, &other]);
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on(&other).await, "accepted");
    bench.publish("", &[&bench.issuer, &other, &new]);
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on(&new).await, "accepted");
}

#[tokio::test]
async fn a_key_that_was_denied_is_found_as_soon_as_the_set_has_it() {
    let bench = Bench::new().await;
    let new = bench.another_issuer();
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on(&new).await, "unknown_key", "denied");
    bench.publish("", &[&bench.issuer, &new]);
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on_kid("another").await, "unknown_key", "leads to a fetch");
    assert_eq!(bench.verdict_on(&new).await, "accepted");
}

/// The issuer has denied nothing while it was away.
#[tokio::test]
async fn a_key_that_could_not_be_asked_for_is_not_held_to_be_denied() {
    let bench = Bench::new().await;
    let new = bench.another_issuer();
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.issuer_goes_away();
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on(&new).await, "unknown_key");
    bench.publish("", &[&bench.issuer, &new]);
    bench.clock.advance(COOLDOWN);
    assert_eq!(bench.verdict_on(&new).await, "accepted");
}

/// Memory is bounded: beyond 1,000 ids the limit alone has to do.
#[tokio::test]
async fn a_thousand_denied_ids_are_remembered_and_no_more() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    for (others, by_limit) in [(998, 0), (1000, 1)] {
        bench.clock.advance(COOLDOWN);
        let first = format!("first-{others}");
        let kids: Vec<String> = (0..others).map(|number| format!("{others}-{number}")).collect();
        let all = std::iter::once(&first).chain(&kids);
        let found = join_all(all.map(|kid| bench.keys.find(kid))).await;
        assert!(found.iter().all(|key| matches!(key, Ok(None))));
        let before = bench.keys.counts();
        assert!(bench.keys.find(&first).await.unwrap().is_none());
        let after = bench.keys.counts();
        assert_eq!(after.refused_by_limit - before.refused_by_limit, by_limit, "{others}");
        assert_eq!(after.refused_as_unknown - before.refused_as_unknown, 1 - by_limit, "{others}");
        bench.publish("", &[&bench.issuer, &bench.another_issuer()]);
        bench.clock.advance(COOLDOWN);
        assert_eq!(bench.verdict_on_kid("to forget all").await, "unknown_key");
    }
}

/// It would wait for an answer that is not meant for it.
#[tokio::test]
async fn who_may_not_ask_is_answered_at_once_also_while_a_fetch_is_under_way() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.issuer_goes_away();
    bench.clock.advance(Duration::from_secs(300));
    bench.use_and_settle().await;
    bench.server.answer(|_| Reply::Silence);
    bench.clock.advance(COOLDOWN - Duration::from_millis(1));
    bench.keys.find_now(bench.issuer.signer().kid());
    bench.asked(3).await;
    let answer = tokio::time::timeout(AT_ONCE, bench.keys.find("unknown")).await;
    assert!(matches!(answer, Ok(Ok(None))), "waited for the fetch in the background");
    assert_eq!(bench.keys.counts().refused_by_limit, 1);
}

/// Whoever asks for a key that is there has nothing to wait for, whichever way he asks.
#[tokio::test]
async fn a_known_key_is_found_without_a_fetch() {
    let bench = Bench::new().await;
    bench.keys.warm_up().await.unwrap();
    bench.server.answer(|_| Reply::Silence);
    bench.clock.advance(COOLDOWN);
    let found = tokio::time::timeout(AT_ONCE, bench.keys.find(bench.issuer.signer().kid())).await;
    assert!(found.unwrap().unwrap().is_some());
    assert_eq!(bench.server.count(), 1);
}
