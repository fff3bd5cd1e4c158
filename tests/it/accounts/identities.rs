//! Other ways into an account: who owns it hears of them, and takes them away.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::caller::{Answer, send};

use super::alone::Alone;
use super::{OTHER_PASSWORD, PASSWORD};

async fn link(alone: &Alone, account: &Value, (provider, language): (&str, &str)) -> Answer {
    let people = &alone.people;
    let url = format!("{}/internal/users/{}/identities", people.url, account["id"]);
    let identity = json!({"provider": provider, "subject": account["id"].to_string(),
        "email": null});
    let request = people.internal.request(Method::POST, &url).json(&identity);
    send(request.header("Accept-Language", language)).await
}

async fn unlink(alone: &Alone, account: &Value, (provider, body): (&str, Value)) -> Answer {
    let path = format!("/identities/{provider}");
    alone.people.own(&alone.owner(account, "login-1"), (Method::DELETE, &path), body).await
}

async fn linked(alone: &Alone, account: &Value) -> Vec<String> {
    let owner = alone.owner(account, "login-1");
    let list = alone.people.own(&owner, (Method::GET, "/identities"), Value::Null).await;
    let list = list.body["data"]["identities"].as_array().expect("a list").clone();
    assert!(list.iter().all(|own| own["linkedAt"].as_str().is_some_and(|at| at.ends_with('Z'))));
    list.iter().map(|own| own["provider"].as_str().expect("a provider").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_told_once_of_each_way_in_that_is_added_and_takes_it_away_with_his_password() {
    let alone = Alone::start(|_| ()).await;
    let (people, email) = (&alone.people, "a@b.example");
    let account = people.sign_up(email).await;
    for _ in 0..2 {
        assert_eq!(link(&alone, &account, ("GOOGLE", "en")).await.status, 200);
    }
    let letter = people.mailbox.newest_of(2, email).await;
    assert!(letter.text.contains("GOOGLE was linked to your account"), "{letter:?}");
    assert_eq!(link(&alone, &account, ("KAKAO", "*")).await.status, 200);
    let letter = people.mailbox.newest_of(3, email).await;
    assert_eq!(letter.subject, "새로운 로그인 수단이 연결되었습니다");
    assert_eq!(linked(&alone, &account).await, ["GOOGLE", "KAKAO"]);
    let refused = [
        ("GOOGLE", Value::Null, (400, "C001")),
        ("GOOGLE", json!({"password": OTHER_PASSWORD}), (401, "A006")),
        ("NAVER", json!({"password": PASSWORD}), (404, "U007")),
        ("LOCAL", json!({"password": PASSWORD}), (404, "U007")),
        ("GOOGLE", json!({"pass": PASSWORD}), (400, "C002")),
    ];
    for (provider, body, verdict) in refused {
        assert_eq!(unlink(&alone, &account, (provider, body)).await.verdict(), verdict);
    }
    for provider in ["GOOGLE", "KAKAO"] {
        let done = unlink(&alone, &account, (provider, json!({"password": PASSWORD}))).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }
    assert!(linked(&alone, &account).await.is_empty());
    let subject = account["id"].to_string();
    let back = people.log_in_socially(("GOOGLE", &subject), Value::Null).await;
    assert_eq!(back.body["data"]["created"], true, "it is nobody's any more");
    let person = people.log_in(email, PASSWORD).await.body["data"].clone();
    assert_eq!(person["credentialsVersion"], 1, "no login ends by it");
    alone.stop().await;
}

/// Also if all of them are taken away at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_way_into_an_account_without_a_password_stays() {
    let alone = Alone::start(|_| ()).await;
    let person = alone.people.log_in_socially(("NAVER", "n-1"), Value::Null).await;
    let person = person.body["data"]["person"].clone();
    let account = json!({"id": person["userId"], "companyId": person["companyId"]});
    let last = unlink(&alone, &account, ("NAVER", Value::Null)).await;
    assert_eq!(last.verdict(), (409, "U008"));
    for provider in ["GOOGLE", "KAKAO"] {
        assert_eq!(link(&alone, &account, (provider, "ko")).await.status, 200);
    }
    let all = ["NAVER", "GOOGLE", "KAKAO"];
    let unlinked = all.map(|provider| unlink(&alone, &account, (provider, Value::Null)));
    let answers = join_all(unlinked).await;
    assert!(answers.iter().any(|answer| answer.status != 200), "{answers:?}");
    let left = linked(&alone, &account).await;
    assert!(!left.is_empty());
    for provider in left {
        unlink(&alone, &account, (&provider, Value::Null)).await;
    }
    let left = linked(&alone, &account).await;
    assert_eq!(left.len(), 1, "{left:?}");
    let refused = unlink(&alone, &account, (&left[0], Value::Null)).await;
    assert_eq!(refused.verdict(), (409, "U008"));
    alone.stop().await;
}
