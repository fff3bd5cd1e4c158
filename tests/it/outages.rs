//! Redis and the database go away and come back: what goes on, what is refused, and that nothing is lost.

use std::time::{Duration, Instant};

use auth_service::domain::client::Client;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use serde_json::json;
use shared::db::AsyncSqliteConnection;
use shared::{TokenError, TokenVerifier};
use tempfile::TempDir;
use tests::backend::{Backend, on_servers};
use tests::caller::Caller;
use tests::oauth::{OAuthClient, declared};
use tests::proxy::Proxy;
use tests::replica::{Cluster, Replica};
use tests::system::ANY_SESSION;

/// One replica, whose database and Redis can be taken away.
struct Fragile {
    replica: Replica,
    cluster: Cluster,
    web: OAuthClient,
    database: Option<Proxy>,
    redis: Option<Proxy>,
    backend: Backend,
    _folder: TempDir,
}

/// `scheme://user@host:port/rest` by way of a proxy.
pub async fn by_proxy(url: &str) -> (String, Proxy) {
    let parsed: url::Url = url.parse().unwrap();
    let target = format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap());
    let proxy = Proxy::start(&target).await;
    let mut through = parsed.clone();
    through.set_port(Some(proxy.address.port())).unwrap();
    (through.to_string(), proxy)
}

impl Fragile {
    async fn start(grace_s: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(folder.path()).await;
        let (mut database_url, mut cache_url) =
            (backend.databases.auth.clone(), backend.cache_url.clone());
        let (mut database, mut redis) = (None, None);
        // Clients are registered past the proxy.
        let direct = Cluster::new(&database_url, &cache_url, folder.path());
        if on_servers() {
            let (url, proxy) = by_proxy(&database_url).await;
            (database_url, database) = (url, Some(proxy));
            let (url, proxy) = by_proxy(&cache_url).await;
            (cache_url, redis) = (url, Some(proxy));
        }
        let cluster = Cluster::new(&database_url, &cache_url, folder.path())
            .with("BATON_AUTH_OUTAGE_GRACE_S", grace_s);
        let replica = cluster.start().await;
        let web = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("web") };
        let web = direct.register(&web, &replica).await;
        assert_eq!(web.token(&[]).await.status, 200);
        Self { replica, cluster: direct, web, database, redis, backend, _folder: folder }
    }

    /// On a file, for those who write, as long as what this gives is there.
    async fn take_database(&self) -> Option<AsyncSqliteConnection> {
        match &self.database {
            Some(database) => {
                database.cut();
                None
            }
            None => Some(locked(&self.backend.databases.auth).await),
        }
    }

    async fn token(&self) -> String {
        let form = [("session", r#"{"companyId":1,"userId":2}"#), ("resource", "order-service")];
        self.web.token(&form).await.access_token().to_owned()
    }

    /// How long it takes from a revocation to a verifier's refusal.
    async fn revocation_takes(&self, verifier: &TokenVerifier) -> Duration {
        let token = self.token().await;
        assert!(verifier.verify(&token).await.is_ok());
        assert_eq!(self.web.revoke(&token).await.status, 200);
        let began = Instant::now();
        while !matches!(verifier.verify(&token).await, Err(TokenError::Revoked)) {
            assert!(began.elapsed() < Duration::from_secs(1), "within a second");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        began.elapsed()
    }

    async fn stop(self) {
        drop(self.replica);
        self.backend.drop_databases().await;
    }
}

/// Without Redis the other replica sees a change when it looks, four times a second.
#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_tokens_are_issued_and_revocations_arrive_a_little_later() {
    let fragile = Fragile::start("900").await;
    let second = fragile.cluster.start().await;
    let verifier = second.verifier("order-service");
    let with = fragile.revocation_takes(&verifier).await;
    if let Some(redis) = &fragile.redis {
        redis.cut();
    }
    let mut without = Vec::new();
    for _ in 0..10 {
        without.push(fragile.revocation_takes(&verifier).await);
    }
    if let Some(redis) = &fragile.redis {
        redis.mend();
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let again = fragile.revocation_takes(&verifier).await;
    let slowest = without.iter().max().unwrap();
    println!(
        "a revocation arrives at the other replica's verifier in {with:?}, without Redis in {slowest:?} at the most, and in {again:?} when it is back"
    );
    fragile.stop().await;
}

/// Keeps every writer of a SQLite file waiting, as a disk that is full does.
pub async fn locked(database_url: &str) -> AsyncSqliteConnection {
    let path = database_url.strip_prefix("sqlite://").unwrap();
    let mut connection = AsyncSqliteConnection::establish(path).await.unwrap();
    connection.batch_execute("BEGIN EXCLUSIVE").await.unwrap();
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_tokens_come_from_memory_and_changes_answer_503() {
    let fragile = Fragile::start("900").await;
    let admin = admin(&fragile).await;
    let verifier = fragile.replica.verifier("order-service");
    let token = fragile.token().await;
    assert!(verifier.verify(&token).await.is_ok());
    let lock = fragile.take_database().await;
    for _ in 0..20 {
        let token = fragile.token().await;
        assert!(verifier.verify(&token).await.is_ok());
    }
    let keys =
        Caller::new(None).get(&format!("{}/.well-known/jwks.json", fragile.replica.url)).await;
    assert_eq!(keys.status, 200);
    let revoked = fragile.web.revoke(&token).await;
    assert_eq!(revoked.refusal(), (503, "temporarily_unavailable"), "{}", revoked.text);
    assert!(!revoked.header("retry-after").is_empty());
    assert!(verifier.verify(&token).await.is_ok(), "what was answered 503 has not happened");
    let url = format!("{}/admin/clients", fragile.replica.url);
    let made = admin.post_json(&url, &json!({"id": "new", "scope": "a"})).await;
    assert_eq!(made.verdict(), (503, "C008"), "{}", made.text);
    if let Some(database) = &fragile.database {
        // Who is not known might be by now.
        let stranger = OAuthClient { id: "stranger".to_owned(), ..fragile.web.clone() };
        assert_eq!(stranger.token(&[]).await.refusal(), (503, "temporarily_unavailable"));
        database.mend();
    }
    drop(lock);
    let began = Instant::now();
    while fragile.web.revoke(&token).await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(5), "back within five seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(admin.post_json(&url, &json!({"id": "new", "scope": "a"})).await.status, 201);
    every_grant_is_written_down(&fragile, &admin).await;
    fragile.stop().await;
}

async fn admin(fragile: &Fragile) -> Caller {
    let client = Client {
        scopes: "auth:admin".parse().unwrap(),
        audiences: ["auth-service".to_owned()].into(),
        ..declared("admin")
    };
    let client = fragile.cluster.register(&client, &fragile.replica).await;
    Caller::new(Some(client.token(&[]).await.access_token().to_owned()))
}

/// Also of the tokens that were issued while there was nothing to write to.
async fn every_grant_is_written_down(fragile: &Fragile, admin: &Caller) {
    let url = format!("{}/admin/audit?limit=1000", fragile.replica.url);
    let began = Instant::now();
    loop {
        let rows = admin.get(&url).await.body["data"].clone();
        let rows = rows.as_array().unwrap();
        let granted =
            rows.iter().filter(|row| row["event"] == "token.granted" && !row["session"].is_null());
        if granted.count() == 21 {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "written within ten seconds: {rows:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// On a file there is no such thing: it is read all the same.
#[tokio::test(flavor = "multi_thread")]
async fn after_the_declared_time_nothing_is_issued_from_memory_any_more() {
    if !on_servers() {
        return;
    }
    let fragile = Fragile::start("2").await;
    let database = fragile.database.as_ref().unwrap();
    database.cut();
    assert_eq!(fragile.web.token(&[]).await.status, 200);
    tokio::time::sleep(Duration::from_millis(3_000)).await;
    let late = fragile.web.token(&[]).await;
    assert_eq!(late.refusal(), (503, "temporarily_unavailable"), "{}", late.text);
    database.mend();
    let began = Instant::now();
    while fragile.web.token(&[]).await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(5), "back within five seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fragile.stop().await;
}
