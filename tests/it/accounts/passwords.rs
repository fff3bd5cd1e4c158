//! What a password has to be; changing it; and that many at once stop nobody else.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::system::System;

use super::{OTHER_PASSWORD, PASSWORD, People, session_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_too_weak_is_refused_with_what_it_lacks() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let email = "minseo@b.example";
    let token = people.token((email, "SIGNUP"), 1).await;
    let long = "x".repeat(129);
    let table = [
        ("short", json!(["min_length"])),
        (long.as_str(), json!(["max_length"])),
        ("Password123", json!(["common"])),
        ("1q2w3e4r5t", json!(["common"])),
        ("i am MINSEO myself", json!(["contains_email"])),
        ("a\u{0}b and some more", json!(["no_nul"])),
        ("minseo", json!(["min_length", "contains_email"])),
    ];
    for (password, missing) in table {
        let answer = people.sign_up_with((email, password), &token).await;
        assert_eq!(answer.verdict(), (400, "U006"), "{password}");
        assert_eq!(answer.body["data"], json!({ "missing": missing }), "{password}");
    }
    // P11: 64 and more, spaces, any script; and nothing is cut off.
    let good = "가 나 🐢 ".repeat(21);
    assert_eq!(people.sign_up_with((email, &good), &token).await.status, 201);
    assert_eq!(people.log_in(email, &good).await.status, 200);
    let cut: String = good.chars().take(72).collect();
    assert_eq!(people.log_in(email, &cut).await.verdict(), (401, "A006"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_his_password_shows_the_old_one_and_gets_word_of_it() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let account = people.sign_up("a@b.example").await;
    let owner = system.caller("user-service", &session_of(&account)).await;
    let change = async |old: &str, new: &str| {
        let body = json!({"oldPassword": old, "newPassword": new});
        people.own(&owner, (Method::POST, "/password"), body).await
    };
    let wrong = change(OTHER_PASSWORD, OTHER_PASSWORD).await;
    assert_eq!(wrong.verdict(), (401, "A006"));
    assert_eq!(wrong.header("www-authenticate"), "Bearer", "his token is good");
    assert_eq!(change(PASSWORD, "weak").await.verdict(), (400, "U006"));
    assert_eq!(change(PASSWORD, OTHER_PASSWORD).await.status, 200);
    assert_eq!(people.log_in("a@b.example", PASSWORD).await.verdict(), (401, "A006"));
    assert_eq!(people.log_in("a@b.example", OTHER_PASSWORD).await.status, 200);
    let news = people.mailbox.newest_of(2, "a@b.example").await;
    assert_eq!((news.subject.as_str(), news.code()), ("비밀번호가 변경되었습니다", None));
    system.stop().await;
}

/// A right password does not help who guesses on: of many at once no more than five are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_the_old_password_is_heard_five_times() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let account = people.sign_up("a@b.example").await;
    let owner = system.caller("user-service", &session_of(&account)).await;
    let guess = json!({"oldPassword": "not it, is it?", "newPassword": OTHER_PASSWORD});
    let guesses = (0..20).map(|_| people.own(&owner, (Method::POST, "/password"), guess.clone()));
    let answers = join_all(guesses).await;
    let count = |verdict| answers.iter().filter(|answer| answer.verdict() == verdict).count();
    let (wrong, unheard) = (count((401, "A006")), count((503, "C008")));
    assert_eq!(wrong + count((429, "A009")) + unheard, 20);
    assert!(wrong <= 5 && (wrong == 5 || unheard > 0), "{wrong} of 20, {unheard} unheard");
    for _ in wrong..5 {
        people.own(&owner, (Method::POST, "/password"), guess.clone()).await;
    }
    let right = json!({"oldPassword": PASSWORD, "newPassword": OTHER_PASSWORD});
    let late = people.own(&owner, (Method::POST, "/password"), right).await;
    assert_eq!(late.verdict(), (429, "A009"));
    assert!(late.header("retry-after").parse::<u64>().unwrap() > 3_000);
    let leave = people.own(&owner, (Method::DELETE, ""), json!({"password": PASSWORD})).await;
    assert_eq!(leave.verdict(), (429, "A009"), "it is one password");
    assert_eq!(people.log_in("a@b.example", PASSWORD).await.status, 200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_logins_stops_no_other_request_and_whoever_finds_no_room_comes_back_later() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let account = people.sign_up("a@b.example").await;
    let owner = system.caller("user-service", &session_of(&account)).await;
    let storm = people.clone();
    let storm = tokio::spawn(async move {
        join_all((0..300).map(|_| storm.log_in("a@b.example", PASSWORD))).await
    });
    let mut slowest = Duration::ZERO;
    while !storm.is_finished() {
        let began = Instant::now();
        assert_eq!(people.own(&owner, (Method::GET, ""), Value::Null).await.status, 200);
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    let answers = storm.await.unwrap();
    let full: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(!full.is_empty() && full.len() < 300, "{} of 300", full.len());
    for answer in full {
        assert_eq!((answer.verdict(), answer.header("retry-after")), ((503, "C008"), "1"));
    }
    assert_eq!(people.log_in("a@b.example", PASSWORD).await.status, 200);
    system.stop().await;
}
