//! Leaving, and coming back.

use reqwest::Method;
use serde_json::{Value, json};
use shared::{Clock, SystemClock};

use super::alone::Alone;
use super::{OTHER_PASSWORD, PASSWORD, People};

async fn leave(alone: &Alone, account: &Value, body: Value) -> (u16, String) {
    let owner = alone.owner(account, "login-1");
    let answer = alone.people.own(&owner, (Method::DELETE, ""), body).await;
    (answer.status, answer.body["errorCode"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_gone_for_everybody_and_his_address_is_held() {
    let alone = Alone::start(|_| ()).await;
    let people = &alone.people;
    let account = people.sign_up("a@b.example").await;
    for (body, code) in [
        (json!({"password": OTHER_PASSWORD}), "A006"),
        (Value::Null, "C001"),
        (json!({"pass": PASSWORD}), "C002"),
        (json!([]), "C002"),
    ] {
        assert_eq!(leave(&alone, &account, body.clone()).await.1, code, "{body}");
    }
    assert_eq!(leave(&alone, &account, json!({"password": PASSWORD})).await.0, 200);
    let letter = people.mailbox.newest_of(2, "a@b.example").await;
    assert_eq!((letter.subject.as_str(), letter.code()), ("탈퇴가 완료되었습니다", None));
    let owner = alone.owner(&account, "login-1");
    let me = people.own(&owner, (Method::GET, ""), Value::Null).await;
    assert_eq!(me.verdict(), (404, "U002"));
    assert_eq!(owner.get(&format!("{}/api/me", people.url)).await.verdict(), (404, "U002"));
    assert_eq!(people.log_in("a@b.example", PASSWORD).await.verdict(), (401, "A006"));
    let by_id = format!("{}/internal/users/{}", people.url, account["id"]);
    assert_eq!(people.internal.get(&by_id).await.verdict(), (404, "U002"));
    let colleague = alone.owner_with(&account, "user:read");
    for query in ["", &format!("?ids={}", account["id"])] {
        let list = colleague.get(&format!("{}/api/users{query}", people.url)).await;
        assert_eq!(list.body["data"]["users"], json!([]), "{}", list.text);
    }

    let token = people.token(("a@b.example", "SIGNUP"), 3).await;
    let back = people.sign_up_with(("a@b.example", PASSWORD), &token).await;
    assert_eq!((back.verdict(), &back.body["data"]["provider"]), ((409, "U001"), &json!("LOCAL")));
    let social = people.log_in_socially(("GOOGLE", "1"), json!("a@b.example")).await;
    assert_eq!(social.verdict(), (409, "U001"));
    assert_eq!(people.ask("a@b.example", "PASSWORD_RESET").await.status, 202);
    assert_eq!(people.mailbox.newest_of(4, "a@b.example").await.code(), None);
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_a_password_leaves_without_and_comes_back_when_he_is_forgotten() {
    let mut alone = Alone::start(|config| config.erase_after_days = 0).await;
    let email = "a@b.example";
    let google = ("GOOGLE", "g-1");
    let person = alone.people.log_in_socially(google, json!(email)).await.body["data"].clone();
    let account =
        json!({"id": person["person"]["userId"], "companyId": person["person"]["companyId"]});
    assert_eq!(leave(&alone, &account, Value::Null).await.0, 200);
    // Else it is on its way when all stops, and nobody takes it up for a minute.
    alone.people.mailbox.newest_of(1, email).await;
    let closed = alone.people.log_in_socially(google, json!(email)).await;
    let expected = json!({"email": email, "provider": "GOOGLE"});
    assert_eq!((closed.verdict(), &closed.body["data"]), ((409, "U001"), &expected));
    // It erases what is due when it starts, and every minute.
    alone.restart().await;
    let people = &alone.people;
    let back = signed_up_when_free(people, email).await;
    assert_eq!((&back["formerProvider"], &back["provider"]), (&json!("GOOGLE"), &json!("LOCAL")));
    assert_ne!(back["id"], account["id"]);
    let new = people.log_in_socially(google, Value::Null).await.body["data"].clone();
    assert_eq!(new["created"], true, "nothing is left of the identity");
    alone.stop().await;
}

async fn signed_up_when_free(people: &People, email: &str) -> Value {
    let (clock, token) = (SystemClock::new(), people.token((email, "SIGNUP"), 2).await);
    loop {
        let back = people.sign_up_with((email, PASSWORD), &token).await;
        if back.status == 201 {
            return back.body["data"].clone();
        }
        assert_eq!(back.verdict(), (409, "U001"));
        assert!(clock.monotonic().as_secs() < 20, "erased within 20 s");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
