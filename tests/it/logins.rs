//! Logins: signing in, staying signed in, signing out; the same for each place where logins are kept.

mod attempts;
mod cross_site;
mod faults;
mod kills;

mod renewal;
mod sessions;

use std::time::{Duration, Instant};

use serde_json::Value;
use shared::{TokenError, TokenVerifier};
use tempfile::TempDir;
use tests::backend::{Backend, on_servers};
use tests::people::{PASSWORD, People, email_of};
use tests::replica::{Cluster, ISSUER, Replica};
use tests::visitor::Visitor;

/// Replicas, and people who may log in.
pub struct House {
    pub one: Replica,
    pub other: Replica,
    pub people: People,
    pub cluster: Cluster,
    pub backend: Backend,
    _folder: TempDir,
}

impl House {
    pub async fn start(settings: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(folder.path()).await;
        let people = People::start();
        let cluster = Cluster::new(&backend.databases.auth, &backend.cache_url, folder.path());
        let mut cluster = cluster.with("BATON_AUTH_USER_URL", &people.url);
        for (variable, value) in settings {
            cluster = cluster.with(variable, value);
        }
        let (one, other) = (cluster.start().await, cluster.start().await);
        Self { one, other, people, cluster, backend, _folder: folder }
    }

    pub async fn kept_in(store: &str, settings: &[(&'static str, &str)]) -> Self {
        Self::start(&[&[("BATON_AUTH_LOGIN_STORE", store)], settings].concat()).await
    }

    /// What stands in the database, as a number.
    pub async fn count(&self, sql: &str) -> i64 {
        self.backend.count_in_auth(sql).await
    }

    pub async fn stop(self) {
        drop((self.one, self.other));
        self.people.stop().await;
        self.backend.drop_databases().await;
    }
}

/// Where logins may be kept here.
pub fn stores() -> &'static [&'static str] {
    // Redis alone needs a Redis.
    if on_servers() { &["hybrid", "database", "redis"] } else { &["hybrid", "database"] }
}

/// How long it takes until this token is refused as revoked; a second at the most.
pub async fn refused_within_a_second(verifier: &TokenVerifier, token: &str) -> Duration {
    let began = Instant::now();
    while !matches!(verifier.verify(token).await, Err(TokenError::Revoked)) {
        assert!(began.elapsed() < Duration::from_secs(1), "refused within a second");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_gives_an_access_token_and_a_cookie_that_no_script_and_no_other_path_gets() {
    let house = House::start(&[]).await;
    let mut visitor = Visitor::new(&house.one.url);
    let answer = visitor.log_in(&email_of(200), PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let cookie = answer.header("set-cookie").to_owned();
    for part in [
        "__Secure-baton_refresh=",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Secure",
        "; Path=/api/v2/auth",
        "; Max-Age=1209600",
    ] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(cookie.len() < 4096);
    assert!(!answer.text.contains(visitor.cookie.as_deref().unwrap()), "not in the body");
    assert_eq!(answer.header("authorization"), format!("Bearer {}", visitor.access));
    assert_eq!(answer.header("cache-control"), "no-store");
    let verifier = house.other.verifier("order-service");
    let token = verifier.verify(&visitor.access).await.unwrap();
    let claims = token.claims();
    assert_eq!((claims.sub.as_str(), claims.client_id.as_str()), ("200", "account"));
    assert_eq!(claims.iss, ISSUER);
    assert_eq!(claims.exp - claims.iat, 600);
    let session = claims.session.as_ref().unwrap();
    assert_eq!(session.as_json(), r#"{"companyId":100,"userId":200}"#);
    let data: &Value = &answer.body["data"];
    assert_eq!(data["tokenType"], "Bearer");
    assert!((595..=600).contains(&data["expiresInS"].as_i64().unwrap()), "{data}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let house = House::start(&[]).await;
    let mut bodies = Vec::new();
    for (email, password) in [(email_of(1), "wrong"), ("nobody@example.com".to_owned(), PASSWORD)] {
        let answer = Visitor::new(&house.one.url).log_in(&email, password).await;
        assert_eq!(answer.verdict(), (401, "A006"));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!(answer.header("set-cookie"), "");
        let mut body = answer.body.clone();
        body["timestamp"] = Value::Null;
        bodies.push((body, answer.headers.len()));
    }
    assert_eq!(bodies[0], bodies[1]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_user_service_nobody_is_let_in_and_nothing_counts() {
    let house = House::start(&[]).await;
    house.people.stop().await;
    for _ in 0..8 {
        let answer = Visitor::new(&house.one.url).log_in(&email_of(1), PASSWORD).await;
        assert_eq!(answer.verdict(), (503, "C008"), "{}", answer.text);
        assert!(!answer.header("retry-after").is_empty());
    }
    let counted = house.count("SELECT COALESCE(SUM(tries), 0) FROM login_attempts").await;
    assert_eq!(counted, 0, "a try that was not made is none");
    house.stop().await;
}
