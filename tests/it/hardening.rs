//! What was found by attacking auth-service and by taking things away from it: each stays mended.

use std::time::{Duration, Instant};

use auth_service::commands::{self, KeyTask};
use auth_service::domain::client::Client;
use serde_json::json;
use shared::TokenError;
use tests::backend::Backend;
use tests::caller::Caller;
use tests::oauth::{OAuthClient, declared};
use tests::replica::Cluster;
use tests::system::{ANY_SESSION, System};

use crate::replicas::{Two, admin};

const SESSION: (&str, &str) = ("session", r#"{"companyId":7,"userId":200}"#);

/// PostgreSQL stores no NUL: such a row must not stop those behind it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_stop_the_audit_log() {
    let system = System::start().await;
    let (admin, auth) = (system.admin().await, system.services.auth.url());
    let batch = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("batch") };
    let batch = OAuthClient::register(&system, &batch).await;
    let url = format!("{auth}/oauth2/tokens");
    let stranger = json!({"client_id": "x\u{0}y", "client_secret": "z", "sessions": ["{}"]});
    assert_eq!(system.stranger().post_json(&url, &stranger).await.status, 400);
    let secret = batch.secret.expose();
    let odd = json!({"client_id": "batch", "client_secret": secret, "sessions": ["a\u{0}b"]});
    assert_eq!(system.stranger().post_json(&url, &odd).await.status, 200);
    let nul = json!({"kind": "jti", "value": "a\u{0}b"});
    let refused = admin.post_json(&format!("{auth}/admin/revocations"), &nul).await;
    assert_eq!(refused.verdict(), (400, "C001"));
    assert_eq!(batch.token(&[SESSION]).await.status, 200);
    system
        .audit_row(&admin, |row| row["event"] == "token.granted" && row["session"] == SESSION.1)
        .await;
    for body in [json!([1]), json!("x"), json!(5)] {
        let answer = admin.post_json(&format!("{auth}/admin/clients/apply"), &body).await;
        assert_eq!(answer.verdict(), (400, "C001"), "{body}");
    }
    system.stop().await;
}

fn order_service() -> Client {
    Client { exchange: ["file-service".to_owned()].into(), ..declared("order-service") }
}

/// Whatever ends the root ends what came of it: also of a token without a session, and of one whose client is ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_revoked_token_is_revoked() {
    let two = Two::start(&[]).await;
    let order = two.cluster.register(&order_service(), &two.one).await;
    let operator = admin(&two).await;
    let revocations = format!("{}/admin/revocations", two.one.url);
    let verifier = two.other.verifier("file-service");
    let asks = [
        None,
        Some(json!({"kind": "client", "value": "web"})),
        Some(json!({"kind": "user", "value": "+0200"})),
    ];
    for ask in asks {
        let session: &[_] = if ask.is_none() { &[] } else { &[SESSION] };
        let root = two.web.token(&[&[("resource", "order-service")], session].concat()).await;
        let child = order.exchange(root.access_token(), "file-service", &[]).await;
        let child = child.access_token().to_owned();
        assert!(verifier.verify(&child).await.is_ok());
        match &ask {
            None => assert_eq!(two.web.revoke(root.access_token()).await.status, 200),
            Some(ask) => assert_eq!(operator.post_json(&revocations, ask).await.status, 201),
        }
        let began = Instant::now();
        while !matches!(verifier.verify(&child).await, Err(TokenError::Revoked)) {
            assert!(began.elapsed() < Duration::from_secs(1), "{ask:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    two.stop().await;
}

/// A policy of a newer release, or a hand in the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_be_read_holds_up_nobody() {
    let two = Two::start(&[]).await;
    let verifier = two.other.verifier("order-service");
    let sql = "INSERT INTO clients (client_id, secret_sha256, scopes, audiences, session_policy, created_at) \
               VALUES ('newer', '', '', '[]', '{\"moon\": 1}', '2026-01-01 00:00:00'); \
               UPDATE changes SET version = version + 1 WHERE name = 'clients'";
    two.backend.execute_in_auth(sql).await;
    let token = two.token(&two.one).await;
    assert_eq!(two.web.revoke(&token).await.status, 200);
    let began = Instant::now();
    while !matches!(verifier.verify(&token).await, Err(TokenError::Revoked)) {
        assert!(began.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let unknown = OAuthClient { id: "newer".to_owned(), ..two.web.clone() };
    assert_eq!(unknown.token(&[]).await.refusal(), (401, "invalid_client"));
    two.stop().await;
}

/// With another master key a replica neither signs beside the others nor takes their keys away, also after a rotation.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_another_master_key_is_not_let_in_and_harms_nothing() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let backend = Backend::new(folder.path()).await;
    let own = Cluster::new(&backend.databases.auth, &backend.cache_url, folder.path());
    let stranger = Cluster::new(&backend.databases.auth, &backend.cache_url, elsewhere.path());
    let made = commands::keep_keys(own.config(), KeyTask::Rotate).await.unwrap();
    assert!(made.contains("made the next key"), "{made}");
    // The first key signs at once.
    let replica = own.start().await;
    commands::keep_keys(own.config(), KeyTask::Rotate).await.unwrap();
    backend.execute_in_auth("DELETE FROM signing_keys WHERE generation = 1").await;
    assert_eq!(stranger.start_in_vain().await, Some(1));
    for task in [KeyTask::Rotate, KeyTask::Withdraw, KeyTask::Reseal] {
        let refused = commands::keep_keys(stranger.config(), task).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("not sealed with this master key"), "{task:?}: {refused}");
    }
    assert_eq!(commands::list_keys(own.config()).await.unwrap().len(), 1);
    let jwks = Caller::new(None).get(&format!("{}/.well-known/jwks.json", replica.url)).await;
    assert!(!jwks.body["keys"].as_array().unwrap().is_empty());
    drop(replica);
    backend.drop_databases().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_before_the_end_is_written_down_at_the_end() {
    let mut two = Two::start(&[]).await;
    for _ in 0..50 {
        two.token(&two.one).await;
    }
    let one = std::mem::replace(&mut two.one, two.cluster.start().await);
    assert_eq!(one.terminate().await, Some(0));
    let mut reader = commands::AuditReader::open(two.cluster.config()).await.unwrap();
    let rows = reader.last(1_000).await.unwrap();
    let granted = rows.iter().filter(|row| row.contains("token.granted")).count();
    assert_eq!(granted, 50, "{rows:?}");
    two.stop().await;
}

/// The file is applied whole or not at all; an account goes from one client to another; a secret can be rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_clients_is_applied_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new(folder.path()).await;
    let cluster = Cluster::new(&backend.databases.auth, &backend.cache_url, folder.path());
    let (file, secret) = (folder.path().join("clients.toml"), folder.path().join("secret"));
    let apply = async |text: String| {
        std::fs::write(&file, text).unwrap();
        commands::apply_clients(cluster.config(), &file, (false, false)).await
    };
    let client = |id: &str, more: &str| {
        format!("[[client]]\nid = \"{id}\"\nscope = \"a\"\nresources = [\"x\"]\n{more}\n")
    };
    let by_file = format!("secret_file = \"{}\"", secret.display());
    let missing = client("new", "") + &client("other", &by_file);
    assert!(apply(missing).await.is_err());
    assert!(commands::list_clients(cluster.config()).await.unwrap().is_empty(), "nothing was done");

    let account = "service_account = \"prod/shop:order\"";
    apply(client("a", "") + &client("b", account)).await.unwrap();
    apply(client("a", account) + &client("b", "")).await.unwrap();

    let replica = cluster.start().await;
    let known = |secret: &str| OAuthClient::known(&replica.url, "c", shared::Secret::new(secret));
    let (old, new) = ("old-old-old-old-old-old-old-old-old", "new-new-new-new-new-new-new-new-new");
    for text in [old, new, old] {
        std::fs::write(&secret, text).unwrap();
        let said = apply(client("c", &by_file)).await.unwrap();
        assert!(said.iter().any(|line| line.contains("secret of")), "{said:?}");
        assert!(apply(client("c", &by_file)).await.unwrap().is_empty());
        assert_eq!(known(text).token(&[]).await.status, 200);
    }
    let at_once = (0..4).map(|_| commands::apply_clients(cluster.config(), &file, (false, false)));
    for said in futures_util::future::join_all(at_once).await {
        said.unwrap();
    }
    assert_eq!(
        (known(old).token(&[]).await.status, known(new).token(&[]).await.status),
        (200, 200)
    );
    drop(replica);
    backend.drop_databases().await;
}

/// The first start of a deployment: no key is there yet, and each makes one.
#[tokio::test(flavor = "multi_thread")]
async fn several_that_start_at_once_on_an_empty_database_take_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new(folder.path()).await;
    let cluster = Cluster::new(&backend.databases.auth, &backend.cache_url, folder.path());
    let started = futures_util::future::join_all((0..3).map(|_| cluster.start())).await;
    let mut keys = std::collections::BTreeSet::new();
    for replica in &started {
        let jwks = Caller::new(None).get(&format!("{}/.well-known/jwks.json", replica.url)).await;
        keys.insert(jwks.text);
    }
    assert_eq!(keys.len(), 1, "{keys:?}");
    drop(started);
    backend.drop_databases().await;
}
