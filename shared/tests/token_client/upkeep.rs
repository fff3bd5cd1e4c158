//! What the cache does of its own accord: it renews what is used, removes what is not, and ends when it is dropped.

use futures_util::future::join_all;
use tokio::runtime::Handle;

use super::fake_source::{Kit, Mood, settle};
use super::*;

const EVERY: Duration = Duration::from_millis(2);

fn kit(lifetime_s: u64) -> Kit {
    let settings = CacheSettings { upkeep_every: EVERY, ..CacheSettings::default() };
    Kit::with(Mood::Gives(lifetime_s), settings)
}

/// Time enough for some rounds of the upkeep.
async fn rounds() {
    tokio::time::sleep(EVERY * 10).await;
    settle().await;
}

/// The clock goes on by seconds, the upkeep has its rounds.
async fn pass(kit: &Kit, seconds: u64) {
    for _ in 0..seconds {
        kit.advance_ms(1_000);
        rounds().await;
    }
}

#[tokio::test]
async fn a_key_that_is_used_every_40_s_never_waits() {
    let kit = kit(100);
    kit.get(1).await.unwrap();
    for _ in 0..6 {
        pass(&kit, 40).await;
        kit.get(1).await.unwrap();
    }
    assert_eq!(kit.tokens.counts().waits, 1, "the first call");
    assert!((3..=4).contains(&kit.asked()), "240 s, renewed each 80 to 90 s: {}", kit.asked());
}

#[tokio::test]
async fn a_key_that_is_not_used_is_not_renewed() {
    let kit = kit(100);
    kit.get(1).await.unwrap();
    kit.advance_ms(95_000);
    rounds().await;
    assert_eq!(kit.asked(), 1);
    kit.get(1).await.unwrap();
    rounds().await;
    assert_eq!(kit.asked(), 2, "its use renews it");
}

#[tokio::test]
async fn a_ten_second_token_in_use_never_makes_anybody_wait() {
    let kit = kit(10);
    kit.get(1).await.unwrap();
    for _ in 0..40 {
        pass(&kit, 1).await;
        kit.get(1).await.unwrap();
    }
    assert_eq!(kit.tokens.counts().waits, 1);
    assert!((4..=5).contains(&kit.asked()), "{}", kit.asked());
}

/// Tokens that were fetched together would otherwise be renewed together for ever.
#[tokio::test]
async fn tokens_of_one_age_are_renewed_at_different_moments() {
    let kit = Kit::new(Mood::Gives(300));
    for number in 0..200 {
        kit.get(number + 1).await.unwrap();
    }
    let mut renewed = Vec::new();
    kit.advance_ms(269_999);
    for _ in 0..=15 {
        for number in 0..200 {
            kit.get(number + 1).await.unwrap();
            settle().await;
        }
        renewed.push(kit.asked() - 200);
        kit.advance_ms(1_000);
    }
    assert_eq!((renewed[0], renewed[15]), (0, 200), "{renewed:?}");
    assert!(renewed.windows(2).all(|pair| pair[1] - pair[0] < 50), "{renewed:?}");
}

#[tokio::test]
async fn no_more_than_16_renewals_are_under_way_and_all_get_their_turn() {
    let kit = kit(300);
    for number in 1..=100 {
        kit.get(number).await.unwrap();
    }
    kit.advance_ms(200_000);
    join_all((1..=100).map(|number| kit.get(number))).await;
    kit.source.be_slow(true);
    kit.advance_ms(85_000);
    rounds().await;
    assert_eq!(kit.asked(), 116);
    kit.source.be_slow(false);
    rounds().await;
    assert_eq!((kit.asked(), kit.tokens.counts().waits), (200, 100));
}

#[tokio::test]
async fn what_nobody_uses_is_removed_when_it_is_of_no_use() {
    let kit = kit(100);
    for number in 1..=50 {
        kit.get(number).await.unwrap();
    }
    kit.source.be(Mood::Refuses("invalid_scope"));
    assert!(kit.get(51).await.is_err());
    kit.advance_ms(300_000);
    rounds().await;
    assert_eq!(kit.tokens.counts().entries, 51);
    assert!(kit.get(1).await.is_err());
    kit.advance_ms(1);
    rounds().await;
    let counts = kit.tokens.counts();
    assert_eq!((counts.entries, counts.evicted), (1, 0), "the one that was used stays");
}

#[tokio::test]
async fn the_upkeep_ends_with_the_cache() {
    let kit = kit(100);
    let before = Handle::current().metrics().num_alive_tasks();
    kit.get(1).await.unwrap();
    let Kit { tokens, source, .. } = kit;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before + 1);
    drop(tokens);
    settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
    assert_eq!(Arc::strong_count(&source), 1);
}

/// Also in the middle of its work.
#[tokio::test]
async fn a_cache_that_is_dropped_while_it_renews_leaves_nothing_behind() {
    let kit = kit(10);
    kit.get(1).await.unwrap();
    kit.source.be_slow(true);
    kit.advance_ms(9_500);
    kit.get(1).await.unwrap();
    rounds().await;
    let Kit { tokens, source, .. } = kit;
    drop(tokens);
    source.be_slow(false);
    rounds().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    assert_eq!(Arc::strong_count(&source), 1);
}

#[tokio::test]
async fn many_who_give_up_leave_one_fetch_and_no_task_behind() {
    let kit = Kit::new(Mood::Gives(300));
    kit.source.be_slow(true);
    let patience = Duration::from_millis(20);
    let request = user(1);
    let all = join_all((0..1000).map(|_| kit.tokens.token(&request, patience))).await;
    assert!(all.iter().all(|one| matches!(one, Err(TokenFetchError::Deadline { .. }))));
    assert_eq!((kit.asked(), kit.tokens.counts().waiting), (1, 0));
    let tasks = || Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 2, "the fetch and the upkeep");
    kit.source.be_slow(false);
    settle().await;
    assert_eq!(tasks(), 1);
}
