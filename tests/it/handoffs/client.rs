//! The client of `shared` on both sides: handed on out of a handler, and used by another service.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use shared::client::http::{Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::{ClientCredentials, HandoffRefusal};
use shared::client::{CallError, Inbound, Target};
use shared::{AccessToken, ServiceClient, Session, SystemClock, TraceContext};
use tests::handoffs::{PURPOSE, Parties};
use tests::oauth::{OAuthClient, claims_of};
use tests::system::System;

use super::{SESSION, received};

/// What a middleware has let in.
struct Request(String);

impl Inbound for Request {
    fn session(&self) -> Option<Session> {
        Session::parse(SESSION).ok()
    }

    fn access_token(&self) -> Option<AccessToken> {
        Some(AccessToken::new(self.0.clone()))
    }

    fn trace(&self) -> Option<TraceContext> {
        None
    }

    fn request_id(&self) -> Option<String> {
        None
    }
}

/// order-service, as this client calls it; each has tokens of its own, as a process has.
fn orders_of(system: &System, client: &OAuthClient) -> (ServiceClient, TokenCache) {
    let http = http_client(Timeouts::default()).unwrap();
    let endpoint = system.token_url().parse().unwrap();
    let source = ClientCredentials::new(http.clone(), endpoint, &client.id, &client.secret);
    let tokens = TokenCache::new(Arc::new(source), SystemClock::shared());
    let url = system.services.order.url().parse().unwrap();
    let target = Target::new(url, "order-service", "order:read".parse().unwrap());
    (ServiceClient::new(http, tokens.clone(), target.without_retries()), tokens)
}

async fn list(client: &ServiceClient, id: &str) -> Result<Value, CallError> {
    client.with_handoff_for(id, PURPOSE).get("/api/orders").fetch().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_handed_on_used_by_many_at_once_and_given_back() {
    let system = System::start().await;
    let parties = Parties::of(&system).await;
    let request = Request(received(&system).await);
    let (shop, _) = orders_of(&system, &parties.shop);
    let hand_off = shop.hand_off(&request, PURPOSE).unwrap().to("worker");
    let handoff = hand_off.resource("order-service").max_uses(2).send().await.unwrap();
    assert_eq!(
        (handoff.max_uses, handoff.scope.to_string()),
        (2, "file:write order:read".to_owned())
    );
    assert!(handoff.not_after - handoff.not_before == chrono::TimeDelta::hours(24));
    let (one, tokens) = orders_of(&system, &parties.worker);
    let calls = join_all((0..100).map(|_| list(&one, &handoff.id))).await;
    assert!(calls.iter().all(Result::is_ok), "{:?}", calls.iter().find(|call| call.is_err()));
    assert_eq!(tokens.counts().fetched, 1, "one redemption for all of them");
    let (other, _) = orders_of(&system, &parties.worker);
    list(&other, &handoff.id).await.unwrap();
    let left = parties.redeem(&handoff.id, &[]).await.body["uses_left"].clone();
    assert_eq!(left, 0, "both processes share a use; this is the second");
    list(&one, &handoff.id).await.unwrap();
    one.end_handoff(&handoff.id).await.unwrap();
    let refusal = until_refused(&one, &handoff.id).await;
    assert_eq!(refusal, HandoffRefusal::Ended { by: "EXECUTOR".to_owned() });
    system.stop().await;
}

/// A token that has been revoked is dropped, and another one asked for in vain.
async fn until_refused(client: &ServiceClient, id: &str) -> HandoffRefusal {
    for _ in 0..200 {
        if let Err(error) = list(client, id).await {
            return error.handoff_refusal().unwrap_or_else(|| panic!("{error}")).clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is still good");
}

/// What gives no token any more, or not yet, and the word for why.
async fn useless(parties: &Parties, subject: &str) -> [(String, &'static str); 6] {
    let now = claims_of(subject)["iat"].as_i64().unwrap();
    let (later, soon) = ((now + 600).to_string(), (now + 2).to_string());
    let early = parties.handed_on(subject, &[("not_before", &later)]).await;
    let short = parties.handed_on(subject, &[("not_after", &soon)]).await;
    let used = parties.handed_on(subject, &[]).await;
    assert_eq!(parties.redeem(&used, &[]).await.status, 200);
    let narrow = parties.handed_on(subject, &[("resource", "file-service")]).await;
    let ended = parties.handed_on(subject, &[]).await;
    assert_eq!(parties.shop.revoke(&ended).await.status, 200);
    tokio::time::sleep(Duration::from_secs(2)).await;
    [
        (early, "not_yet"),
        (short, "expired"),
        (used, "used_up"),
        (narrow, "beyond"),
        (ended, "ended"),
        ("ho_nobody_knows".to_owned(), "not_yours"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_to_do_with_the_job_and_holds_up_nobody_else() {
    let system = System::start().await;
    let parties = Parties::of(&system).await;
    let subject = received(&system).await;
    let (orders, _) = orders_of(&system, &parties.worker);
    let useless = useless(&parties, &subject).await;
    for (id, word) in &useless {
        let error = list(&orders, id).await.unwrap_err();
        assert_eq!(error.handoff_refusal().map(HandoffRefusal::word), Some(*word), "{error}");
        assert_eq!(error.is_transient(), *word == "not_yet", "{error}");
    }
    let good = parties.handed_on(&subject, &[]).await;
    let error =
        orders.with_handoff_for(&good, "daily").get("/api/orders").send().await.unwrap_err();
    assert!(error.to_string().contains("another purpose"), "{error}");
    list(&orders, &good).await.unwrap();
    let (shops, _) = orders_of(&system, &parties.shop);
    let error = list(&shops, &good).await.unwrap_err();
    assert_eq!(error.handoff_refusal(), Some(&HandoffRefusal::NotYours));
    system.stop().await;
}

/// A token of ten seconds: when it has expired, the next call gets the next one, as long as there is one.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_renewed_at_a_call_while_uses_last_and_not_while_nobody_calls() {
    let system = System::start_with(|options| options.token_ttl_s = 10).await;
    let parties = Parties::of(&system).await;
    let id = parties.handed_on(&received(&system).await, &[("max_uses", "2")]).await;
    let (orders, tokens) = orders_of(&system, &parties.worker);
    list(&orders, &id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(tokens.counts().fetched, 1, "nobody has called");
    list(&orders, &id).await.unwrap();
    assert_eq!(tokens.counts().fetched, 2);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let error = list(&orders, &id).await.unwrap_err();
    assert_eq!(error.handoff_refusal(), Some(&HandoffRefusal::UsedUp), "{error}");
    system.stop().await;
}
