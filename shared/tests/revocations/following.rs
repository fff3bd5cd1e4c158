//! A feed that is as it should be: what arrives, how soon, and what the service asks for next.

use std::time::Duration;

use serde_json::json;
use shared::{
    Clock, Reason, Revocation, RevocationFeed, RevocationKind, RevocationSource, SystemClock,
};

use super::issuer::{Bench, another_issuer};
use crate::{NOW_S, entry, log};

#[tokio::test]
async fn a_remembered_token_is_refused_soon_after_its_revocation() {
    let bench = Bench::following().await;
    let token = bench.token();
    for _ in 0..3 {
        assert_eq!(bench.verdict(&token).await, Ok(()));
    }
    bench.publish(&entry(1, RevocationKind::User, "200"));
    bench.until(|| bench.feed.counts().entries == 1).await;
    assert_eq!(bench.verdict(&token).await, Err(Reason::Revoked));
    let later = bench.server.count();
    for _ in 0..100 {
        assert_eq!(bench.verdict(&token).await, Err(Reason::Revoked));
    }
    assert!(bench.server.count() <= later + 5, "nothing is asked for a request");
}

#[tokio::test]
async fn each_request_asks_for_what_comes_after_the_last_and_lets_the_issuer_wait() {
    let bench = Bench::new().await;
    bench.publish(&entry(41, RevocationKind::User, "200"));
    bench.answers(2).await;
    bench.publish(&entry(57, RevocationKind::User, "201"));
    bench.until(|| bench.feed.counts().entries == 2).await;
    bench.answers(2).await;
    let mut asked = bench.requests("/revocations");
    asked.dedup();
    assert_eq!(asked, [0, 41, 57].map(question));
}

/// With the keys that are known from the first answer on: others are news that must not wait.
fn question(after: i64) -> String {
    let keys = if after == 0 { "" } else { "&keys=%221%22" };
    format!("/revocations?after={after}&wait=2{keys}")
}

#[tokio::test]
async fn a_long_feed_is_read_to_its_end_at_once_and_only_then_is_anything_known() {
    let bench = Bench::new().await;
    bench.book().page = 10;
    for seq in 1..=95 {
        bench.publish(&entry(seq, RevocationKind::User, &seq.to_string()));
    }
    let begun = SystemClock::new();
    bench.until(|| bench.feed.staleness().is_some()).await;
    assert_eq!(bench.feed.counts().entries, 95);
    let asked = bench.requests("/revocations");
    let expected: Vec<_> = (0..10).map(|page| question(page * 10)).collect();
    assert_eq!(asked[..10], expected);
    assert!(begun.monotonic() < Duration::from_millis(900), "{:?}", begun.monotonic());
}

/// The issuer's database was restored. What it still has is in force, what it has lost is not; in between all is.
#[tokio::test]
async fn an_issuer_that_answers_from_elsewhere_replaces_all_that_was_known() {
    let bench = Bench::new().await;
    bench.publish(&entry(57, RevocationKind::User, "200"));
    bench.until(|| bench.feed.counts().entries == 1).await;
    {
        let mut book = bench.book();
        book.entries = vec![json!(entry(3, RevocationKind::User, "201"))];
        book.bend = |payload| {
            if payload["after"] == 57 {
                payload["after"] = json!(0);
                payload["next"] = json!(3);
                payload["entries"] = json!([entry(3, RevocationKind::User, "201")]);
            }
        };
    }
    bench.until(|| bench.feed.counts().resets == 1).await;
    bench.answers(2).await;
    assert_eq!(bench.feed.counts().entries, 1);
    assert_eq!(bench.verdict(&bench.token()).await, Ok(()), "200 is not revoked any more");
    assert_eq!(bench.requests("/revocations").last(), Some(&question(3)));
    assert_eq!(bench.feed.counts().resets, 1);
}

/// An issuer that has not noticed has sent nothing of what it still has: it is asked for all of it.
#[tokio::test]
async fn an_issuer_that_falls_back_is_read_from_the_beginning() {
    let bench = Bench::new().await;
    for seq in [1, 57] {
        bench.publish(&entry(seq, RevocationKind::User, &(199 + seq).to_string()));
    }
    bench.until(|| bench.feed.counts().entries == 2).await;
    {
        let mut book = bench.book();
        (book.page, book.entries) = (1, vec![json!(entry(1, RevocationKind::User, "200"))]);
        book.entries.push(json!(entry(2, RevocationKind::User, "300")));
        book.bend = |payload| {
            if payload["after"] == 57 {
                payload["next"] = json!(2);
            }
        };
    }
    bench.until(|| bench.feed.counts().resets == 1).await;
    let token = bench.token();
    for _ in 0..20 {
        assert_eq!(bench.verdict(&token).await, Err(Reason::Revoked), "at no time is it let in");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bench.answers(3).await;
    assert_eq!(bench.feed.counts().entries, 2);
    assert_eq!(bench.requests("/revocations").last(), Some(&question(2)));
}

#[tokio::test]
async fn what_a_newer_issuer_revokes_in_other_ways_is_counted_and_does_not_stop_the_rest() {
    let bench = Bench::new().await;
    {
        let mut book = bench.book();
        for seq in 1..=3 {
            book.entries.push(json!({"seq": seq, "kind": "device", "value": {"a": 1}}));
        }
        book.entries.push(json!(entry(4, RevocationKind::User, "200")));
        book.page = 1;
    }
    bench.until(|| bench.feed.counts().entries == 1).await;
    let counts = bench.feed.counts();
    assert_eq!((counts.unknown, counts.failures), (3, 0));
    assert_eq!(bench.verdict(&bench.token()).await, Err(Reason::Revoked));
    let warned = log::take().into_iter().filter(|line| line.contains("does not know")).count();
    assert_eq!(warned, 1);
}

#[tokio::test]
async fn entries_are_dropped_when_they_hit_nothing_any_more() {
    let bench = Bench::new().await;
    bench.publish(&Revocation { exp: NOW_S + 20, ..entry(1, RevocationKind::User, "200") });
    bench.publish(&entry(2, RevocationKind::User, "201"));
    bench.until(|| bench.feed.counts().entries == 2).await;
    bench.clock.advance(Duration::from_secs(49));
    bench.answers(2).await;
    assert_eq!(bench.feed.counts().entries, 2);
    bench.clock.advance(Duration::from_secs(1));
    bench.until(|| bench.feed.counts().entries == 1).await;
}

/// While it is ahead the tokens have expired. When it is set back they are good again, and must not be let in.
#[tokio::test]
async fn a_clock_that_was_set_ahead_for_a_while_makes_nobody_forget() {
    let bench = Bench::new().await;
    let token = bench.token();
    bench.publish(&entry(1, RevocationKind::User, "200"));
    bench.until(|| bench.feed.counts().entries == 1).await;
    bench.book().bend = |payload| payload["iat"] = json!(NOW_S);
    bench.clock.set_wall_clock(NOW_S + 7200);
    bench.failures(2).await;
    assert_eq!(bench.verdict(&token).await, Err(Reason::Expired));
    bench.clock.set_wall_clock(NOW_S);
    bench.answers(1).await;
    assert_eq!(bench.verdict(&token).await, Err(Reason::Revoked));
}

#[tokio::test]
async fn when_the_issuer_changes_its_keys_they_are_fetched_once_and_at_once() {
    let bench = Bench::following().await;
    assert_eq!(bench.verdict(&bench.token()).await, Ok(()));
    bench.answers(3).await;
    assert_eq!(bench.requests("/jwks.json").len(), 1);
    bench.clock.advance(Duration::from_secs(1));
    bench.book().etag = "\"2\"".to_owned();
    bench.until(|| bench.requests("/jwks.json").len() == 2).await;
    bench.answers(5).await;
    assert_eq!(bench.keys.counts().successes, 2, "and not again");
}

/// Also when the answer that says so is signed with the new one already, which would else be unknown for 10 s.
#[tokio::test]
async fn an_answer_that_is_signed_with_a_new_key_is_understood_at_once() {
    let bench = Bench::following().await;
    let old = bench.token();
    bench.clock.advance(Duration::from_secs(1));
    {
        let mut book = bench.book();
        book.signer = another_issuer(&bench.clock).into();
        book.etag = "\"2\"".to_owned();
        book.entries.push(json!(entry(1, RevocationKind::User, "201")));
    }
    bench.until(|| bench.feed.counts().entries == 1).await;
    assert_eq!(bench.feed.counts().failures, 0);
    assert_eq!(bench.requests("/jwks.json").len(), 2);
    assert_eq!(bench.verdict(&old).await, Err(Reason::UnknownKey), "the old key is withdrawn");
}

/// No benchmark: the bound is what a person notices.
#[tokio::test]
async fn a_revocation_arrives_well_within_a_second() {
    let bench = Bench::following().await;
    let mut took = Vec::new();
    for seq in 1..=100 {
        bench.publish(&entry(seq, RevocationKind::User, &seq.to_string()));
        let published = SystemClock::new();
        let count = u64::try_from(seq).unwrap();
        bench.until(|| bench.feed.counts().entries == count).await;
        took.push(published.monotonic());
    }
    took.sort_unstable();
    assert!(took[98] < Duration::from_millis(500), "{took:?}");
}

#[tokio::test]
async fn the_task_ends_with_the_last_handle() {
    let Bench { server, feed, verifier, .. } = Bench::following().await;
    drop(verifier);
    let copy = feed.clone();
    drop(feed);
    let still = server.count();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(server.count() > still, "a copy is enough");
    drop(copy);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ended = server.count();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(server.count(), ended);
}

/// Whoever starts it in a runtime that ends, a worker's for example, has not started it for ever.
#[test]
fn a_feed_whose_runtime_has_ended_goes_on_in_the_next_one_that_asks_for_it() {
    let current = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut serving = tokio::runtime::Builder::new_multi_thread();
    let serving = serving.worker_threads(1).enable_all().build().unwrap();
    let issuer = serving.block_on(Bench::following());
    let url = issuer.server.url("/revocations").parse().unwrap();
    let feed = RevocationFeed::new(&issuer.keys, "https://issuer.test", url);
    feed.start();
    assert_eq!(RevocationSource::staleness(&feed), None, "outside of a runtime nothing happens");
    let first = current();
    first.block_on(async {
        feed.start();
        issuer.until(|| feed.counts().answers > 0).await;
    });
    drop(first);
    let ended = feed.counts().answers;
    let second = current();
    second.block_on(async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(feed.counts().answers, ended, "nobody has asked for it");
        assert!(RevocationSource::staleness(&feed).is_some());
        issuer.until(|| feed.counts().answers > ended).await;
    });
}
