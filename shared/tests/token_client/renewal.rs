//! Before a token expires it is renewed in the background; an expired one is never served.

use futures_util::FutureExt;

use super::fake_source::{Kit, Mood, settle};
use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_token_near_its_end_is_served_while_it_is_renewed_once() {
    let bench = Bench::new().await;
    bench.token(&user(1)).await.unwrap();
    bench.clock.advance(at(269));
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
    assert_eq!(bench.asked().await, 1, "renewed too early");
    // The next answer is on its way for ever, so whoever is served is served the old one.
    bench.endpoint.answer(|_| Reply::Silence);
    bench.clock.advance(at(16));
    for _ in 0..100 {
        assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
    }
    bench.fetched(2).await;
}

#[tokio::test]
async fn a_renewed_token_takes_the_place_of_the_old_one() {
    let bench = Bench::new().await;
    bench.token(&user(1)).await.unwrap();
    bench.clock.advance(at(285));
    bench.token(&user(1)).await.unwrap();
    bench.fetched(2).await;
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 2);
    bench.clock.advance(at(269));
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 2, "its lifetime counts anew");
    assert_eq!(bench.asked().await, 2);
}

/// A fifth of its life, where 30 s would be most of it.
#[tokio::test]
async fn a_short_lived_token_is_renewed_in_its_last_fifth() {
    let bench = Bench::answering(issuing(json!(10))).await;
    bench.token(&user(1)).await.unwrap();
    bench.clock.advance(Duration::from_millis(7_999));
    bench.token(&user(1)).await.unwrap();
    assert_eq!(bench.asked().await, 1, "renewed too early");
    bench.clock.advance(Duration::from_millis(1_001));
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
    bench.fetched(2).await;
}

/// B07, C10.
#[tokio::test]
async fn while_renewal_fails_the_valid_token_is_served_and_the_expired_one_never() {
    let bench = Bench::new().await;
    bench.token(&user(1)).await.unwrap();
    bench.endpoint.answer(|_| Reply::json(500, ""));
    bench.clock.advance(at(285));
    for attempt in 2..=8 {
        // The first call begins a renewal, which fails; the others find the pause after it.
        assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
        bench.fetched(attempt).await;
        for _ in 0..20 {
            assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
        }
        assert_eq!(bench.asked().await, usize::try_from(attempt).unwrap(), "a hot loop");
        bench.clock.advance(at(2));
    }
    bench.clock.advance(at(2));
    assert!(bench.token(&user(1)).await.is_err(), "it has expired");
    bench.clock.advance(at(2));
    bench.endpoint.answer(issuing(json!(300)));
    assert!(bench.token(&user(1)).await.is_ok(), "the endpoint is back");
}

#[tokio::test]
async fn an_expired_token_is_not_served_to_those_who_wait_for_the_next() {
    let bench = Bench::new().await;
    bench.token(&user(1)).await.unwrap();
    bench.clock.advance(at(300));
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 2);
}

/// The lifetime counts from the question: the answer may have been on its way for long.
#[tokio::test]
async fn a_token_that_took_long_to_come_lives_the_shorter() {
    let clock: Arc<std::sync::Mutex<Option<StoppedClock>>> = Arc::default();
    let (moved, issue) = (Arc::clone(&clock), issuing(json!(300)));
    let bench = Bench::answering(move |asked| {
        if let Some(clock) = moved.lock().unwrap().take() {
            clock.advance(at(100));
        }
        issue(asked)
    })
    .await;
    *clock.lock().unwrap() = Some(bench.clock.clone());
    bench.token(&user(1)).await.unwrap();
    bench.clock.advance(at(199));
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
    bench.clock.advance(at(1));
    assert!(read(&bench.token(&user(1)).await.unwrap()).1 >= 2);
}

/// C14. A machine whose wall clock is set back must not make a token immortal.
#[tokio::test]
async fn setting_the_wall_clock_changes_no_lifetime() {
    let bench = Bench::new().await;
    bench.token(&user(1)).await.unwrap();
    bench.clock.set_wall_clock(1_900_000_000);
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
    bench.clock.advance(at(300));
    bench.clock.set_wall_clock(1_700_000_000);
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 2);
}

/// Else whoever asks would fetch again and again, and never have one.
#[tokio::test]
async fn a_token_that_has_expired_on_its_way_is_a_failure() {
    let kit = Kit::new(Mood::Gives(10));
    kit.source.be_slow(true);
    let request = user(1);
    let mut caller = Box::pin(kit.tokens.token(&request, DEADLINE));
    assert!((&mut caller).now_or_never().is_none());
    settle().await;
    kit.clock.advance(at(10));
    kit.source.be_slow(false);
    let error = caller.await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("expired"), "{error}");
    assert_eq!(kit.asked(), 1);
}

/// A busy program comes back to a caller late.
#[tokio::test]
async fn a_token_that_expires_before_its_caller_wakes_up_is_not_handed_out() {
    let kit = Kit::new(Mood::Gives(10));
    let request = user(1);
    let mut caller = Box::pin(kit.tokens.token(&request, DEADLINE));
    assert!((&mut caller).now_or_never().is_none());
    settle().await;
    assert_eq!(kit.tokens.counts().fetched, 1);
    kit.clock.advance(at(10));
    let (_, number) = read(caller.await.unwrap().expose());
    assert_eq!((number, kit.asked()), (2, 2));
}
