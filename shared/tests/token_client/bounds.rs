//! The cache does not grow without end: the least recently used goes first.

use std::num::NonZeroUsize;

use futures_util::future::join_all;

use super::fake_source::{Kit, Mood, settle};
use super::*;

fn kit(capacity: usize) -> Kit {
    let capacity = NonZeroUsize::new(capacity).unwrap();
    Kit::with(Mood::Gives(300), CacheSettings { capacity, upkeep_every: DEADLINE * 100 })
}

#[tokio::test]
async fn the_least_recently_used_key_makes_room() {
    let kit = kit(3);
    for number in [1, 2, 3, 1, 4] {
        kit.get(number).await.unwrap();
    }
    assert_eq!(kit.asked(), 4);
    for number in [1, 3, 4] {
        kit.get(number).await.unwrap();
    }
    assert_eq!(kit.asked(), 4, "2 was not used for longest");
    kit.get(2).await.unwrap();
    assert_eq!(kit.asked(), 5);
    kit.get(3).await.unwrap();
    kit.get(4).await.unwrap();
    assert_eq!(kit.asked(), 5, "now it was 1");
    let counts = kit.tokens.counts();
    assert_eq!((counts.entries, counts.evicted), (3, 2));
}

#[tokio::test]
async fn a_large_cache_stays_within_its_capacity_and_keeps_what_is_used() {
    let kit = kit(1000);
    for number in 1..=5000 {
        kit.get(number).await.unwrap();
        kit.get(1).await.unwrap();
        assert!(kit.tokens.counts().entries <= 1000);
    }
    let counts = kit.tokens.counts();
    assert!(counts.entries > 950 && kit.asked() == 5000, "{counts:?}");
    for number in 4200..=5000 {
        kit.get(number).await.unwrap();
    }
    assert_eq!(kit.asked(), 5000, "the youngest are there");
}

/// Evicting what is being fetched would begin a second fetch of it.
#[tokio::test]
async fn a_key_that_is_being_fetched_stays_until_it_has_landed() {
    let kit = kit(2);
    kit.source.be_slow(true);
    let requests: Vec<_> = (1..=10).map(user).collect();
    join_all(requests.iter().map(|request| kit.tokens.token(request, Duration::ZERO))).await;
    settle().await;
    for number in 1..=10 {
        assert!(kit.tokens.token(&user(number), Duration::ZERO).await.is_err());
    }
    assert_eq!((kit.asked(), kit.tokens.counts().entries), (10, 10));
    kit.source.be_slow(false);
    settle().await;
    assert_eq!((kit.tokens.counts().entries, kit.source.doubled()), (2, 0));
}

/// A late 401 for what was evicted drops nobody else's token.
#[tokio::test]
async fn a_token_that_is_held_no_more_can_be_rejected() {
    let kit = kit(1);
    let old = kit.tokens.token(&user(1), DEADLINE).await.unwrap();
    kit.get(2).await.unwrap();
    assert!(kit.tokens.reject(&user(1), &old), "another one may be had");
    kit.get(2).await.unwrap();
    assert_eq!((kit.asked(), kit.tokens.counts().rejected), (2, 0));
}
