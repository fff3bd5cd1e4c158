//! A source that is away as a whole is left alone as a whole: ten thousand sessions do not knock ten thousand times.

use futures_util::future::join_all;

use super::fake_source::{Kit, Mood};
use super::*;

#[tokio::test]
async fn after_five_failures_in_a_row_no_key_asks_until_one_of_them_has_found_the_source_back() {
    let kit = Kit::new(Mood::Away);
    for number in 1..=5 {
        assert!(kit.get(number).await.is_err());
    }
    for number in 6..=100 {
        let error = kit.get(number).await.unwrap_err();
        assert!(error.to_string().contains("out to lunch"), "{error}");
    }
    assert_eq!(kit.asked(), 5);
    // The pause is over: one asks, fails, and the next pause is twice as long.
    kit.advance_ms(100);
    let all = join_all((201..=300).map(|number| kit.get(number))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(kit.asked(), 6);
    kit.advance_ms(99);
    assert!(kit.get(301).await.is_err());
    assert_eq!(kit.asked(), 6, "200 ms, of which half is certain");
    kit.advance_ms(101);
    kit.source.be(Mood::Gives(300));
    let all = join_all((401..=500).map(|number| kit.get(number))).await;
    assert!(all.iter().all(Result::is_ok), "who waited for the one that asked goes on");
    assert_eq!(kit.asked(), 106);
}

#[tokio::test]
async fn a_success_in_between_keeps_the_source_open() {
    let kit = Kit::new(Mood::Away);
    for round in 0..5 {
        kit.source.be(Mood::Away);
        for number in 1..=4 {
            assert!(kit.get(round * 10 + number).await.is_err());
        }
        kit.source.be(Mood::Gives(300));
        assert!(kit.get(round * 10 + 5).await.is_ok());
    }
    assert_eq!(kit.asked(), 25);
}

#[tokio::test]
async fn ten_thousand_sessions_that_wake_up_together_do_not_all_knock_at_a_dead_endpoint() {
    let kit = Kit::new(Mood::Away);
    let all = join_all((1..=10_000).map(|number| kit.get(number))).await;
    assert!(all.iter().all(Result::is_err));
    assert!(kit.asked() <= 64, "{} knocks", kit.asked());
}

#[tokio::test]
async fn no_more_than_64_fetches_are_under_way_and_all_get_their_turn() {
    let kit = Kit::new(Mood::Gives(300));
    let all = join_all((1..=500).map(|number| kit.get(number))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!((kit.asked(), kit.source.most_in_flight()), (500, 64));
}

/// One key has heard it for all.
#[tokio::test]
async fn a_retry_after_holds_for_every_key() {
    let kit = Kit::new(Mood::AsksToWait(20));
    assert!(kit.get(1).await.is_err());
    kit.source.be(Mood::Gives(300));
    for number in 1..=20 {
        assert!(kit.get(number).await.is_err());
    }
    kit.advance_ms(19_999);
    assert!(kit.get(2).await.is_err());
    assert_eq!(kit.asked(), 1);
    kit.advance_ms(1);
    assert!(kit.get(2).await.is_ok());
    assert_eq!(kit.asked(), 2);
}

/// An answer to an earlier question does not lift it.
#[tokio::test]
async fn a_retry_after_outlives_a_success_that_was_on_its_way() {
    let issue = issuing(json!(300));
    let bench = Bench::answering(move |asked| match field(asked, "session") {
        Some(session) if session.contains(r#""userId":1}"#) => {
            issue(asked).after(Duration::from_millis(200))
        }
        _ => Reply::with_headers(503, "Retry-After: 20\r\n", ""),
    })
    .await;
    let tokens = bench.tokens.clone();
    let early = tokio::spawn(async move { tokens.token(&user(1), DEADLINE).await });
    assert_eq!(bench.asked().await, 1);
    assert!(bench.token(&user(2)).await.is_err());
    assert!(early.await.unwrap().is_ok());
    assert!(bench.token(&user(3)).await.is_err());
    assert_eq!(bench.asked().await, 2);
}

/// Asking again does not help: somebody has to change what the client may do.
#[tokio::test]
async fn a_refusal_is_remembered_for_its_own_key_and_ever_longer() {
    let kit = Kit::new(Mood::Refuses("invalid_scope"));
    let longest_ms = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
    for (asked, longest_ms) in (1..).zip(longest_ms) {
        assert!(kit.get(1).await.is_err());
        assert_eq!(kit.asked(), asked);
        kit.advance_ms(longest_ms / 2 - 1);
        assert!(kit.get(1).await.is_err());
        assert_eq!(kit.asked(), asked, "before half of {longest_ms} ms");
        kit.advance_ms(longest_ms / 2 + 1);
    }
    let asked = kit.asked();
    for number in 2..=20 {
        assert!(kit.get(number).await.is_err());
    }
    assert_eq!(kit.asked(), asked + 19, "the others are asked for all the same");
    kit.source.be(Mood::Gives(300));
    assert!(kit.get(21).await.is_ok());
}

#[tokio::test]
async fn a_client_that_is_not_known_is_left_in_peace_for_a_minute_for_all_keys() {
    let kit = Kit::new(Mood::Refuses("invalid_client"));
    for number in 1..=20 {
        assert!(kit.get(number).await.unwrap_err().to_string().contains("invalid_client"));
    }
    kit.advance_ms(59_999);
    assert!(kit.get(1).await.is_err());
    assert_eq!(kit.asked(), 1);
    kit.advance_ms(1);
    kit.source.be(Mood::Gives(300));
    assert!(kit.get(7).await.is_ok());
    assert!(kit.get(8).await.is_ok());
}

/// Who gives up is told what was known.
#[tokio::test]
async fn a_deadline_names_the_last_failure() {
    let kit = Kit::new(Mood::Away);
    assert!(kit.get(1).await.is_err());
    kit.advance_ms(100);
    kit.source.be_slow(true);
    let patience = Duration::from_millis(30);
    let error = kit.tokens.token(&user(1), patience).await.unwrap_err().to_string();
    assert!(error.contains("30ms") && error.contains("out to lunch"), "{error}");
}
