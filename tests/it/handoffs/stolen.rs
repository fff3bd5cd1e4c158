//! An id in the wrong hands, or used for something else: refused, written down, and no use is spent.

use auth_service::domain::client::{Client, ClientId};
use serde_json::Value;
use tests::handoffs::{GRANT, PURPOSE, Parties, redeem_as, refused, worker};
use tests::oauth::OAuthClient;
use tests::system::System;

use super::received;

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_id_is_of_no_use_and_no_use_is_spent() {
    let system = System::start().await;
    let parties = Parties::of(&system).await;
    let subject = received(&system).await;
    let id = parties
        .handed_on(&subject, &[("scope", "order:read"), ("resource", "order-service")])
        .await;
    refused_and_said_why(&system, &parties, &id).await;
    without_the_proof_of_who_asks(&system, &parties, &id).await;
    written_down(&system).await;
    let good = parties.redeem(&id, &[("purpose", PURPOSE)]).await;
    assert_eq!((good.status, &good.body["uses_left"]), (200, &Value::from(0)), "{}", good.text);
    system.stop().await;
}

/// Who asks, for what, and what the answer is.
type Case<'a> = (&'a OAuthClient, (&'a str, &'a str), (u16, &'a str, &'a str));

async fn refused_and_said_why(system: &System, parties: &Parties, id: &str) {
    // As much as the executor may, but another.
    let thief = Client { id: ClientId::parse("thief").unwrap(), ..worker() };
    let thief = OAuthClient::register(system, &thief).await;
    let not_yours = (400, "invalid_grant", "not_yours");
    let other_scope = (400, "invalid_scope", "other_scope");
    let worker = &parties.worker;
    let cases: [Case<'_>; 6] = [
        (&thief, ("purpose", PURPOSE), not_yours),
        (&parties.shop, ("purpose", PURPOSE), not_yours),
        (worker, ("purpose", "daily"), (400, "invalid_grant", "other_purpose")),
        (worker, ("resource", "file-service"), (400, "invalid_target", "other_resource")),
        (worker, ("scope", "order:read file:write"), other_scope),
        (worker, ("scope", "order:write"), other_scope),
    ];
    for (client, said, verdict) in cases {
        let answer = redeem_as(client, id, &[said]).await;
        assert_eq!(refused(&answer), verdict, "{} {said:?}", client.id);
    }
}

/// Each of them, with the purpose and both clients.
async fn written_down(system: &System) {
    let admin = system.admin().await;
    for (actor, word) in [
        ("thief", "not_yours"),
        ("shop", "not_yours"),
        ("worker", "other_purpose"),
        ("worker", "other_resource"),
        ("worker", "other_scope"),
    ] {
        let is_it = |row: &Value| {
            let detail = row["detail"].as_str().unwrap_or_default();
            row["event"] == "handoff.refused"
                && row["actor"] == actor
                && detail.contains("for nightly from shop to worker")
                && detail.contains(word)
        };
        system.audit_row(&admin, is_it).await;
    }
    // Who has not proved who he is learns nothing of it, and is written down under the name that he has said.
    for claimed in ["worker", "unknown"] {
        let is_it = |row: &Value| row["event"] == "token.refused" && row["actor"] == claimed;
        system.audit_row(&admin, is_it).await;
    }
}

async fn without_the_proof_of_who_asks(system: &System, parties: &Parties, id: &str) {
    let url = system.token_url();
    let grant = [("grant_type", GRANT), ("handoff", id)];
    let nobody = system.stranger().post_form(&url, &grant).await;
    assert_eq!(nobody.refusal(), (401, "invalid_client"));
    let named = [&grant[..], &[("client_id", "worker")]].concat();
    assert_eq!(system.stranger().post_form(&url, &named).await.refusal(), (401, "invalid_client"));
    let wrong = [&named[..], &[("client_secret", parties.shop.secret.expose())]].concat();
    assert_eq!(system.stranger().post_form(&url, &wrong).await.refusal(), (401, "invalid_client"));
    // It is no token either.
    let orders = format!("{}/api/orders", system.services.order.url());
    let bearer = system.stranger().with_token(id).get(&orders).await;
    assert_eq!(bearer.verdict(), (401, "A002"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_unknown_id_no_more_is_said_than_of_anothers() {
    let system = System::start().await;
    let parties = Parties::of(&system).await;
    let id = parties.handed_on(&received(&system).await, &[]).await;
    let thief = Client { id: ClientId::parse("thief").unwrap(), ..worker() };
    let thief = OAuthClient::register(&system, &thief).await;
    let anothers = redeem_as(&thief, &id, &[]).await;
    let unknown = "ho_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for made_up in [unknown, "x", "ho_", &"y".repeat(5_000), "ho_\u{202e}"] {
        let answer = redeem_as(&thief, made_up, &[]).await;
        assert_eq!((answer.status, &answer.text), (400, &anothers.text), "{made_up}");
    }
    let missing = redeem_as(&thief, "", &[]).await;
    assert_eq!(missing.refusal(), (400, "invalid_request"));
    let words = "a b";
    let odd = redeem_as(&parties.worker, &id, &[("redemption_id", words)]).await;
    assert_eq!(odd.refusal(), (400, "invalid_request"));
    system.stop().await;
}

/// What one of the two may no longer do is refused from then on.
#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_taken_away_are_gone_for_what_was_handed_on_before() {
    let system = System::start().await;
    let parties = Parties::of(&system).await;
    let id = parties.handed_on(&received(&system).await, &[("max_uses", "3")]).await;
    let named = [("redemption_id", "one")];
    assert_eq!(parties.redeem(&id, &named).await.status, 200);
    let mut bare = worker();
    bare.takes_over.clear();
    let bare = OAuthClient::register(&system, &bare).await;
    let refusal = (400, "unauthorized_client", "not_allowed");
    assert_eq!(refused(&redeem_as(&bare, &id, &named).await), refusal);
    let back = OAuthClient::register(&system, &worker()).await;
    assert_eq!(redeem_as(&back, &id, &named).await.body["uses_left"], 2, "no use was spent");
    let mut shop = tests::handoffs::shop();
    shop.hands_on.clear();
    OAuthClient::register(&system, &shop).await;
    let began = std::time::Instant::now();
    // Nobody asks in its name: within a second it is read.
    while redeem_as(&back, &id, &named).await.status == 200 {
        assert!(began.elapsed().as_secs() < 5, "it is still allowed");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(refused(&redeem_as(&back, &id, &named).await), refusal);
    system.stop().await;
}
