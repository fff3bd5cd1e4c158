//! Handing on while the login ends: whichever is first, nobody acts in it afterwards.

use std::time::Duration;

use futures_util::future::join;
use serde_json::json;
use tests::handoffs::{Parties, redeem_as, refused};
use tests::visitor::Visitor;

use crate::logins::{House, refused_within_a_second, stores};

/// Rounds for each store.
const ROUNDS: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_handed_on_past_a_logout_at_another_replica() {
    for store in stores() {
        let house = House::kept_in(store, &[]).await;
        let parties = Parties::at(&house.cluster, &house.one).await;
        let (mut made, mut late) = (0, 0);
        for round in 0..ROUNDS {
            let mut visitor = Visitor::logged_in(&house.one.url, 200).await;
            let access = visitor.access.clone();
            let mut leaving = visitor.at(&house.other.url);
            let hand_on = async {
                tokio::time::sleep(Duration::from_micros(fastrand::u64(0..8_000))).await;
                parties.hand_on(&access, &[]).await
            };
            let leave = async {
                tokio::time::sleep(Duration::from_micros(fastrand::u64(0..8_000))).await;
                leaving.log_out().await
            };
            let (handed_on, left) = join(hand_on, leave).await;
            assert_eq!(left.status, 204, "{store}");
            visitor.cookie = None;
            let Some(id) = handed_on.body["handoff"].as_str() else {
                assert_eq!(handed_on.refusal(), (400, "invalid_request"), "{store} {round}");
                late += 1;
                continue;
            };
            made += 1;
            for url in [&house.one.url, &house.other.url] {
                let answer = redeem_as(&parties.worker.at(url), id, &[]).await;
                assert_eq!(
                    answer.body["ended_by"],
                    json!("LOGOUT"),
                    "{store} {round}: {}",
                    answer.text
                );
            }
        }
        println!("{store}: {made} were handed on just before, {late} came too late");
        house.stop().await;
    }
}

/// A use that is counted while the handoff ends: its token is revoked with the rest, or there is none.
#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_good_whose_handoff_has_ended_while_it_was_made() {
    let house = House::start(&[]).await;
    let parties = Parties::at(&house.cluster, &house.one).await;
    let verifier = house.other.verifier("order-service");
    let (shop, worker) = (&parties.shop, parties.worker.at(&house.other.url));
    let visitor = Visitor::logged_in(&house.one.url, 200).await;
    let (mut made, mut late) = (0, 0);
    for round in 0..4 * ROUNDS {
        let id = parties.handed_on(&visitor.access, &[]).await;
        let pauses = [(); 2].map(|()| Duration::from_micros(fastrand::u64(0..3_000)));
        let use_it = async {
            tokio::time::sleep(pauses[0]).await;
            redeem_as(&worker, &id, &[]).await
        };
        let end_it = async {
            tokio::time::sleep(pauses[1]).await;
            shop.revoke(&id).await
        };
        let (used, ended) = join(use_it, end_it).await;
        assert_eq!(ended.status, 200, "{round}: {}", ended.text);
        if used.status == 200 {
            made += 1;
            refused_within_a_second(&verifier, used.access_token()).await;
        } else {
            late += 1;
            assert_eq!(refused(&used), (400, "invalid_grant", "ended"), "{round}");
        }
    }
    println!("{made} were used just before, {late} came too late");
    house.stop().await;
}
