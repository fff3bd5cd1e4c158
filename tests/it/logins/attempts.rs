//! Guessing passwords: a few tries, then growing pauses; the right user gets in all the same.

use futures_util::future::join_all;
use serde_json::json;
use tests::caller::{Answer, send};
use tests::people::{PASSWORD, email_of};
use tests::visitor::Visitor;

use super::House;

/// A try from another address, by way of a proxy that is believed.
async fn log_in_from(house: &House, address: &str, (email, password): (&str, &str)) -> Answer {
    let body = json!({"email": email, "password": password});
    let visitor = Visitor::new(&house.one.url);
    send(visitor.post("login").header("X-Forwarded-For", address).json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_100_guesses_at_once_at_two_replicas_no_more_than_five_are_looked_at() {
    let house = House::start(&[]).await;
    let email = email_of(1);
    let guesses = (0..100).map(|guess| {
        let at = if guess % 2 == 0 { &house.one.url } else { &house.other.url };
        let (mut visitor, email) = (Visitor::new(at), email.clone());
        async move { visitor.log_in(&email, &format!("guess {guess}")).await }
    });
    let answers = join_all(guesses).await;
    let refused = answers.iter().filter(|answer| answer.verdict() == (429, "A009")).count();
    let wrong = answers.iter().filter(|answer| answer.verdict() == (401, "A006")).count();
    assert_eq!(refused + wrong, 100);
    assert_eq!(house.people.checks(), wrong);
    assert!((1..=6).contains(&wrong), "{wrong}: five, and one more if a second has passed");
    let waiting = answers.iter().find(|answer| answer.status == 429).unwrap();
    let wait_s: u64 = waiting.header("retry-after").parse().unwrap();
    assert!((1..=3).contains(&wait_s), "{wait_s}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_gets_in_after_the_pause_and_clears_the_count() {
    let house = House::start(&[]).await;
    let mut visitor = Visitor::new(&house.one.url);
    for _ in 0..5 {
        assert_eq!(visitor.log_in(&email_of(1), "wrong").await.status, 401);
    }
    assert_eq!(visitor.log_in(&email_of(1), PASSWORD).await.verdict(), (429, "A009"));
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(visitor.log_in(&email_of(1), PASSWORD).await.status, 200);
    for _ in 0..4 {
        assert_eq!(visitor.log_in(&email_of(1), "wrong").await.status, 401, "from the beginning");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_keep_a_user_out_of_his_account() {
    let settings = [("BATON_AUTH_TRUSTED_PROXIES", "127.0.0.1")];
    let house = House::start(&settings).await;
    let email = email_of(1);
    let home = "203.0.113.7";
    assert_eq!(log_in_from(&house, home, (&email, PASSWORD)).await.status, 200);
    let mut looked_at = 0;
    for guess in 0..80 {
        let from = format!("198.51.100.{guess}");
        looked_at += usize::from(log_in_from(&house, &from, (&email, "wrong")).await.status == 401);
    }
    assert!(looked_at <= 52, "{looked_at}: many addresses are no way round");
    let own = log_in_from(&house, home, (&email, PASSWORD)).await;
    assert_eq!(own.status, 200, "from where he has come before: {}", own.text);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_claims_another_address_is_counted_by_his_own() {
    let house = House::start(&[]).await;
    let mut looked_at = 0;
    for guess in 0..12 {
        let from = format!("198.51.100.{guess}");
        let answer = log_in_from(&house, &from, (&email_of(1), "wrong")).await;
        looked_at += usize::from(answer.status == 401);
    }
    assert!(looked_at <= 7, "{looked_at}: nobody vouches for the header");
    house.stop().await;
}

/// Nor can somebody who guesses at others behind the same address.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_come_from_an_address_before_is_not_held_up_by_others_who_come_from_there() {
    let house = House::start(&[]).await;
    let mut visitor = Visitor::logged_in(&house.one.url, 1).await;
    let mut refused = 0;
    for guess in 0..90 {
        let email = email_of(100 + guess);
        refused +=
            usize::from(Visitor::new(&house.one.url).log_in(&email, "wrong").await.status == 429);
    }
    assert!(refused > 20, "{refused}: many accounts from one address");
    assert_eq!(visitor.log_in(&email_of(1), PASSWORD).await.status, 200);
    house.stop().await;
}
