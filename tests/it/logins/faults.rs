//! Redis and the database are stopped, flushed, slow, or put back to an older copy: what goes on, what is refused, and that
//! nothing lives again that was over.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tests::backend::{Backend, on_servers};
use tests::caller::{Answer, send};
use tests::people::{PASSWORD, People, email_of};
use tests::proxy::Proxy;
use tests::redis::OwnRedis;
use tests::replica::{Cluster, Replica};
use tests::visitor::Visitor;

use crate::outages::by_proxy;

/// One replica between a database and a Redis that can be taken away.
struct Fragile {
    replica: Replica,
    cluster: Cluster,
    database: Proxy,
    redis: OwnRedis,
    to_redis: Proxy,
    people: People,
    backend: Backend,
    _folder: TempDir,
}

impl Fragile {
    async fn kept_in(store: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(folder.path()).await;
        let people = People::start();
        let redis = OwnRedis::start(folder.path());
        let (database_url, database) = by_proxy(&backend.databases.auth).await;
        let (cache_url, to_redis) = by_proxy(&redis.url()).await;
        let cluster = Cluster::new(&database_url, &cache_url, folder.path())
            .with("BATON_AUTH_USER_URL", &people.url)
            .with("BATON_AUTH_LOGIN_STORE", store);
        let replica = cluster.start().await;
        Self { replica, cluster, database, redis, to_redis, people, backend, _folder: folder }
    }

    async fn login(&self, user: i64) -> Visitor {
        Visitor::logged_in(&self.replica.url, user).await
    }

    async fn try_login(&self, user: i64) -> Answer {
        let body = json!({"email": email_of(user), "password": PASSWORD});
        send(Visitor::new(&self.replica.url).post("login").json(&body)).await
    }

    async fn stop(self) {
        drop(self.replica);
        self.people.stop().await;
        self.backend.drop_databases().await;
    }
}

/// Signed in, renewed twice: who it is, and a token that was used up long ago.
async fn renewed(fragile: &Fragile, user: i64) -> (Visitor, String) {
    let mut visitor = fragile.login(user).await;
    let used = visitor.cookie.clone().unwrap();
    assert_eq!(visitor.refresh().await.status, 200);
    assert_eq!(visitor.refresh().await.status, 200);
    (visitor, used)
}

/// Tokens that are over, each in its way: none of them may live again.
struct Over {
    used_up: (Visitor, String),
    logged_out: Visitor,
}

impl Over {
    async fn at(fragile: &Fragile) -> Self {
        let used_up = renewed(fragile, 11).await;
        let mut logged_out = fragile.login(12).await;
        let cookie = logged_out.cookie.clone();
        assert_eq!(logged_out.log_out().await.status, 204);
        logged_out.cookie = cookie;
        Self { used_up, logged_out }
    }

    async fn stays_over(self, when: &str) {
        let Self { used_up: (visitor, used), mut logged_out } = self;
        let answer = visitor.refresh_with(&used).await;
        assert_eq!(answer.status, 401, "{when}, used up: {}", answer.text);
        let answer = logged_out.refresh().await;
        assert_eq!(answer.status, 401, "{when}, logged out: {}", answer.text);
    }
}

/// Within five seconds after something is back.
async fn refreshes_again(visitor: &mut Visitor) {
    let began = Instant::now();
    loop {
        let answer = visitor.refresh().await;
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.verdict(), (503, "C008"), "not lost: {}", answer.text);
        assert!(began.elapsed() < Duration::from_secs(5), "back within five seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_database_behind_it_redis_may_be_stopped_flushed_slow_or_put_back() {
    if !on_servers() {
        return;
    }
    for store in ["hybrid", "database"] {
        let mut fragile = Fragile::kept_in(store).await;
        let (mut visitor, _) = renewed(&fragile, 1).await;
        fragile.redis.save();
        let before = Over::at(&fragile).await;
        fragile.to_redis.cut();
        assert_eq!(visitor.refresh().await.status, 200, "{store}: stopped");
        let during = Over::at(&fragile).await;
        assert_eq!(fragile.try_login(2).await.status, 200, "{store}: stopped");
        fragile.to_redis.mend();
        assert_eq!(visitor.refresh().await.status, 200, "{store}: back");
        during.stays_over("back").await;
        fragile.redis.say(&["FLUSHALL"]);
        assert_eq!(visitor.refresh().await.status, 200, "{store}: flushed");
        fragile.to_redis.slow(Duration::from_secs(2));
        let began = Instant::now();
        assert_eq!(visitor.refresh().await.status, 200, "{store}: slow");
        assert!(began.elapsed() < Duration::from_millis(1_500), "{store}: {:?}", began.elapsed());
        fragile.to_redis.mend();
        fragile.redis.put_back();
        assert_eq!(visitor.refresh().await.status, 200, "{store}: put back");
        before.stays_over("put back").await;
        assert_eq!(visitor.refresh().await.status, 200, "{store}: put back");
        fragile.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_redis_of_what_the_database_does_not_know_is_refused_and_removed() {
    if !on_servers() {
        return;
    }
    let fragile = Fragile::kept_in("hybrid").await;
    let mut visitor = fragile.login(1).await;
    let key = fragile.redis.say(&["KEYS", "baton:login:*"]).trim().to_owned();
    assert!(key.starts_with("baton:login:"), "{key}");
    fragile.backend.execute_in_auth("DELETE FROM logins").await;
    assert_eq!(visitor.refresh().await.verdict(), (401, "A007"));
    assert_eq!(fragile.redis.say(&["EXISTS", &key]).trim(), "0");
    fragile.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_alone_says_503_when_it_is_stopped_or_slow_and_goes_on_afterwards() {
    if !on_servers() {
        return;
    }
    let fragile = Fragile::kept_in("redis").await;
    let (mut visitor, _) = renewed(&fragile, 1).await;
    let over = Over::at(&fragile).await;
    fragile.to_redis.cut();
    for answer in [visitor.refresh().await, fragile.try_login(2).await] {
        assert_eq!(answer.verdict(), (503, "C008"), "{}", answer.text);
        assert!(!answer.header("retry-after").is_empty());
    }
    assert!(visitor.cookie.is_some(), "the cookie stays");
    fragile.to_redis.mend();
    refreshes_again(&mut visitor).await;
    fragile.to_redis.slow(Duration::from_secs(2));
    let began = Instant::now();
    assert_eq!(visitor.refresh().await.verdict(), (503, "C008"));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    fragile.to_redis.mend();
    refreshes_again(&mut visitor).await;
    over.stays_over("back").await;
    fragile.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_alone_flushed_or_put_back_has_logged_everybody_out_and_lets_nobody_back_in() {
    if !on_servers() {
        return;
    }
    let mut fragile = Fragile::kept_in("redis").await;
    let (mut visitor, _) = renewed(&fragile, 1).await;
    let mut idle = fragile.login(3).await;
    fragile.redis.save();
    let over = Over::at(&fragile).await;
    let used = visitor.cookie.clone().unwrap();
    assert_eq!(visitor.refresh().await.status, 200);
    fragile.redis.put_back();
    assert_eq!(visitor.refresh_with(&used).await.verdict(), (401, "A007"), "good in the copy");
    assert_eq!(visitor.refresh().await.verdict(), (401, "A007"), "not in the copy");
    assert_eq!(idle.refresh().await.verdict(), (401, "A007"), "the copy is not believed at all");
    over.stays_over("put back").await;
    let mut again = fragile.login(1).await;
    assert_eq!(again.refresh().await.status, 200, "a new login is good");
    fragile.redis.say(&["FLUSHALL"]);
    assert_eq!(again.refresh().await.verdict(), (401, "A007"), "flushed");
    assert_eq!(fragile.try_login(1).await.status, 200);
    fragile.stop().await;
}

/// Only one of them has seen what Redis has lost.
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_of_redis_alone_agree_when_it_has_lost_something() {
    if !on_servers() {
        return;
    }
    let mut fragile = Fragile::kept_in("redis").await;
    let second = fragile.cluster.start().await;
    let mut visitor = fragile.login(1).await;
    fragile.redis.save();
    let used = visitor.cookie.clone().unwrap();
    for _ in 0..3 {
        assert_eq!(visitor.refresh().await.status, 200);
    }
    fragile.redis.put_back();
    // Many notice at once, and one era begins.
    let racers = (0..12).map(|_| visitor.refresh_with(visitor.cookie.as_deref().unwrap()));
    for answer in futures_util::future::join_all(racers).await {
        assert_eq!(answer.verdict(), (401, "A007"), "{}", answer.text);
    }
    let era = fragile.backend.count_in_auth("SELECT era FROM login_eras").await;
    assert_eq!(era, 2, "one loss, one era");
    let elsewhere = visitor.at(&second.url);
    assert_eq!(
        elsewhere.refresh_with(&used).await.verdict(),
        (401, "A007"),
        "used, and in the copy"
    );
    let mut again = Visitor::logged_in(&second.url, 1).await;
    assert_eq!(again.at(&fragile.replica.url).sessions().await.len(), 1, "both see the same");
    assert_eq!(again.log_out().await.status, 204);
    let gone = again.at(&fragile.replica.url).refresh().await;
    assert_eq!(gone.status, 401, "{}", gone.text);
    fragile.stop().await;
}

/// Who can write to Redis is still nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_redis_that_somebody_has_changed_makes_nobody_somebody_else() {
    if !on_servers() {
        return;
    }
    let fragile = Fragile::kept_in("hybrid").await;
    let mut visitor = fragile.login(1).await;
    let key = fragile.redis.say(&["KEYS", "baton:login:*"]).trim().to_owned();
    let copy = fragile.redis.say(&["GET", &key]);
    let session = r#"{\"companyId\":100,\"userId\":1}"#;
    assert!(copy.contains(session), "{copy}");
    let forged = copy.trim().replace(session, r#"{\"companyId\":1,\"userId\":2}"#);
    assert_eq!(fragile.redis.say(&["SET", &key, &forged]).trim(), "OK");
    assert_eq!(visitor.refresh().await.status, 200);
    let session = &tests::oauth::claims_of(&visitor.access)["session"];
    assert_eq!(session, r#"{"companyId":100,"userId":1}"#);
    fragile.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_nothing_is_lost_and_what_was_answered_503_has_not_happened() {
    if !on_servers() {
        return;
    }
    for store in ["hybrid", "database", "redis"] {
        let fragile = Fragile::kept_in(store).await;
        let (mut visitor, _) = renewed(&fragile, 1).await;
        let over = Over::at(&fragile).await;
        fragile.database.cut();
        let answer = visitor.refresh().await;
        match store {
            "redis" => assert_eq!(answer.status, 200, "its truth is there: {}", answer.text),
            _ => assert_eq!(answer.verdict(), (503, "C008"), "{store}: {}", answer.text),
        }
        assert_eq!(fragile.try_login(2).await.verdict(), (503, "C008"), "{store}");
        let cookie = visitor.cookie.clone();
        assert_eq!(visitor.log_out().await.verdict(), (503, "C008"), "{store}");
        assert_eq!(visitor.cookie, cookie, "{store}: the cookie stays");
        fragile.database.mend();
        refreshes_again(&mut visitor).await;
        over.stays_over("the database is back").await;
        fragile.stop().await;
    }
}
