//! auth-service is told whose logins end, and told again until it has heard.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::alone::Alone;
use super::{OTHER_PASSWORD, PASSWORD};

async fn calls(alone: &Alone, count: usize) -> Vec<(String, Value)> {
    let began = Instant::now();
    loop {
        let calls = alone.auth.told.calls.lock().unwrap().clone();
        if calls.len() >= count {
            return calls;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{count} calls: {calls:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn change(old: &str, new: &str) -> Value {
    json!({"oldPassword": old, "newPassword": new})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_ends_the_logins_before_it_and_a_change_from_within_spares_its_own() {
    let alone = Alone::start(|_| ()).await;
    let people = &alone.people;
    let account = people.sign_up("a@b.example").await;
    let owner = alone.owner(&account, "login-1");
    let body = change(PASSWORD, OTHER_PASSWORD);
    assert_eq!(people.own(&owner, (Method::POST, "/password"), body).await.status, 200);
    let version = async |password| {
        people.log_in("a@b.example", password).await.body["data"]["credentialsVersion"].clone()
    };
    assert_eq!(version(OTHER_PASSWORD).await, 2);
    let token = people.token(("a@b.example", "PASSWORD_RESET"), 3).await;
    assert_eq!(people.reset(("a@b.example", PASSWORD), &token).await.status, 200);
    assert_eq!(version(PASSWORD).await, 3);
    let leave = people.own(&owner, (Method::DELETE, ""), json!({"password": PASSWORD})).await;
    assert_eq!(leave.status, 200, "{}", leave.text);
    // They are answered when auth-service has heard.
    let calls = alone.auth.told.calls.lock().unwrap().clone();
    let expected = [
        ("PASSWORD_CHANGED", json!("login-1")),
        ("PASSWORD_RESET", Value::Null),
        ("WITHDRAWN", Value::Null),
    ];
    assert_eq!(calls.len(), expected.len(), "{calls:?}");
    for (version, ((user, body), (reason, except))) in (2..).zip(calls.iter().zip(expected)) {
        assert_eq!(user, &account["id"].to_string());
        assert_eq!(body, &json!({"reason": reason, "version": version, "except": except}));
    }
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_auth_service_cannot_hear_the_change_is_made_and_it_is_told_later() {
    let mut alone = Alone::start(|_| ()).await;
    let account = alone.people.sign_up("a@b.example").await;
    alone.auth.told.answers.lock().unwrap().extend([404, 503]);
    let owner = alone.owner(&account, "login-1");
    let body = change(PASSWORD, OTHER_PASSWORD);
    let answer = alone.people.own(&owner, (Method::POST, "/password"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(alone.people.log_in("a@b.example", OTHER_PASSWORD).await.status, 200);
    // Nor does it matter who tells it.
    alone.restart().await;
    let told = calls(&alone, 3).await;
    assert!(told.iter().all(|call| *call == told[0]), "word by word the same: {told:?}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(alone.auth.told.calls.lock().unwrap().len(), 3, "it has been heard");
    alone.stop().await;
}
