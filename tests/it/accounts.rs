//! People: signing up, logging in, looking after an account, and what becomes of it.

mod alone;
mod codes;
mod enumeration;
mod identities;
mod login_ends;
mod mail;
mod outages;
mod outboxes;
mod passwords;
mod people;
mod resets;
mod social;
mod withdrawing;

use reqwest::Method;
use serde_json::{Value, json};
use tests::caller::{Answer, send};
use tests::system::System;

pub use people::{OTHER_PASSWORD, PASSWORD, People};

/// The session of an account.
pub fn session_of(account: &Value) -> String {
    json!({"companyId": account["companyId"], "userId": account["id"]}).to_string()
}

/// The login of somebody with an account, at the front door.
pub async fn log_in(system: &System, email: &str) -> Answer {
    let url = format!("{}/api/v2/auth/login", system.services.auth.url());
    let answer =
        system.stranger().post_json(&url, &json!({"email": email, "password": PASSWORD})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

/// An answer without what differs each time.
pub fn without_time(answer: &Answer) -> String {
    let timestamp = answer.body["timestamp"].as_str().expect("a timestamp");
    answer.text.replace(timestamp, "T")
}

/// Looks at what many at once are answered: one gets it, the others hear this. On a machine that is busy Redis may be too slow
/// for some, who hear 503 and know nothing; whether all have been heard is what this gives.
pub fn one_of_many(answers: &[Answer], refused: (u16, &str)) -> bool {
    let count = |verdict| answers.iter().filter(|answer| answer.verdict() == verdict).count();
    let (winners, losers, unheard) = (count((200, "")), count(refused), count((503, "C008")));
    assert!(winners <= 1, "{winners} got it");
    assert_eq!(winners + losers + unheard, answers.len());
    assert!(unheard > 0 || winners == 1, "nobody got it");
    unheard == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn who_proves_an_address_signs_up_logs_in_and_looks_after_his_account() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let email = "min.seo@hanbit.example";
    let token = people.token(("Min.Seo@Hanbit.example", "SIGNUP"), 1).await;
    let made = people.sign_up_with(("MIN.SEO@hanbit.example", PASSWORD), &token).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let account = &made.body["data"];
    assert_eq!((&account["email"], &account["provider"]), (&json!(email), &json!("LOCAL")));
    assert!(account["id"].as_i64().unwrap() >= 1_000, "{account}");
    assert!(account["companyId"].as_i64().unwrap() >= 1_000_000_000, "{account}");
    assert!(!made.text.contains("argon2") && account.get("formerProvider").is_none());
    let again = people.sign_up_with((email, PASSWORD), &token).await;
    assert_eq!(again.verdict(), (400, "U003"), "a proof is good once");

    let person = json!({"userId": account["id"], "companyId": account["companyId"], "email": email,
        "name": "서민", "provider": "LOCAL", "credentialsVersion": 1, "roles": []});
    assert_eq!(people.log_in("Min.Seo@hanbit.example", PASSWORD).await.body["data"], person);
    let by_id = format!("{}/internal/users/{}", people.url, account["id"]);
    assert_eq!(people.internal.get(&by_id).await.body["data"], person);
    let check = format!("/users/{}/password-check", account["id"]);
    for (password, verdict) in [(PASSWORD, (200, "")), (OTHER_PASSWORD, (401, "A006"))] {
        let checked = people.internal(&check, &json!({"password": password})).await;
        assert_eq!(checked.verdict(), verdict);
    }

    let owner = system.caller("user-service", &session_of(account)).await;
    let me = people.own(&owner, (Method::GET, ""), Value::Null).await;
    assert_eq!(&me.body["data"], account);
    let renamed = people.own(&owner, (Method::PATCH, ""), json!({"name": " 민서 "})).await;
    assert_eq!(renamed.body["data"]["name"], "민서");
    assert_eq!(owner.get(&format!("{}/api/me", people.url)).await.body["data"]["name"], "민서");
    let bad = people.own(&owner, (Method::PATCH, ""), json!({"name": "a\u{0}b"})).await;
    assert_eq!(bad.verdict(), (400, "C001"));
    assert_eq!(people.stranger.get(&people.path("/me")).await.verdict(), (401, "A001"));
    system.stop().await;
}

/// To the byte, but for the time: front ends are written against it.
#[tokio::test(flavor = "multi_thread")]
async fn that_an_address_is_taken_is_told_to_nobody_but_its_owner_and_by_which_provider() {
    let system = System::start_with(|options| options.code_pause_s = Some(0)).await;
    let people = People::of(&system).await;
    people.log_in_socially(("GOOGLE", "g-1"), json!("test@gmail.com")).await;
    people.sign_up("local@hanbit.example").await;
    let token = people.token(("test@gmail.com", "SIGNUP"), 1).await;
    let known = people.sign_up_with(("test@gmail.com", PASSWORD), "no proof").await;
    let unknown = people.sign_up_with(("nobody@gmail.com", PASSWORD), "no proof").await;
    assert_eq!(known.verdict(), (400, "U003"));
    assert_eq!(without_time(&known), without_time(&unknown));
    let table = [
        ("ko", "GOOGLE로 가입된 이메일입니다."),
        ("en-GB", "This e-mail is already registered with GOOGLE."),
    ];
    for (language, message) in table {
        let body = json!({"email": "test@gmail.com", "password": PASSWORD, "name": "a",
            "token": token});
        let request = people.stranger.request(Method::POST, &people.path("")).json(&body);
        let taken = send(request.header("Accept-Language", language)).await;
        let expected = format!(
            "{{\"success\":false,\"message\":\"{message}\",\"data\":{{\"email\":\"test@gmail.com\",\
             \"provider\":\"GOOGLE\"}},\"errorCode\":\"U001\",\"statusCode\":409,\"timestamp\":\"T\"}}"
        );
        assert_eq!((taken.status, without_time(&taken)), (409, expected));
    }
    let token = people.token(("local@hanbit.example", "SIGNUP"), 2).await;
    let taken = people.sign_up_with(("local@hanbit.example", PASSWORD), &token).await;
    assert_eq!(taken.body["message"], "LOCAL로 가입된 이메일입니다.");
    system.stop().await;
}

/// P04: one address, as text, once.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_or_more_than_one_gets_no_code() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let bodies = [
        (r#"{"email":["a@b.example"],"purpose":"SIGNUP"}"#, "C002"),
        (r#"{"email":{"a":"a@b.example"},"purpose":"SIGNUP"}"#, "C002"),
        (r#"{"email":"a@b.example","email":"c@d.example","purpose":"SIGNUP"}"#, "C002"),
        (r#"{"email":null,"purpose":"SIGNUP"}"#, "C002"),
        (r#"{"email":"a@b.example","purpose":"LOGIN"}"#, "C002"),
        (r#"{"email":"a@b.example"}"#, "C002"),
        (r#"{"email":"a@b.example","purpose":"SIGNUP","to":"c@d.example"}"#, "C002"),
        (r#"{"email":"a@b.example,evil@x.example","purpose":"SIGNUP"}"#, "C001"),
        (r#"{"email":"a@b.example\r\nBcc: evil@x.example","purpose":"SIGNUP"}"#, "C001"),
        (r#"{"email":"a@xn--80ak6aa92e.com","purpose":"SIGNUP"}"#, "C001"),
        (r#"{"email":"а@b.example","purpose":"SIGNUP"}"#, "C001"),
        (r#"{"email":"","purpose":"SIGNUP"}"#, "C001"),
    ];
    for (body, code) in bodies {
        let request = people.stranger.request(Method::POST, &people.path("/email-codes"));
        let request = request.header("Content-Type", "application/json").body(body);
        assert_eq!(send(request).await.verdict(), (400, code), "{body}");
    }
    let large = json!({"email": "a@b.example", "password": "x".repeat(1_100_000), "token": "t"});
    assert_eq!(people.post("/password-reset", &large).await.verdict(), (413, "C005"));
    assert_eq!(people.ask("A@B.example", "SIGNUP").await.status, 202);
    people.mailbox.newest_of(1, "a@b.example").await;
    assert!(people.mailbox.to("c@d.example").await.is_empty());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_routes_are_for_auth_service_alone() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let other = system.caller("user-service", r#"{"companyId":1,"userId":2}"#).await;
    let body = json!({"email": "a@b.example", "password": PASSWORD});
    let login = format!("{}/internal/logins", people.url);
    assert_eq!(other.post_json(&login, &body).await.verdict(), (403, "A005"));
    assert_eq!(people.stranger.post_json(&login, &body).await.verdict(), (401, "A001"));
    let missing = format!("{}/internal/users/999999", people.url);
    assert_eq!(people.internal.get(&missing).await.verdict(), (404, "U002"));
    assert_eq!(other.get(&missing).await.verdict(), (403, "A005"));
    system.stop().await;
}
