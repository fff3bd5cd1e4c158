//! The logins of a user: he sees them and ends them, and there are no more of them than he may have.

use reqwest::Method;
use serde_json::json;
use tests::caller::{Caller, send};
use tests::oauth::{OAuthClient, claims_of, declared};
use tests::people::{PASSWORD, email_of};
use tests::visitor::Visitor;

use auth_service::domain::client::Client;

use super::{House, refused_within_a_second, stores};

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_his_logins_and_ends_one_the_others_and_all() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let mut here = Visitor::logged_in(&house.one.url, 1).await;
        let body = json!({"email": email_of(1), "password": PASSWORD});
        let chrome = send(here.post("login").header("User-Agent", CHROME).json(&body)).await;
        assert_eq!(chrome.status, 200);
        let mut third = Visitor::logged_in(&house.other.url, 1).await;
        let stranger = Visitor::logged_in(&house.one.url, 2).await;
        let own = claims_of(&here.access)["sid"].clone();
        let sessions = here.sessions().await;
        assert_eq!(sessions.len(), 3, "{store}: {sessions:?}");
        let current: Vec<_> = sessions.iter().filter(|one| one["current"] == true).collect();
        assert_eq!((current.len(), &current[0]["id"]), (1, &own), "{store}");
        let on_chrome = sessions.iter().find(|one| one["device"] == "Chrome, Windows").unwrap();
        assert_eq!(on_chrome["address"], "127.0.0.1");
        let sessions_url = format!("{}/api/v2/auth/sessions", here.auth);
        let one = format!("{sessions_url}/{}", on_chrome["id"].as_str().unwrap());
        assert_eq!(
            stranger.with_access().delete(&one).await.verdict(),
            (404, "C003"),
            "{store}: not his"
        );
        assert_eq!(here.with_access().delete(&one).await.status, 204, "{store}");
        assert_eq!(here.with_access().delete(&one).await.status, 404, "{store}: it is gone");
        let verifier = house.other.verifier("order-service");
        let chrome_token = chrome.body["data"]["accessToken"].as_str().unwrap();
        refused_within_a_second(&verifier, chrome_token).await;
        let all = format!("{}/api/v2/auth/logout-all", here.auth);
        let others =
            here.with_access().post_json(&format!("{all}?others_only=true"), &json!({})).await;
        assert_eq!(others.body["data"]["ended"], 1, "{store}: {}", others.text);
        refused_within_a_second(&verifier, &third.access).await;
        assert_eq!(third.refresh().await.verdict(), (401, "A007"), "{store}");
        assert_eq!(here.refresh().await.status, 200, "{store}: this one stays");
        assert_eq!(here.with_access().post_json(&all, &json!({})).await.status, 200);
        refused_within_a_second(&verifier, &here.access).await;
        assert_eq!(here.refresh().await.status, 401, "{store}");
        assert!(verifier.verify(&stranger.access).await.is_ok(), "{store}: others stay");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_both_tokens_and_may_be_repeated() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let verifier = house.other.verifier("order-service");
        let mut visitor = Visitor::logged_in(&house.one.url, 1).await;
        let cookie = visitor.cookie.clone().unwrap();
        let out = visitor.log_out().await;
        assert_eq!((out.status, visitor.cookie.clone()), (204, None), "{store}");
        refused_within_a_second(&verifier, &visitor.access).await;
        let late = visitor.at(&house.other.url).refresh_with(&cookie).await;
        assert_eq!(late.verdict(), (401, "A007"), "{store}");
        let mut again = Visitor { cookie: Some(cookie), ..visitor.clone() };
        assert_eq!(again.log_out().await.status, 204, "{store}");
        assert_eq!(Visitor::new(&house.one.url).log_out().await.status, 204, "{store}");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_login_more_than_a_user_may_have_ends_the_oldest_also_with_many_at_once() {
    for store in stores() {
        let house = House::kept_in(store, &[("BATON_AUTH_MAX_LOGINS", "1")]).await;
        let verifier = house.one.verifier("order-service");
        let mut first = Visitor::logged_in(&house.one.url, 1).await;
        let second = Visitor::logged_in(&house.other.url, 1).await;
        refused_within_a_second(&verifier, &first.access).await;
        assert_eq!(first.refresh().await.status, 401, "{store}");
        assert_eq!(second.sessions().await.len(), 1, "{store}");
        let many = (0..4).map(|place| {
            let at = if place % 2 == 0 { &house.one } else { &house.other };
            Visitor::logged_in(&at.url, 1)
        });
        let many = futures_util::future::join_all(many).await;
        let mut live = 0;
        for mut visitor in many {
            live += usize::from(visitor.refresh().await.status == 200);
        }
        assert_eq!(live, 1, "{store}: one of them");
        house.stop().await;
    }
}

/// A client for the routes of services, and an operator.
async fn client(house: &House, id: &str, scope: &str) -> Caller {
    let client = Client {
        scopes: scope.parse().unwrap(),
        audiences: ["auth-service".to_owned()].into(),
        ..declared(id)
    };
    let client: OAuthClient = house.cluster.register(&client, &house.one).await;
    Caller::new(Some(client.token(&[]).await.access_token().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_order_ends_refresh_and_access_tokens_of_a_user() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let admin = client(&house, "admin", "auth:admin").await;
        let verifier = house.one.verifier("order-service");
        let mut hit = Visitor::logged_in(&house.other.url, 1).await;
        let mut spared = Visitor::logged_in(&house.one.url, 2).await;
        let order = json!({"kind": "user", "value": "1"});
        let url = format!("{}/admin/revocations", house.one.url);
        assert_eq!(admin.post_json(&url, &order).await.status, 201);
        refused_within_a_second(&verifier, &hit.access).await;
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        assert_eq!(hit.refresh().await.verdict(), (401, "A007"), "{store}");
        assert_eq!(spared.refresh().await.status, 200, "{store}");
        let mut back = Visitor::logged_in(&house.one.url, 1).await;
        assert!(verifier.verify(&back.access).await.is_ok(), "{store}: a new login is good");
        assert_eq!(back.refresh().await.status, 200, "{store}");
        assert!(verifier.verify(&back.access).await.is_ok(), "{store}: and its next token");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_logins_of_before_and_none_that_came_after() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let users = client(&house, "user-service", "auth:logins").await;
        let own = Visitor::logged_in(&house.one.url, 1).await;
        let mut other = Visitor::logged_in(&house.one.url, 1).await;
        let version = house.people.change_passwords();
        let mut later = Visitor::logged_in(&house.one.url, 1).await;
        let url = format!("{}/internal/users/1/end-logins", house.one.url);
        let sid = claims_of(&own.access)["sid"].clone();
        let body = json!({"reason": "PASSWORD_CHANGED", "version": version, "except": sid});
        for ended in [1, 0] {
            let answer = users.post_json(&url, &body).await;
            assert_eq!(answer.body["data"]["ended"], ended, "{store}: {}", answer.text);
        }
        assert_eq!(other.refresh().await.status, 401, "{store}");
        assert_eq!(own.clone().refresh().await.status, 200, "{store}: whose order it was");
        assert_eq!(later.refresh().await.status, 200, "{store}: whoever knew the new one");
        house.stop().await;
    }
}

/// The old password was good when it was looked at, and is not when the login would begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_under_way_while_the_password_is_changed_does_not_begin() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let users = client(&house, "user-service", "auth:logins").await;
        house.people.slow(1_500);
        let late = (0..4).map(|place| {
            let at = if place % 2 == 0 { &house.one.url } else { &house.other.url };
            let mut visitor = Visitor::new(at);
            async move { visitor.log_in(&email_of(1), PASSWORD).await }
        });
        let late = tokio::spawn(futures_util::future::join_all(late.collect::<Vec<_>>()));
        while house.people.checks() < 4 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let version = house.people.change_passwords();
        let url = format!("{}/internal/users/1/end-logins", house.other.url);
        let body = json!({"reason": "PASSWORD_RESET", "version": version});
        assert_eq!(users.post_json(&url, &body).await.status, 200);
        for answer in late.await.unwrap() {
            assert_eq!(answer.verdict(), (401, "A006"), "{store}: {}", answer.text);
        }
        house.people.slow(0);
        let mut new = Visitor::logged_in(&house.one.url, 1).await;
        assert_eq!(new.refresh().await.status, 200, "{store}: with the new one");
        assert_eq!(new.sessions().await.len(), 1, "{store}: and no other");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routes_of_services_and_of_people_are_closed_to_each_other() {
    let house = House::start(&[]).await;
    let visitor = Visitor::logged_in(&house.one.url, 1).await;
    let service = client(&house, "user-service", "auth:logins").await;
    let url = |path: &str| format!("{}{path}", house.one.url);
    let end = url("/internal/users/1/end-logins");
    let body = json!({"reason": "WITHDRAWN", "version": 1});
    assert_eq!(visitor.with_access().post_json(&end, &body).await.verdict(), (403, "A005"));
    assert_eq!(Caller::new(None).post_json(&end, &body).await.verdict(), (401, "A001"));
    let sessions = url("/api/v2/auth/sessions");
    assert_eq!(service.get(&sessions).await.status, 401, "on nobody's behalf");
    assert_eq!(Caller::new(None).get(&sessions).await.verdict(), (401, "A001"));
    let odd = visitor.with_access().request(Method::DELETE, &format!("{sessions}/x")).send().await;
    assert_eq!(odd.unwrap().status(), 404);
    assert_eq!(visitor.with_access().get(&url("/admin/clients")).await.verdict(), (403, "A005"));
    house.stop().await;
}
