//! What ends it before its time: the login that it came of, the user, either client, an operator.

use auth_service::commands;
use auth_service::domain::revoking::RevocationAsk;
use serde_json::json;
use shared::RevocationKind;
use tests::caller::Caller;
use tests::handoffs::{Parties, refused};
use tests::oauth::{claims_of, declared};
use tests::visitor::Visitor;

use auth_service::domain::client::Client;

use crate::logins::{House, refused_within_a_second, stores};

const ENDED: (u16, &str, &str) = (400, "invalid_grant", "ended");
const OUTLIVING: [(&str, &str); 1] = [("outlives_logout", "true")];

async fn parties(house: &House) -> Parties {
    Parties::at(&house.cluster, &house.one).await
}

/// Why a use is refused: by what it has ended, at both replicas.
async fn ended_by(house: &House, parties: &Parties, id: &str) -> String {
    let mut by = Vec::new();
    for url in [&house.one.url, &house.other.url] {
        let worker = parties.worker.at(url);
        let answer = tests::handoffs::redeem_as(&worker, id, &[]).await;
        assert_eq!(refused(&answer), ENDED, "{}", answer.text);
        by.push(answer.body["ended_by"].as_str().unwrap().to_owned());
    }
    assert_eq!(by[0], by[1]);
    by.remove(0)
}

async fn token(parties: &Parties, id: &str) -> String {
    let answer = parties.redeem(id, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.access_token().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_it_with_its_tokens_unless_it_was_declared_to_outlive_that() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let parties = parties(&house).await;
        let mut visitor = Visitor::logged_in(&house.one.url, 200).await;
        let unused = parties.handed_on(&visitor.access, &[]).await;
        let id = parties.handed_on(&visitor.access, &[("max_uses", "3")]).await;
        let outliving =
            parties.handed_on(&visitor.access, &[("max_uses", "3"), OUTLIVING[0]]).await;
        let (live, other) = (token(&parties, &id).await, token(&parties, &outliving).await);
        let sid = claims_of(&visitor.access)["sid"].clone();
        assert_eq!(claims_of(&live)["sid"], sid, "{store}: the login's");
        assert_ne!(claims_of(&other)["sid"], sid, "{store}: one of its own");
        assert_eq!(visitor.log_out().await.status, 204);
        let verifier = house.other.verifier("order-service");
        refused_within_a_second(&verifier, &live).await;
        for id in [&unused, &id] {
            assert_eq!(ended_by(&house, &parties, id).await, "LOGOUT", "{store}");
        }
        let written =
            "SELECT COUNT(*) FROM audit WHERE event = 'handoff.ended' AND actor = 'user 200'
            AND detail LIKE '% for nightly from shop to worker: LOGOUT'";
        assert_eq!(house.count(written).await, 2, "{store}: with purpose and both clients");
        assert!(verifier.verify(&other).await.is_ok(), "{store}: it goes on");
        let next = token(&parties, &outliving).await;
        assert!(verifier.verify(&next).await.is_ok(), "{store}: and gets another one");
        let again = parties.hand_on(&visitor.access, &[]).await;
        assert_eq!(again.refusal(), (400, "invalid_request"), "{store}: his token is no good");
        house.stop().await;
    }
}

/// Somebody who may tell auth-service whose logins end.
async fn teller(house: &House) -> Caller {
    let client = Client {
        scopes: "auth:logins".parse().unwrap(),
        audiences: ["auth-service".to_owned()].into(),
        ..declared("teller")
    };
    let teller = house.cluster.register(&client, &house.one).await;
    Caller::new(Some(teller.token(&[]).await.access_token().to_owned()))
}

async fn end_logins(house: &House, teller: &Caller, (reason, version, except): (&str, i64, &str)) {
    let url = format!("{}/internal/users/200/end-logins", house.one.url);
    let body = json!({"reason": reason, "version": version, "except": except});
    let answer = teller.post_json(&url, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Also what was declared to outlive a logout, of this login, of one that is over, and of the one that stays.
#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_all_that_was_handed_on_before_and_nothing_that_comes_after() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let (parties, teller) = (parties(&house).await, teller(&house).await);
        let mut gone = Visitor::logged_in(&house.one.url, 200).await;
        let mut ids = vec![parties.handed_on(&gone.access, &OUTLIVING).await];
        assert_eq!(gone.log_out().await.status, 204);
        let mut here = Visitor::logged_in(&house.one.url, 200).await;
        let stranger = Visitor::logged_in(&house.one.url, 201).await;
        let others = parties.handed_on(&stranger.access, &[]).await;
        ids.push(parties.handed_on(&here.access, &[("max_uses", "3"), OUTLIVING[0]]).await);
        ids.push(parties.handed_on(&here.access, &[]).await);
        let live = token(&parties, &ids[1]).await;
        let version = house.people.change_passwords();
        let own = claims_of(&here.access)["sid"].as_str().unwrap().to_owned();
        let told = ("PASSWORD_CHANGED", version, own.as_str());
        end_logins(&house, &teller, told).await;
        refused_within_a_second(&house.other.verifier("order-service"), &live).await;
        for id in &ids {
            assert_eq!(ended_by(&house, &parties, id).await, "PASSWORD_CHANGED", "{store}");
        }
        assert_eq!(here.refresh().await.status, 200, "{store}: this login stays");
        let next = parties.handed_on(&here.access, &[]).await;
        end_logins(&house, &teller, told).await;
        token(&parties, &next).await;
        token(&parties, &others).await;
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_in_two_hands_a_withdrawal_and_one_login_too_many_end_it() {
    for store in stores() {
        let house = House::kept_in(
            store,
            &[("BATON_AUTH_MAX_LOGINS", "1"), ("BATON_AUTH_LOGIN_REPEAT_S", "1")],
        )
        .await;
        let (parties, teller) = (parties(&house).await, teller(&house).await);
        let mut visitor = Visitor::logged_in(&house.one.url, 200).await;
        let used = visitor.cookie.clone().unwrap();
        let id = parties.handed_on(&visitor.access, &OUTLIVING).await;
        assert_eq!(visitor.refresh().await.status, 200);
        assert_eq!(visitor.refresh().await.status, 200);
        assert_eq!(visitor.refresh_with(&used).await.verdict(), (401, "A008"));
        assert_eq!(ended_by(&house, &parties, &id).await, "REUSE", "{store}");
        let oldest = Visitor::logged_in(&house.one.url, 200).await;
        let id = parties.handed_on(&oldest.access, &[]).await;
        let spared = parties.handed_on(&oldest.access, &OUTLIVING).await;
        let last = Visitor::logged_in(&house.other.url, 200).await;
        assert_eq!(ended_by(&house, &parties, &id).await, "TOO_MANY", "{store}");
        let id = parties.handed_on(&last.access, &OUTLIVING).await;
        end_logins(&house, &teller, ("WITHDRAWN", i64::MAX, "")).await;
        for id in [&id, &spared] {
            assert_eq!(ended_by(&house, &parties, id).await, "WITHDRAWN", "{store}");
        }
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_calls_it_back_and_so_do_both_clients_and_nobody_else() {
    let house = House::start(&[]).await;
    let parties = parties(&house).await;
    let visitor = Visitor::logged_in(&house.one.url, 200).await;
    let stranger = Visitor::logged_in(&house.one.url, 201).await;
    let other = house.cluster.register(&declared("other"), &house.one).await;
    let url = format!("{}/api/v2/auth/handoffs", house.one.url);
    for by in ["USER", "HANDED_ON_BY", "EXECUTOR"] {
        let id = parties.handed_on(&visitor.access, &[("max_uses", "3")]).await;
        let live = token(&parties, &id).await;
        let list = visitor.with_access().get(&url).await;
        let listed = list.body["data"].as_array().unwrap().clone();
        assert_eq!(listed.len(), 1, "{by}: {}", list.text);
        assert_eq!(
            (&listed[0]["purpose"], &listed[0]["executor"]),
            (&json!("nightly"), &json!("worker"))
        );
        assert_eq!((&listed[0]["uses"], &listed[0]["maxUses"]), (&json!(1), &json!(3)));
        assert!(!list.text.contains(&id), "the id is not shown again");
        let name = listed[0]["id"].as_str().unwrap();
        let one = format!("{url}/{name}");
        assert_eq!(stranger.with_access().get(&url).await.body["data"], json!([]));
        assert_eq!(stranger.with_access().delete(&one).await.verdict(), (404, "C003"));
        assert_eq!(other.revoke(&id).await.status, 200, "nothing is said of it");
        let verifier = house.other.verifier("order-service");
        assert!(verifier.verify(&live).await.is_ok(), "{by}: it is not theirs to end");
        match by {
            "USER" => assert_eq!(visitor.with_access().delete(&one).await.status, 204),
            "HANDED_ON_BY" => assert_eq!(parties.shop.revoke(&id).await.status, 200),
            _ => assert_eq!(parties.worker.revoke(&id).await.status, 200),
        }
        refused_within_a_second(&verifier, &live).await;
        assert_eq!(ended_by(&house, &parties, &id).await, by);
        assert_eq!(visitor.with_access().get(&url).await.body["data"], json!([]));
        assert_eq!(visitor.with_access().delete(&one).await.status, 404, "once");
        assert_eq!(parties.shop.revoke(&id).await.status, 200, "as often as one likes");
    }
    house.stop().await;
}

fn order(kind: RevocationKind, value: &str) -> RevocationAsk {
    RevocationAsk { kind, value: value.to_owned(), issued_before: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_order_ends_it_whatever_it_was_declared_to_outlive() {
    use RevocationKind::{All, Client, Company, Handoff, Sid, User};
    let house = House::start(&[]).await;
    let parties = parties(&house).await;
    for kind in [Handoff, Sid, User, Company, Client, All] {
        for client in ["shop", "worker"] {
            let visitor = Visitor::logged_in(&house.one.url, 200).await;
            let id = parties.handed_on(&visitor.access, &[("max_uses", "2"), OUTLIVING[0]]).await;
            let live = token(&parties, &id).await;
            let sid = claims_of(&visitor.access)["sid"].as_str().unwrap().to_owned();
            let value = match kind {
                Handoff => id.as_str(),
                Sid => sid.as_str(),
                User => "200",
                Company => "100",
                Client => client,
                _ => "",
            };
            commands::revoke(house.cluster.config(), &order(kind, value)).await.unwrap();
            for replica in [&house.one, &house.other] {
                refused_within_a_second(&replica.verifier("order-service"), &live).await;
            }
            assert_eq!(ended_by(&house, &parties, &id).await, "OPERATOR", "{kind:?} {value}");
            // Tokens are dated in whole seconds: the next login begins after the order.
            tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
        }
    }
    house.stop().await;
}

/// A root that a program has begun ends with its own token.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_programs_token_ends_with_that() {
    let house = House::start(&[]).await;
    let parties = parties(&house).await;
    let front = house.cluster.register(&super::front(), &house.one).await;
    let root = super::token_of(&front).await;
    let id = parties.handed_on(&root, &[]).await;
    let outliving = parties.handed_on(&root, &OUTLIVING).await;
    assert_eq!(front.revoke(&root).await.status, 200);
    assert_eq!(ended_by(&house, &parties, &id).await, "LOGOUT");
    token(&parties, &outliving).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_not_kept() {
    let house = House::start(&[]).await;
    let parties = parties(&house).await;
    let visitor = Visitor::logged_in(&house.one.url, 200).await;
    let id = parties.handed_on(&visitor.access, &[]).await;
    let kept = house.count("SELECT COUNT(*) FROM handoffs WHERE name NOT LIKE 'ho_%'").await;
    assert_eq!(kept, 1);
    let secret = id.strip_prefix("ho_").unwrap();
    let found =
        house.count(&format!("SELECT COUNT(*) FROM handoffs WHERE name LIKE '%{secret}%'")).await;
    assert_eq!(found, 0);
    house.stop().await;
}

/// By a server of the release before, which knows nothing of handoffs.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_login_that_was_ended_elsewhere_is_of_no_use_either() {
    let house = House::start(&[]).await;
    let parties = parties(&house).await;
    let visitor = Visitor::logged_in(&house.one.url, 200).await;
    let id = parties.handed_on(&visitor.access, &[("max_uses", "3")]).await;
    let outliving = parties.handed_on(&visitor.access, &OUTLIVING).await;
    token(&parties, &id).await;
    let sid = claims_of(&visitor.access)["sid"].as_str().unwrap().to_owned();
    let over = format!("UPDATE logins SET ended_by = 'LOGOUT' WHERE sid = '{sid}'");
    house.backend.execute_in_auth(&over).await;
    assert_eq!(ended_by(&house, &parties, &id).await, "LOGOUT");
    token(&parties, &outliving).await;
    house.stop().await;
}

/// All that end together end in one transaction.
#[tokio::test(flavor = "multi_thread")]
async fn no_user_has_more_open_than_may_be() {
    let house = House::start(&[]).await;
    let parties = parties(&house).await;
    let mut visitor = Visitor::logged_in(&house.one.url, 200).await;
    let mut ids = Vec::new();
    for _ in 0..200 {
        ids.push(parties.handed_on(&visitor.access, &[]).await);
    }
    let more = parties.hand_on(&visitor.access, &[]).await;
    assert_eq!(more.refusal(), (429, "temporarily_unavailable"));
    assert_eq!(more.header("retry-after"), "60");
    let stranger = Visitor::logged_in(&house.one.url, 201).await;
    parties.handed_on(&stranger.access, &[]).await;
    assert_eq!(parties.shop.revoke(&ids[0]).await.status, 200);
    parties.handed_on(&visitor.access, &[]).await;
    assert_eq!(visitor.log_out().await.status, 204, "all at once");
    let open = "SELECT COUNT(*) FROM handoffs WHERE user_id = 200 AND ended_by IS NULL";
    assert_eq!(house.count(open).await, 0);
    house.stop().await;
}

/// A job that comes late is told why for a day.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_not_kept_for_ever() {
    let house = House::start(&[]).await;
    let parties = parties(&house).await;
    let visitor = Visitor::logged_in(&house.one.url, 200).await;
    let now = claims_of(&visitor.access)["iat"].as_i64().unwrap();
    let mut ids = Vec::new();
    for hours in [25, 23] {
        ids.push(parties.handed_on(&visitor.access, &[]).await);
        let past = now - hours * 3600;
        let expire = format!("UPDATE handoffs SET not_after_s = {past} WHERE not_after_s > {now}");
        house.backend.execute_in_auth(&expire).await;
    }
    // A server cleans up as soon as it has started.
    let late = house.cluster.start().await;
    let began = std::time::Instant::now();
    while house.count("SELECT COUNT(*) FROM handoffs").await > 1 {
        assert!(began.elapsed().as_secs() < 10, "both are still there");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let refusals = [parties.redeem(&ids[0], &[]).await, parties.redeem(&ids[1], &[]).await];
    assert_eq!(refused(&refusals[0]), (400, "invalid_grant", "not_yours"));
    assert_eq!(refused(&refusals[1]), (400, "invalid_grant", "expired"));
    drop(late);
    house.stop().await;
}
