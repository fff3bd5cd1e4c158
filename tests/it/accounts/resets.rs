//! A new password by a token that is good once.

use futures_util::future::join_all;
use serde_json::json;
use tests::system::System;

use super::{OTHER_PASSWORD, PASSWORD, People, one_of_many};

const RESET: &str = "PASSWORD_RESET";

#[tokio::test(flavor = "multi_thread")]
async fn who_has_forgotten_his_password_gets_a_new_one_once_and_is_told() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let email = "a@b.example";
    people.sign_up(email).await;
    let token = people.token((email, RESET), 2).await;
    assert_eq!(token.parse::<uuid::Uuid>().unwrap().get_version_num(), 4);
    let weak = people.reset((email, "weak"), &token).await;
    assert_eq!(weak.verdict(), (400, "U006"), "and the token is still good");
    let done = people.reset((email, OTHER_PASSWORD), &token).await;
    assert_eq!((done.status, &done.body["data"]), (200, &json!(null)), "{}", done.text);
    assert!(done.header("set-cookie").is_empty(), "nobody is logged in by it");
    assert_eq!(people.reset((email, PASSWORD), &token).await.verdict(), (400, "U005"));
    assert_eq!(people.log_in(email, PASSWORD).await.verdict(), (401, "A006"));
    assert_eq!(people.log_in(email, OTHER_PASSWORD).await.status, 200);
    let news = people.mailbox.newest_of(3, email).await;
    assert_eq!((news.subject.as_str(), news.code()), ("비밀번호가 재설정되었습니다", None));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_who_have_the_token_one_sets_the_password() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let passwords: Vec<String> = (0..100).map(|n| format!("elephant number {n}")).collect();
    let mut all_heard = false;
    for round in 0..10 {
        let email = format!("{round}@b.example");
        people.sign_up(&email).await;
        let token = people.token((&email, RESET), 2).await;
        let many = people.impatient();
        let tries = passwords.iter().map(|password| many.reset((&email, password), &token));
        let answers = join_all(tries).await;
        all_heard |= one_of_many(&answers, (400, "U005"));
        if let Some(winner) = answers.iter().position(|answer| answer.status == 200) {
            assert_eq!(people.log_in(&email, &passwords[winner]).await.status, 200);
            people.mailbox.newest_of(3, &email).await;
        }
        if all_heard {
            break;
        }
    }
    assert!(all_heard, "in none of ten rounds");
    system.stop().await;
}

/// P08: whoever guesses at one account does not burn the token of another.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_own_account_and_gone_after_five_wrong_ones() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let (a, b) = ("a@b.example", "b@b.example");
    people.sign_up(a).await;
    people.sign_up(b).await;
    let token_of_a = people.token((a, RESET), 2).await;
    let token_of_b = people.token((b, RESET), 2).await;
    for _ in 0..4 {
        let crossed = people.reset((b, OTHER_PASSWORD), &token_of_a).await;
        assert_eq!(crossed.verdict(), (400, "U005"));
    }
    assert_eq!(people.reset((a, OTHER_PASSWORD), &token_of_a).await.status, 200);
    assert_eq!(people.reset((b, OTHER_PASSWORD), "wrong").await.verdict(), (400, "U005"));
    let late = people.reset((b, OTHER_PASSWORD), &token_of_b).await;
    assert_eq!(late.verdict(), (400, "U005"), "five wrong ones before");
    assert_eq!(people.log_in(b, PASSWORD).await.status, 200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_password_to_reset_is_told_by_mail_alone() {
    let system = System::start().await;
    let people = People::of(&system).await;
    people.log_in_socially(("GOOGLE", "1"), json!("social@b.example")).await;
    let local = people.ask("nobody@b.example", RESET).await;
    let social = people.ask("social@b.example", RESET).await;
    assert_eq!((local.status, social.status), (202, 202));
    let letter = people.mailbox.newest_of(1, "social@b.example").await;
    assert!(letter.text.contains("GOOGLE") && letter.code().is_none(), "{letter:?}");
    assert_eq!(people.mailbox.newest_of(1, "nobody@b.example").await.code(), None);
    let token = uuid::Uuid::new_v4().to_string();
    for email in ["social@b.example", "nobody@b.example"] {
        let refused = people.reset((email, PASSWORD), &token).await;
        assert_eq!(refused.verdict(), (400, "U005"), "{email}");
    }
    system.stop().await;
}

/// They are LOCAL, and have never had one.
#[tokio::test(flavor = "multi_thread")]
async fn an_imported_user_sets_his_first_password_by_a_reset() {
    let system = System::start().await;
    let people = People::of(&system).await;
    let batch = system.caller("user-service", r#"{"companyId":7,"userId":1}"#).await;
    let email = "buyer@b.example";
    let users = json!({"users": [{"email": email}]});
    batch.post_json(&format!("{}/internal/users/import", people.url), &users).await;
    assert_eq!(people.log_in(email, PASSWORD).await.verdict(), (401, "A006"));
    let token = people.token((email, RESET), 1).await;
    assert_eq!(people.reset((email, PASSWORD), &token).await.status, 200);
    let person = people.log_in(email, PASSWORD).await.body["data"].clone();
    assert_eq!((&person["companyId"], &person["provider"]), (&json!(7), &json!("LOCAL")));
    system.stop().await;
}
