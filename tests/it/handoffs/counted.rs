//! How often it is used: never more often than it may be, and never without a token.

use std::time::Duration;

use futures_util::future::join_all;
use tests::handoffs::{GRANT, Parties, refused};
use tests::oauth::{OAuthClient, claims_of};

use super::{front, token_of};
use crate::replicas::Two;

/// `BATON_TEST_KILLS` says how often.
fn kills() -> usize {
    std::env::var("BATON_TEST_KILLS").map_or(10, |kills| kills.parse().expect("a number"))
}

async fn parties(two: &Two) -> (Parties, OAuthClient) {
    let front = two.cluster.register(&front(), &two.one).await;
    (Parties::at(&two.cluster, &two.one).await, front)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_use_it_at_once_in_two_processes_three_get_a_token() {
    let two = Two::start(&[]).await;
    let (parties, front) = parties(&two).await;
    let subject = token_of(&front).await;
    let workers = [parties.worker.at(&two.one.url), parties.worker.at(&two.other.url)];
    for _ in 0..4 {
        let id = parties.handed_on(&subject, &[("max_uses", "3")]).await;
        let uses = (0..50).map(|number| tests::handoffs::redeem_as(&workers[number % 2], &id, &[]));
        let answers = join_all(uses).await;
        let mut ids: Vec<String> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .map(|answer| claims_of(answer.access_token())["jti"].to_string())
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3, "three tokens, each another one");
        let others = answers.iter().filter(|answer| answer.status != 200);
        let used_up = (400, "invalid_grant", "used_up");
        let others: Vec<_> = others.map(refused).collect();
        assert_eq!(
            (others.len(), others.iter().all(|own| *own == used_up)),
            (47, true),
            "{others:?}"
        );
        let stored = "SELECT SUM(uses) FROM handoffs WHERE uses > 3";
        let more = two.backend.count_in_auth(&format!("SELECT COALESCE(({stored}), 0)")).await;
        assert_eq!(more, 0);
    }
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_use_it_in_one_name_at_once_share_one_use() {
    let two = Two::start(&[]).await;
    let (parties, front) = parties(&two).await;
    let subject = token_of(&front).await;
    let workers = [parties.worker.at(&two.one.url), parties.worker.at(&two.other.url)];
    let id = parties.handed_on(&subject, &[("max_uses", "3")]).await;
    let named = [("redemption_id", "tonight")];
    let uses = (0..20).map(|number| tests::handoffs::redeem_as(&workers[number % 2], &id, &named));
    let answers = join_all(uses).await;
    let mut ids: Vec<_> =
        answers.iter().map(|answer| claims_of(answer.access_token())["jti"].to_string()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let last = parties.redeem(&id, &[("redemption_id", "tomorrow")]).await;
    assert_eq!(last.body["uses_left"], 1, "the second use");
    let narrower = [("redemption_id", "tonight"), ("resource", "order-service")];
    assert_eq!(parties.redeem(&id, &narrower).await.body["uses_left"], 0, "another token");
    two.stop().await;
}

/// One process answers, and is killed; the client asks again in the same name.
#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_makes_no_use_more_and_loses_none() {
    let mut two = Two::start(&[]).await;
    let (parties, front) = parties(&two).await;
    let (mut before, mut open) = (0, 0);
    for _ in 0..kills() {
        let subject = token_of(&front).await;
        let id = parties.handed_on(&subject, &[("max_uses", "3")]).await;
        let worker = parties.worker.at(&two.other.url);
        let names: Vec<String> = (0..3).map(|number| format!("use-{number}")).collect();
        let under_way = names.iter().cloned().map(|name| {
            let (worker, id) = (worker.clone(), id.clone());
            async move { try_to_redeem(&worker, &id, &name).await }
        });
        let under_way = tokio::spawn(join_all(under_way.collect::<Vec<_>>()));
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..40_000))).await;
        two.other.kill();
        let seen = under_way.await.unwrap();
        two.other.restart().await;
        before += seen.iter().flatten().count();
        open += seen.iter().filter(|own| own.is_none()).count();
        for (name, seen) in names.iter().zip(seen) {
            let again = parties.redeem(&id, &[("redemption_id", name)]).await;
            assert_eq!(again.status, 200, "no use is lost: {}", again.text);
            let own = claims_of(again.access_token())["jti"].as_str().unwrap().to_owned();
            assert!(seen.is_none_or(|seen| seen == own), "it is the same use");
        }
        let more = parties.redeem(&id, &[("redemption_id", "one-more")]).await;
        assert_eq!(refused(&more), (400, "invalid_grant", "used_up"));
    }
    println!("{} kills, {before} answers before them, {open} lost on the way", kills());
    let uses = two.backend.count_in_auth("SELECT COALESCE(SUM(uses), 0) FROM handoffs").await;
    assert_eq!(uses, 3 * i64::try_from(kills()).unwrap());
    two.stop().await;
}

/// The id of the token; None when no answer came.
async fn try_to_redeem(worker: &OAuthClient, id: &str, name: &str) -> Option<String> {
    let form = [
        ("client_id", worker.id.as_str()),
        ("client_secret", worker.secret.expose()),
        ("grant_type", GRANT),
        ("handoff", id),
        ("redemption_id", name),
    ];
    let url = format!("{}/oauth2/token", worker.auth);
    let request = worker.caller.request(reqwest::Method::POST, &url).form(&form);
    let answer: serde_json::Value = request.send().await.ok()?.json().await.ok()?;
    Some(claims_of(answer["access_token"].as_str()?)["jti"].as_str()?.to_owned())
}
