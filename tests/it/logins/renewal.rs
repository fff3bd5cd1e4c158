//! Renewal: one successor for a refresh token, the same for all who ask at once; a used one ends the login.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use tests::oauth::claims_of;
use tests::visitor::{Visitor, refresh_cookie};

use super::{House, refused_within_a_second, stores};

#[tokio::test(flavor = "multi_thread")]
async fn of_64_who_renew_with_one_token_at_two_replicas_all_get_the_same_pair() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        for user in 1..=3 {
            let visitor = Visitor::logged_in(&house.one.url, user).await;
            let first = visitor.cookie.clone().unwrap();
            let racers = (0..64).map(|racer| {
                let at = if racer % 2 == 0 { &house.one } else { &house.other };
                let (visitor, first) = (visitor.at(&at.url), first.clone());
                async move { visitor.refresh_with(&first).await }
            });
            let answers = join_all(racers).await;
            let pairs: HashSet<(String, String)> = answers
                .iter()
                .map(|answer| {
                    assert_eq!(answer.status, 200, "{store}: {}", answer.text);
                    let access = answer.body["data"]["accessToken"].as_str().unwrap();
                    (access.to_owned(), refresh_cookie(&answer.headers).unwrap())
                })
                .collect();
            assert_eq!(pairs.len(), 1, "{store}: one successor");
            let (access, next) = pairs.into_iter().next().unwrap();
            assert_ne!(next, first);
            let mut winner = Visitor { cookie: Some(next), access, ..visitor.clone() };
            assert_eq!(winner.refresh().await.status, 200);
            reuse_ends_it(&house, &winner, &first).await;
        }
        if *store != "redis" {
            assert_eq!(
                house.count("SELECT COUNT(*) FROM logins").await,
                3,
                "{store}: one row each"
            );
        }
        house.stop().await;
    }
}

/// A token whose successor has been used comes again: everybody is out, at once and everywhere.
async fn reuse_ends_it(house: &House, user: &Visitor, used: &str) {
    let verifier = house.other.verifier("order-service");
    assert!(verifier.verify(&user.access).await.is_ok());
    let again = user.at(&house.other.url).refresh_with(used).await;
    assert_eq!(again.verdict(), (401, "A008"), "{}", again.text);
    assert_eq!(refresh_cookie(&again.headers), None);
    assert!(again.header("set-cookie").contains("Max-Age=0"), "the cookie goes");
    refused_within_a_second(&verifier, &user.access).await;
    let newest = user.refresh_with(user.cookie.as_deref().unwrap()).await;
    assert_eq!(newest.status, 401, "{}", newest.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_given_again_until_the_successor_is_used_or_the_time_is_over() {
    for store in stores() {
        let house = House::kept_in(store, &[("BATON_AUTH_LOGIN_REPEAT_S", "2")]).await;
        let mut visitor = Visitor::logged_in(&house.one.url, 7).await;
        let first = visitor.cookie.clone().unwrap();
        assert_eq!(visitor.refresh().await.status, 200);
        let next = visitor.cookie.clone();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let repeated = visitor.at(&house.other.url).refresh_with(&first).await;
            assert_eq!(refresh_cookie(&repeated.headers), next, "{store}: the same again");
        }
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let late = visitor.refresh_with(&first).await;
        assert_eq!(late.verdict(), (401, "A008"), "{store}: repeating does not prolong it");
        assert_eq!(visitor.refresh().await.status, 401, "{store}: and ends the login");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_token_is_refused_and_the_real_login_lives() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let mut visitor = Visitor::logged_in(&house.one.url, 8).await;
        let real = visitor.cookie.clone().unwrap();
        let mut changed = real.clone().into_bytes();
        for place in [0, 20, 30, 60, 84] {
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let forged = visitor.refresh_with(std::str::from_utf8(&changed).unwrap()).await;
            assert_eq!(forged.verdict(), (401, "A007"), "{store}");
        }
        for forged in ["", "x", &"A".repeat(86), &"A".repeat(8_000), &visitor.access] {
            let answer = visitor.refresh_with(forged).await;
            assert_eq!(answer.verdict(), (401, "A007"), "{store}: {forged}");
        }
        assert_eq!(visitor.refresh().await.status, 200, "{store}");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_when_it_is_idle_and_when_it_is_old() {
    for store in stores() {
        let settings = [("BATON_AUTH_LOGIN_IDLE_S", "2"), ("BATON_AUTH_LOGIN_MAX_S", "5")];
        let house = House::kept_in(store, &settings).await;
        let mut idle = Visitor::logged_in(&house.one.url, 1).await;
        let mut used = Visitor::logged_in(&house.one.url, 2).await;
        let began = claims_of(&used.access)["iat"].as_i64().unwrap();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(1_000)).await;
            assert_eq!(used.refresh().await.status, 200, "{store}: used, so it goes on");
            assert_eq!(
                claims_of(&used.access)["auth_time"],
                began,
                "{store}: and began when it did"
            );
        }
        assert_eq!(idle.refresh().await.verdict(), (401, "A007"), "{store}: not used for so long");
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            used.refresh().await;
        }
        assert_eq!(used.cookie, None, "{store}: too old, however much it was used");
        house.stop().await;
    }
}
