//! Redis and the database go away and come back: what was answered 503 has not happened.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::backend::on_servers;
use tests::caller::Answer;

use super::alone::Alone;
use super::{OTHER_PASSWORD, PASSWORD};

fn away(answer: &Answer) {
    assert_eq!(answer.verdict(), (503, "C008"), "{}", answer.text);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
}

/// The last answer, which is no 503.
async fn as_soon_as_possible(ask: impl AsyncFn() -> Answer) -> Answer {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "back within ten seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// In memory it does not go away.
#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_codes_and_resets_wait_and_logins_go_on() {
    if !on_servers() {
        return;
    }
    let alone = Alone::start(|_| ()).await;
    let (people, redis) = (alone.people.impatient(), alone.redis.as_ref().unwrap());
    people.sign_up("a@b.example").await;
    let token = people.token(("a@b.example", "PASSWORD_RESET"), 2).await;
    assert_eq!(people.ask("new@b.example", "SIGNUP").await.status, 202);
    let code = people.mailbox.code(1, "new@b.example").await;
    redis.cut();
    away(&people.ask("new@b.example", "SIGNUP").await);
    away(&people.verify(("new@b.example", "SIGNUP"), &code).await);
    away(&people.sign_up_with(("new@b.example", PASSWORD), "x").await);
    away(&people.reset(("a@b.example", OTHER_PASSWORD), &token).await);
    assert_eq!(people.log_in("a@b.example", PASSWORD).await.status, 200);
    assert_eq!(people.reset(("a@b.example", "weak"), &token).await.verdict(), (400, "U006"));
    redis.mend();
    let reset =
        as_soon_as_possible(async || people.reset(("a@b.example", OTHER_PASSWORD), &token).await);
    assert_eq!(reset.await.status, 200);
    assert_eq!(people.verify(("new@b.example", "SIGNUP"), &code).await.status, 200);
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_or_a_sign_up_that_the_database_failed_may_be_tried_again_with_the_same_token() {
    let alone = Alone::start(|_| ()).await;
    let people = alone.people.impatient();
    people.sign_up("a@b.example").await;
    let token = people.token(("a@b.example", "PASSWORD_RESET"), 2).await;
    let proof = people.token(("new@b.example", "SIGNUP"), 1).await;
    let lock = match &alone.database {
        Some(database) => {
            database.cut();
            None
        }
        None => Some(crate::outages::locked(&alone.backend.databases.user).await),
    };
    away(&people.reset(("a@b.example", OTHER_PASSWORD), &token).await);
    away(&people.sign_up_with(("new@b.example", PASSWORD), &proof).await);
    if let Some(database) = &alone.database {
        away(&people.ask("late@b.example", "SIGNUP").await);
        away(&people.log_in("a@b.example", PASSWORD).await);
        database.mend();
    }
    drop(lock);
    let reset =
        as_soon_as_possible(async || people.reset(("a@b.example", OTHER_PASSWORD), &token).await);
    assert_eq!(reset.await.status, 200);
    assert_eq!(people.sign_up_with(("new@b.example", PASSWORD), &proof).await.status, 201);
    assert_eq!(people.ask("late@b.example", "SIGNUP").await.status, 202, "it was not counted");
    let login = people.log_in("a@b.example", OTHER_PASSWORD).await;
    assert_eq!((login.status, &login.body["data"]["email"]), (200, &json!("a@b.example")));
    alone.stop().await;
}
