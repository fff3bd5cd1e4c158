//! What a code is good for, and for how many tries.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::caller::send;
use tests::system::System;

use super::{OTHER_PASSWORD, PASSWORD, People, one_of_many};

/// A code that is not this one.
fn other_than(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_for_its_purpose_and_until_the_next_one() {
    let system = System::start_with(|options| options.code_pause_s = Some(0)).await;
    let people = People::of(&system).await;
    let (email, signup, reset) = ("a@b.example", "SIGNUP", "PASSWORD_RESET");
    assert_eq!(people.ask(email, signup).await.status, 202);
    let first = people.mailbox.code(1, email).await;
    assert_eq!(people.verify((email, reset), &first).await.verdict(), (400, "U004"));
    assert_eq!(people.verify(("c@b.example", signup), &first).await.verdict(), (400, "U004"));
    assert_eq!(people.ask(email, signup).await.status, 202);
    let second = people.mailbox.code(2, email).await;
    if first != second {
        assert_eq!(people.verify((email, signup), &first).await.verdict(), (400, "U004"));
    }
    let verified = people.verify((email, signup), &second).await;
    assert_eq!((verified.status, &verified.body["data"]["expiresInS"]), (200, &json!(600)));
    assert_eq!(people.verify((email, signup), &second).await.verdict(), (400, "U004"));

    people.sign_up("c@b.example").await;
    assert_eq!(people.ask("c@b.example", reset).await.status, 202);
    let code = people.mailbox.code(2, "c@b.example").await;
    assert_eq!(people.verify(("c@b.example", signup), &code).await.verdict(), (400, "U004"));
    let verified = people.verify(("c@b.example", reset), &code).await;
    assert_eq!((verified.status, &verified.body["data"]["expiresInS"]), (200, &json!(180)));
    let token = verified.body["data"]["token"].as_str().unwrap();
    let misused = people.sign_up_with(("c@b.example", PASSWORD), token).await;
    assert_eq!(misused.verdict(), (400, "U003"), "a reset token proves nothing");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_who_have_the_code_one_gets_the_token() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let mut all_heard = false;
    for round in 0..10 {
        let email = format!("{round}@b.example");
        assert_eq!(people.ask(&email, "SIGNUP").await.status, 202);
        let code = people.mailbox.code(1, &email).await;
        let many = people.impatient();
        let tries = (0..100).map(|_| many.verify((&email, "SIGNUP"), &code));
        all_heard |= one_of_many(&join_all(tries).await, (400, "U004"));
        if all_heard {
            break;
        }
    }
    assert!(all_heard, "in none of ten rounds");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_wrong_tries_not_even_the_right_code_is_good() {
    let system = System::start().await;
    let people = People::of(&system).await;
    for (email, wrong, good) in [("four@b.example", 4, true), ("five@b.example", 5, false)] {
        assert_eq!(people.ask(email, "SIGNUP").await.status, 202);
        let code = people.mailbox.code(1, email).await;
        for _ in 0..wrong {
            let answer = people.verify((email, "SIGNUP"), &other_than(&code)).await;
            assert_eq!(answer.verdict(), (400, "U004"));
        }
        let answer = people.verify((email, "SIGNUP"), &code).await;
        assert_eq!(answer.status == 200, good, "after {wrong} wrong tries: {}", answer.text);
    }
    system.stop().await;
}

/// P05: all of them at once, one of whom has found it; but five have been heard before.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_guesses_at_once_leave_nothing_to_find() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let email = "a@b.example";
    assert_eq!(people.ask(email, "SIGNUP").await.status, 202);
    let code = people.mailbox.code(1, email).await;
    let guess = other_than(&code);
    let many = people.impatient();
    let answers = join_all((0..100).map(|_| many.verify((email, "SIGNUP"), &guess))).await;
    assert!(answers.iter().all(|answer| answer.status == 400 || answer.status == 503));
    let late = people.verify((email, "SIGNUP"), &code).await;
    assert_eq!(late.verdict(), (400, "U004"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_code_has_to_wait_and_it_is_said_how_long() {
    let system = System::start().await;
    let people = People::of(&system).await;
    people.sign_up("known@b.example").await;
    for email in ["known@b.example", "unknown@b.example"] {
        assert_eq!(people.ask(email, "PASSWORD_RESET").await.status, 202);
        let again = people.ask(email, "PASSWORD_RESET").await;
        assert_eq!(again.verdict(), (429, "C007"), "{email}");
        let wait: u64 = again.header("retry-after").parse().unwrap();
        assert!((50..=60).contains(&wait), "{wait}");
    }
    system.stop().await;
}

/// However many addresses he writes to; what he has said of himself to auth-service does not count.
#[tokio::test(flavor = "multi_thread")]
async fn one_caller_gets_twenty_codes_an_hour_and_another_his_own() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let mut statuses = Vec::new();
    for number in 0..21 {
        let body = json!({"email": format!("{number}@b.example"), "purpose": "SIGNUP"});
        let address = format!("192.0.2.{number}, 198.51.100.7");
        let answer = people.post_from(&address, ("/email-codes", &body)).await;
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((3_000..=3_600).contains(&wait), "{wait}");
        }
        statuses.push(answer.status);
    }
    assert_eq!((&statuses[..20], statuses[20]), (&[202; 20][..], 429));
    let body = json!({"email": "other@b.example", "purpose": "SIGNUP"});
    assert_eq!(people.post_from("198.51.100.8", ("/email-codes", &body)).await.status, 202);
    system.stop().await;
}

/// Only auth-service, which shows a token of its own, is believed.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_says_of_where_he_is_does_not_count() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let mut statuses = Vec::new();
    for number in 0..30 {
        let body = json!({"email": format!("{number}@b.example"), "purpose": "SIGNUP"});
        let request = people.stranger.request(Method::POST, &people.path("/email-codes"));
        let request = request.header("X-Forwarded-For", format!("192.0.2.{number}"));
        statuses.push(send(request.json(&body)).await.status);
    }
    let asked = statuses.iter().filter(|status| **status == 202).count();
    assert!(asked <= 20 && statuses.contains(&429), "{statuses:?}");
    system.stop().await;
}

/// Whoever's they are, and whether there are any; and what he names then is not touched.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_burns_twenty_codes_and_tokens_an_hour_and_is_not_heard_then() {
    let system = System::start().await;
    let people = People::of(&system).await;
    people.sign_up("known@b.example").await;
    let token = people.token(("known@b.example", "PASSWORD_RESET"), 2).await;
    assert_eq!(people.ask("new@b.example", "SIGNUP").await.status, 202);
    let code = people.mailbox.code(1, "new@b.example").await;
    let caller = "198.51.100.7";
    let verify =
        |email: &str, code: &str| json!({"email": email, "purpose": "SIGNUP", "code": code});
    let reset = |email: &str, token: &str| json!({"email": email, "password": OTHER_PASSWORD, "token": token});
    for number in 0..10 {
        let email = format!("{number}@b.example");
        let guesses = [
            ("/email-codes/verify", verify(&email, "123456"), "U004"),
            ("/password-reset", reset(&email, "wrong"), "U005"),
        ];
        for (path, body, code) in guesses {
            assert_eq!(people.post_from(caller, (path, &body)).await.verdict(), (400, code));
        }
    }
    let right = [
        ("/email-codes/verify", verify("new@b.example", &code)),
        ("/password-reset", reset("known@b.example", &token)),
    ];
    let wrong = [
        ("/email-codes/verify", verify("new@b.example", &other_than(&code))),
        ("/password-reset", reset("known@b.example", "wrong")),
        ("/password-reset", reset("nobody@b.example", "wrong")),
    ];
    for (path, body) in right.iter().chain(wrong.iter().cycle().take(18)) {
        let refused = people.post_from(caller, (path, body)).await;
        assert_eq!(refused.verdict(), (429, "C007"), "{body}");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((3_000..=3_600).contains(&wait), "{wait}");
    }
    for (path, body) in right {
        assert_eq!(people.post(path, &body).await.status, 200, "as good as ever, for another");
    }
    system.stop().await;
}
