//! What is left in the database: of mail that has left nothing, of passwords what the settings say.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use shared::{Clock, SystemClock};
use tests::process::free_port;
use tests::smtp::SmtpSink;

use super::PASSWORD;
use super::alone::Alone;
use super::mail::with_server;

async fn outbox_is_empty(alone: &Alone) {
    let began = Instant::now();
    let all = "SELECT recipient AS text FROM mail_outbox";
    while !alone.backend.ask_user(all).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "empty within 20 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_send_each_mail_once_and_keep_nothing_of_it() {
    let port = free_port();
    let sink = SmtpSink::start(port).await;
    let alone = with_server(port).await;
    let (stopper, other) = alone.replica().await;
    for number in 0..20 {
        let people = if number % 2 == 0 { &alone.people } else { &other };
        let asked = people.ask(&format!("{number}@b.example"), "SIGNUP").await;
        assert_eq!(asked.status, 202, "{}", asked.text);
    }
    sink.wait_for(20).await;
    outbox_is_empty(&alone).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(sink.received().len(), 20);
    stopper.stop().await;
    alone.stop().await;
}

/// A try that has begun puts the next one off for a minute: then it is waited for.
async fn it_grows_old_between_two_tries(alone: &Alone) {
    let began = Instant::now();
    loop {
        let soon = (SystemClock::new().now() + TimeDelta::seconds(30)).format("%F %T");
        let age = format!(
            "UPDATE mail_outbox SET expires_at = created_at
             WHERE attempts > 0 AND next_try_at < '{soon}' RETURNING text_body AS text"
        );
        if alone.backend.ask_user(&age).await.len() == 1 {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it waits, code and all");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_could_not_be_sent_in_time_is_sent_no_more_and_kept_no_longer() {
    let port = free_port();
    let alone = with_server(port).await;
    assert_eq!(alone.people.ask("a@b.example", "SIGNUP").await.status, 202);
    it_grows_old_between_two_tries(&alone).await;
    let sink = SmtpSink::start(port).await;
    outbox_is_empty(&alone).await;
    assert!(sink.received().is_empty());
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_hashed_anew_at_the_next_login_when_the_settings_have_changed() {
    let mut alone = Alone::start(|config| config.argon2_iterations = 1).await;
    alone.people.sign_up("a@b.example").await;
    let stored = "SELECT password_hash AS text FROM users";
    let before = alone.backend.ask_user(stored).await;
    assert!(before[0].starts_with("$argon2id$v=19$m=19456,t=1,p=1$"), "{before:?}");
    assert_eq!(alone.people.log_in("a@b.example", PASSWORD).await.status, 200);
    assert_eq!(alone.backend.ask_user(stored).await, before, "nothing has changed");
    alone.config.argon2_iterations = 3;
    alone.restart().await;
    assert_eq!(alone.people.log_in("a@b.example", "wrong password").await.status, 401);
    assert_eq!(alone.backend.ask_user(stored).await, before, "only its owner may");
    assert_eq!(alone.people.log_in("a@b.example", PASSWORD).await.status, 200);
    let after = alone.backend.ask_user(stored).await;
    assert!(after[0].starts_with("$argon2id$v=19$m=19456,t=3,p=1$"), "{after:?}");
    assert_eq!(alone.people.log_in("a@b.example", PASSWORD).await.status, 200);
    alone.stop().await;
}
