//! Services start in any order: what they need may come later, and until then they say so.

use std::time::Duration;

use tests::backend::on_servers;
use tests::caller::Caller;
use tests::fleet::{Fleet, Kind, Member};

use crate::outages::by_proxy;

/// Waits until it says this at this path.
async fn says(member: &Member, path: &str, status: u16, word: &str) {
    for _ in 0..600 {
        let (said, body) = member.says(path).await;
        if said == status && body.contains(word) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?} {path}: {:?}, not {status} {word}", member.kind, member.says(path).await);
}

/// The last one first, each with nothing but itself: alive and not ready; ready when the others have come.
#[tokio::test(flavor = "multi_thread")]
async fn services_started_in_the_wrong_order_become_ready_by_themselves() {
    let fleet = Fleet::new().await;
    let mut members = Vec::new();
    for kind in [Kind::Order, Kind::File, Kind::User] {
        let member = fleet.start(kind);
        says(&member, "/startupz", 200, "started").await;
        says(&member, "/livez", 200, "live").await;
        says(&member, "/readyz", 503, "keys").await;
        members.push(member);
    }
    members.push(fleet.start(Kind::Auth));
    for member in &members {
        member.is_ready().await;
    }
    fleet.has_ready(1).await;
    let client = fleet.client("shop").await;
    let session = ("session", r#"{"companyId":7,"userId":8}"#);
    let token = client.token(&[session]).await;
    let orders = format!("{}/api/orders", fleet.url(Kind::Order));
    let answer = client.caller.with_token(token.access_token()).get(&orders).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    fleet.end(members).await;
}

/// Nothing there but the service itself: its database, Redis and the issuer are away.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_its_database_waits_for_it_and_says_so() {
    if !on_servers() {
        // A file is there or can never be.
        return;
    }
    let mut fleet = Fleet::new().await;
    for kind in Kind::ALL {
        let (database_url, database) = by_proxy(&fleet.settings[&kind]["database_url"]).await;
        database.cut();
        let settings = fleet.settings.get_mut(&kind).unwrap();
        settings.insert("database_url".to_owned(), database_url);
        let mut redis = None;
        if let Some(url) = settings.get_mut("cache_url") {
            let (through, proxy) = by_proxy(url).await;
            proxy.cut();
            *url = through;
            redis = Some(proxy);
        }
        let mut member = fleet.start(kind);
        says(&member, "/readyz", 503, r#""database":"away""#).await;
        says(&member, "/startupz", 503, "false").await;
        says(&member, "/livez", 200, "live").await;
        let refused = Caller::new(None).get(&format!("http://{}/api/x", member.address)).await;
        assert_eq!(refused.verdict(), (503, "C008"), "{kind:?}");
        assert_ne!(refused.header("retry-after"), "");
        database.mend();
        says(&member, "/startupz", 200, "true").await;
        if kind == Kind::Auth {
            member.is_ready().await;
        }
        // And without Redis it has started all the same.
        drop(redis);
        member.process.terminate();
        assert_eq!(member.process.wait(), Some(0), "{kind:?}");
    }
    fleet.end(Vec::new()).await;
}

/// A pod that is deleted while it waits does not wait to be killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_waits_can_be_told_to_stop() {
    if !on_servers() {
        return;
    }
    let mut fleet = Fleet::new().await;
    let (database_url, database) = by_proxy(&fleet.settings[&Kind::Order]["database_url"]).await;
    database.cut();
    fleet.settings.get_mut(&Kind::Order).unwrap().insert("database_url".to_owned(), database_url);
    let mut member = fleet.start(Kind::Order);
    says(&member, "/readyz", 503, "database").await;
    member.process.terminate();
    assert_eq!(member.process.wait(), Some(0));
    fleet.end(Vec::new()).await;
}

/// Where a Job migrates, a service that is faster than the Job waits for it, and does not answer from half a schema.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_migrate_waits_until_somebody_has() {
    let mut fleet = Fleet::new().await;
    for kind in [Kind::User, Kind::Order, Kind::File] {
        fleet.settings.get_mut(&kind).unwrap().insert("migrate".to_owned(), "false".to_owned());
        let member = fleet.start(kind);
        says(&member, "/startupz", 503, r#""database":"away""#).await;
        fleet.migrate(kind);
        says(&member, "/startupz", 200, "true").await;
    }
    fleet.end(Vec::new()).await;
}

/// A signal that comes as soon as the service has started is not lost between waiting and serving.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_in_the_moment_of_the_start_is_heard() {
    let mut fleet = Fleet::new().await;
    fleet.settings.get_mut(&Kind::Order).unwrap().insert("log".to_owned(), "info".to_owned());
    for _ in 0..3 {
        let mut member = fleet.start_watched(Kind::Order);
        assert!(member.process.wait_for_line(|line| line.contains("listening on")));
        member.process.terminate();
        let ended = tokio::task::spawn_blocking(move || member.process.wait());
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
        assert_eq!(ended.expect("it ends").unwrap(), Some(0));
    }
    fleet.end(Vec::new()).await;
}
