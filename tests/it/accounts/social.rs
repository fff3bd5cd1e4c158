//! People who come by way of another provider, as auth-service tells of them.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::system::System;

use super::{PASSWORD, People};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_known_by_his_subject_whatever_becomes_of_his_address() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let kakao = ("KAKAO", "k-1");
    let first = people.log_in_socially(kakao, json!("a@b.example")).await.body["data"].clone();
    assert_eq!((&first["created"], &first["person"]["provider"]), (&json!(true), &json!("KAKAO")));
    for email in [json!("new@b.example"), Value::Null, json!("not an address")] {
        let again = people.log_in_socially(kakao, email).await.body["data"].clone();
        assert_eq!((&again["created"], &again["person"]), (&json!(false), &first["person"]));
    }
    let bare = people.log_in_socially(("NAVER", "k-1"), Value::Null).await.body["data"].clone();
    assert_eq!((&bare["created"], &bare["person"]["email"]), (&json!(true), &Value::Null));
    assert_ne!(bare["person"]["userId"], first["person"]["userId"]);
    let evil = json!({"provider": "NAVER", "subject": "n-2", "email": null,
        "name": "<script>\r\nX: y\u{0}"});
    let evil = people.internal("/social-logins", &evil).await;
    assert_eq!(evil.body["data"]["person"]["name"], "<script>X: y");
    for (provider, subject) in [("LOCAL", "1"), ("GOOGLE", ""), ("GOOGLE", "\u{0}")] {
        let refused = people.log_in_socially((provider, subject), Value::Null).await;
        assert_eq!(refused.verdict(), (400, "C001"), "{provider} {subject:?}");
    }
    system.stop().await;
}

/// O08: an address that somebody has already is not joined, whoever he is.
#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_another_account_is_refused_with_its_provider() {
    let system = System::start().await;
    let people = People::of(&system).await;
    people.sign_up("local@b.example").await;
    people.log_in_socially(("GOOGLE", "g-1"), json!("google@b.example")).await;
    for (email, provider) in [("local@b.example", "LOCAL"), ("google@b.example", "GOOGLE")] {
        let taken = people.log_in_socially(("NAVER", "n-1"), json!(email)).await;
        assert_eq!(taken.verdict(), (409, "U001"));
        assert_eq!(taken.body["data"], json!({"email": email, "provider": provider}));
    }
    assert_eq!(people.log_in("google@b.example", PASSWORD).await.verdict(), (401, "A006"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_first_logins_at_once_one_makes_the_account_and_all_get_it() {
    let system = System::start().await;
    let people = People::of(&system).await;
    for email in [json!("a@b.example"), Value::Null] {
        let subject = email.to_string();
        let logins = (0..20).map(|_| people.log_in_socially(("KAKAO", &subject), email.clone()));
        let answers: Vec<Value> =
            join_all(logins).await.into_iter().map(|answer| answer.body["data"].clone()).collect();
        let created = answers.iter().filter(|answer| answer["created"] == true).count();
        assert_eq!(created, 1, "{answers:?}");
        assert!(answers.iter().all(|answer| answer["person"] == answers[0]["person"]));
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_have_more_ways_in_and_each_belongs_to_one() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let account = people.sign_up("a@b.example").await;
    let link = async |id: &Value| {
        let identity = json!({"provider": "GOOGLE", "subject": "g-1", "email": "x@b.example"});
        people.internal(&format!("/users/{id}/identities"), &identity).await
    };
    for _ in 0..2 {
        let linked = link(&account["id"]).await;
        assert_eq!((linked.status, &linked.body["data"]["userId"]), (200, &account["id"]));
    }
    let login = people.log_in_socially(("GOOGLE", "g-1"), Value::Null).await;
    let person = &login.body["data"]["person"];
    assert_eq!((&person["userId"], &person["provider"]), (&account["id"], &json!("LOCAL")));
    let other = people.sign_up("b@b.example").await;
    let taken = link(&other["id"]).await;
    assert_eq!(taken.verdict(), (409, "U001"));
    assert_eq!(taken.body["data"], json!({"email": null, "provider": "GOOGLE"}));
    assert_eq!(link(&json!(999_999)).await.verdict(), (404, "U002"));
    system.stop().await;
}
