//! Two processes of auth-service on one database: keys, assertions, revocations, and the death of one.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auth_service::commands;
use auth_service::domain::client::Client;
use serde_json::{Value, json};
use shared::testing::TestIssuer;
use shared::{Algorithm, Secret, SystemClock, TokenError, TokenVerifier};
use tempfile::TempDir;
use tests::backend::Backend;
use tests::caller::Caller;
use tests::oauth::{ASSERTION_TYPE, OAuthClient, claims_of, declared};
use tests::replica::{Cluster, ISSUER, Replica};
use tests::system::ANY_SESSION;

const SESSION: &str = r#"{"companyId":100,"userId":200}"#;

pub struct Two {
    pub cluster: Cluster,
    pub one: Replica,
    pub other: Replica,
    pub web: OAuthClient,
    pub backend: Backend,
    _folder: TempDir,
}

impl Two {
    pub async fn start(settings: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(folder.path()).await;
        let mut cluster = Cluster::new(&backend.databases.auth, &backend.cache_url, folder.path());
        for (variable, value) in settings {
            cluster = cluster.with(variable, value);
        }
        let one = cluster.start().await;
        let other = cluster.start().await;
        let web = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("web") };
        let web = cluster.register(&web, &one).await;
        Self { cluster, one, other, web, backend, _folder: folder }
    }

    pub async fn token(&self, replica: &Replica) -> String {
        let form = [("session", SESSION), ("resource", "order-service")];
        self.web.at(&replica.url).token(&form).await.access_token().to_owned()
    }

    pub async fn stop(self) {
        drop((self.one, self.other));
        self.backend.drop_databases().await;
    }
}

/// Asks both for tokens, and verifies them with keys from the other one, until it is told to stop.
async fn keep_asking(
    web: OAuthClient,
    urls: [String; 2],
    verifiers: Arc<[TokenVerifier; 2]>,
    until: Instant,
) -> (usize, Vec<String>, HashSet<String>) {
    let (asked, mut failed, mut kids) = (AtomicUsize::new(0), Vec::new(), HashSet::new());
    while Instant::now() < until {
        let place = asked.fetch_add(1, Ordering::Relaxed) % 2;
        let form = [("session", SESSION), ("resource", "order-service")];
        let answer = web.at(&urls[place]).token(&form).await;
        let Some(token) = answer.body["access_token"].as_str() else {
            failed.push(format!("no token: {}", answer.text));
            continue;
        };
        kids.insert(kid(token));
        if let Err(error) = verifiers[1 - place].verify(token).await {
            failed.push(format!("not verified: {error}"));
        }
    }
    (asked.into_inner(), failed, kids)
}

fn kid(token: &str) -> String {
    use base64::Engine;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// Keys sign for four seconds each, and tokens live for ten.
#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_once_for_all_replicas_and_no_request_fails() {
    let settings = [
        ("BATON_AUTH_KEY_PERIOD_S", "4"),
        ("BATON_AUTH_KEY_LEAD_S", "2"),
        ("BATON_AUTH_TOKEN_TTL_S", "10"),
        ("BATON_AUTH_CLIENT_RATE_PER_S", "0"),
        ("BATON_AUTH_ADDRESS_RATE_PER_S", "0"),
    ];
    let two = Two::start(&settings).await;
    let verifiers =
        Arc::new([two.one.verifier("order-service"), two.other.verifier("order-service")]);
    let urls = [two.one.url.clone(), two.other.url.clone()];
    let until = Instant::now() + Duration::from_secs(14);
    let asking = (0..4).map(|_| {
        tokio::spawn(keep_asking(two.web.clone(), urls.clone(), Arc::clone(&verifiers), until))
    });
    let mut kids = HashSet::new();
    for asked in futures_util::future::join_all(asking).await {
        let (asked, failed, seen) = asked.unwrap();
        assert!(asked > 100, "{asked}");
        assert_eq!(failed, [] as [String; 0], "of {asked}");
        kids.extend(seen);
    }
    assert!(kids.len() >= 3, "{kids:?}");
    let mut made = commands::list_keys(two.cluster.config()).await.unwrap();
    made.sort_by_key(|key| key.signs_from);
    for pair in made.windows(2) {
        let apart = pair[1].signs_from - pair[0].signs_from;
        assert!(apart >= chrono::TimeDelta::seconds(4), "one key a period: {made:?}");
    }
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_voids_every_token_and_both_sign_with_the_new_key() {
    let two = Two::start(&[]).await;
    let verifier = two.other.verifier("order-service");
    let old = two.token(&two.one).await;
    assert!(verifier.verify(&old).await.is_ok());
    let admin = admin(&two).await;
    let rotate = format!("{}/admin/keys/rotate", two.one.url);
    let done = admin.post_json(&rotate, &json!({"now": true})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let began = Instant::now();
    while verifier.verify(&old).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(3), "void within three seconds");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (here, there) = (two.token(&two.one).await, two.token(&two.other).await);
    assert_eq!(kid(&here), kid(&there));
    assert_ne!(kid(&here), kid(&old));
    assert!(verifier.verify(&here).await.is_ok() && verifier.verify(&there).await.is_ok());
    two.stop().await;
}

pub async fn admin(two: &Two) -> Caller {
    let client = Client {
        scopes: "auth:admin".parse().unwrap(),
        audiences: ["auth-service".to_owned()].into(),
        ..declared("admin")
    };
    let client = two.cluster.register(&client, &two.one).await;
    Caller::new(Some(client.token(&[]).await.access_token().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_used_at_one_replica_is_refused_by_the_other_and_after_a_restart() {
    let mut two = Two::start(&[]).await;
    let key = TestIssuer::new(Algorithm::Es256, SystemClock::shared()).unwrap();
    let client = Client { keys: vec![key.signer().public_key().clone()], ..declared("signer") };
    two.cluster.register(&client, &two.one).await;
    let now = chrono::Utc::now().timestamp();
    let claims =
        json!({"iss": "signer", "sub": "signer", "aud": ISSUER, "exp": now + 60, "jti": "once"});
    let assertion = key.signer().sign_as("JWT", &claims).unwrap();
    let ask = |url: String| {
        let assertion = assertion.clone();
        async move {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", ASSERTION_TYPE),
                ("client_assertion", assertion.as_str()),
            ];
            Caller::new(None).post_form(&format!("{url}/oauth2/token"), &form).await.status
        }
    };
    assert_eq!(ask(two.one.url.clone()).await, 200);
    assert_eq!(ask(two.other.url.clone()).await, 401);
    two.one.kill();
    two.one.restart().await;
    assert_eq!(ask(two.one.url.clone()).await, 401);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_revokes_a_verifier_of_the_other_refuses_within_a_second() {
    let two = Two::start(&[]).await;
    let verifier = two.other.verifier("order-service");
    let mut took = Vec::new();
    for _ in 0..30 {
        let token = two.token(&two.one).await;
        assert!(verifier.verify(&token).await.is_ok());
        assert_eq!(two.web.revoke(&token).await.status, 200);
        let began = Instant::now();
        while !matches!(verifier.verify(&token).await, Err(TokenError::Revoked)) {
            assert!(began.elapsed() < Duration::from_secs(1), "within a second");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(began.elapsed());
    }
    took.sort();
    println!(
        "from the answer of one replica to the refusal by a verifier of the other: {:?} at the median, {:?} at most",
        took[15], took[29]
    );
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_killed_and_the_other_goes_on_and_nothing_is_lost() {
    let mut two = Two::start(&[]).await;
    let (revoked, good) = (two.token(&two.one).await, two.token(&two.one).await);
    assert_eq!(two.web.revoke(&revoked).await.status, 200);
    two.one.kill();
    for _ in 0..20 {
        two.token(&two.other).await;
    }
    let verifier = two.other.verifier("order-service");
    let began = Instant::now();
    while !matches!(verifier.verify(&revoked).await, Err(TokenError::Revoked)) {
        assert!(began.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(verifier.verify(&good).await.is_ok());
    two.one.restart().await;
    let feed = Caller::new(None).get(&format!("{}/oauth2/revocations", two.one.url)).await;
    let entries = claims_of(&feed.text)["entries"].clone();
    assert_eq!(entries[0]["value"], claims_of(&revoked)["sid"]);
    assert_eq!(kid(&two.token(&two.one).await), kid(&good), "the same key");
    two.stop().await;
}

/// Killed at any moment while keys and secrets change, it comes back with a whole state.
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_changes_a_replica_comes_back_whole() {
    let settings = [("BATON_AUTH_KEY_PERIOD_S", "3"), ("BATON_AUTH_KEY_LEAD_S", "1")];
    let mut two = Two::start(&settings).await;
    let admin = admin(&two).await;
    for round in 0..8 {
        let url = format!("{}/admin/clients/web/secrets", two.other.url);
        let (admin, other) = (admin.clone(), two.other.url.clone());
        let change = tokio::spawn(async move {
            let rotate =
                admin.request(reqwest::Method::POST, &format!("{other}/admin/keys/rotate"));
            let _ = rotate.json(&json!({})).send().await;
            let secret = admin.request(reqwest::Method::POST, &url).json(&json!({})).send().await;
            secret.ok()?.json::<Value>().await.ok()
        });
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        two.other.kill();
        let changed = change.await.unwrap();
        two.other.restart().await;
        if let Some(secret) = changed.as_ref().and_then(|body| body["data"]["secret"].as_str()) {
            two.web = OAuthClient { secret: Secret::new(secret), ..two.web.clone() };
        } else {
            // The answer was lost; the secret before is good for a day, and there are two at the most.
            let client = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("web") };
            two.web = two.cluster.register(&client, &two.one).await;
        }
        let token = two.token(&two.other).await;
        assert!(two.one.verifier("order-service").verify(&token).await.is_ok(), "round {round}");
    }
    two.stop().await;
}

/// The old master key is lost, as it were: keys are sealed anew while both run, and the tokens of before stay good.
#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_changed_without_a_pause_and_without_a_new_signing_key() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new(folder.path()).await;
    let new_key = folder.path().join("new.key");
    commands::create_master_key_file(&new_key).unwrap();
    let old = Cluster::new(&backend.databases.auth, &backend.cache_url, folder.path());
    let replica = old.start().await;
    let web = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("web") };
    let web = old.register(&web, &replica).await;
    let before = web.token(&[]).await.access_token().to_owned();

    let mut config = old.config().clone();
    config.previous_master_key_file = config.master_key_file.replace(new_key.clone());
    let done = commands::keep_keys(&config, commands::KeyTask::Reseal).await.unwrap();
    assert_eq!(done, "sealed 1 keys anew");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let meanwhile = web.token(&[]).await.access_token().to_owned();
    assert_eq!(kid(&meanwhile), kid(&before), "a replica that has not been told goes on signing");
    drop(replica);

    let path = new_key.display().to_string();
    let new = old.with("BATON_AUTH_MASTER_KEY_FILE", &path);
    let replica = new.start().await;
    let after = web.at(&replica.url).token(&[]).await.access_token().to_owned();
    assert_eq!(kid(&after), kid(&before));
    assert!(replica.verifier("order-service").verify(&before).await.is_ok());
    drop(replica);
    backend.drop_databases().await;
}
