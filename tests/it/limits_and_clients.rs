//! How often somebody may ask, and our own client against the real server: many tokens at once, and a pod's file.

use std::sync::Arc;
use std::time::Duration;

use auth_service::domain::client::Client;
use serde_json::json;
use shared::client::http::{Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::{ClientCredentials, ClientProof};
use shared::client::{ServiceClient, Target};
use shared::testing::TestIssuer;
use shared::{Algorithm, CompanyId, Jwks, Session, SystemClock, UserId};
use tests::oauth::{OAuthClient, declared};
use tests::system::{ANY_SESSION, System};

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_slowed_down_and_the_right_secret_is_never_refused_for_them() {
    let system = System::start().await;
    let client = OAuthClient::register(&system, &declared("worker")).await;
    assert_eq!(client.token(&[]).await.status, 200);
    let guesser = OAuthClient { secret: shared::Secret::new("guess"), ..client.clone() };
    let mut statuses = Vec::new();
    for _ in 0..200 {
        let answer = guesser.token(&[]).await;
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses[..20], [401; 20]);
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 150, "{statuses:?}");
    assert_eq!(client.token(&[]).await.status, 200);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(guesser.token(&[]).await.status, 401, "not for ever");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_is_told_when_to_come_back_and_others_go_on() {
    let system = System::start_with(|options| options.client_rate_per_s = Some(5)).await;
    let (busy, calm) = (
        OAuthClient::register(&system, &declared("busy")).await,
        OAuthClient::register(&system, &declared("calm")).await,
    );
    let mut refused = None;
    for _ in 0..100 {
        let answer = busy.token(&[]).await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a limit");
    assert_eq!(refused.refusal(), (429, "temporarily_unavailable"));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(calm.token(&[]).await.status, 200);
    system.stop().await;
}

fn orders(system: &System, proof: ClientProof) -> (ServiceClient, TokenCache) {
    let http = http_client(Timeouts::default()).unwrap();
    let endpoint = system.token_url().parse().unwrap();
    let source = ClientCredentials::with_proof(http.clone(), endpoint, proof);
    let tokens = TokenCache::new(Arc::new(source), SystemClock::shared());
    let scope = "order:read".parse().unwrap();
    let target = Target::new(system.services.order.url().parse().unwrap(), "order-service", scope);
    (ServiceClient::new(http, tokens.clone(), target), tokens)
}

fn session(user: i64) -> Session {
    Session::new(CompanyId::MIN, UserId::try_from(user).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_fetches_a_thousand_tokens_by_one_call_and_each_is_its_sessions_own() {
    let system = System::start().await;
    let client = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("batch") };
    let client = OAuthClient::register(&system, &client).await;
    let (orders, _) = orders(&system, ClientProof::secret("batch", &client.secret));
    let fetched = orders.prefetch((1..=1_000).map(session)).await.unwrap();
    assert_eq!((fetched.fetched, fetched.held, fetched.failed), (1_000, 0, 0));
    for user in [1, 500, 1_000] {
        let seen: serde_json::Value =
            orders.with_session(&session(user)).get("/api/session").fetch().await.unwrap();
        assert_eq!(seen["userId"], user);
    }
    let again = orders.prefetch((1..=1_000).map(session)).await.unwrap();
    assert_eq!((again.fetched, again.held), (0, 1_000));
    assert_eq!(system.count_at_auth("/oauth2/tokens", 200).await, 1);
    assert_eq!(system.count_at_auth("/oauth2/token", 200).await, 0);
    system.stop().await;
}

/// The file of a projected service-account token is written anew while the pod runs; the old token is good no more.
#[tokio::test(flavor = "multi_thread")]
async fn our_client_in_a_pod_needs_no_secret_and_reads_its_file_again_when_it_rotates() {
    let folder = tempfile::tempdir().unwrap();
    let (jwks, file) = (folder.path().join("jwks.json"), folder.path().join("token"));
    let cluster = TestIssuer::new(Algorithm::Rs256, SystemClock::shared()).unwrap();
    let keys = vec![cluster.signer().public_key().clone()];
    std::fs::write(&jwks, serde_json::to_string(&Jwks { keys }).unwrap()).unwrap();
    let system = crate::client_assertions::system_in_cluster(&jwks).await;
    let client = Client {
        service_account: Some("prod/shop:order".parse().unwrap()),
        session_policy: ANY_SESSION.parse().unwrap(),
        ..declared("order-service")
    };
    system.services.register(&client).await.unwrap();
    let write = |age_s: i64| {
        let mut claims = crate::client_assertions::projected("shop", "order");
        let iat = claims["iat"].as_i64().unwrap() - age_s;
        (claims["iat"], claims["nbf"]) = (json!(iat), json!(iat));
        let header = json!({"alg": "RS256", "kid": cluster.signer().kid()}).to_string();
        let token = cluster.sign_raw(header, claims.to_string()).unwrap();
        std::fs::write(&file, token.expose()).unwrap();
    };
    let (orders, _) = orders(&system, ClientProof::projected_token(&file));
    let call = |user| orders.with_session(&session(user)).get("/api/session");
    write(0);
    assert_eq!(call(1).send().await.unwrap().status(), 200);
    write(4_000);
    assert!(call(2).send().await.is_err(), "older than is declared");
    write(0);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(call(2).send().await.unwrap().status(), 200);
    std::fs::remove_file(&file).unwrap();
    let missing = call(3).send().await.unwrap_err().to_string();
    assert!(missing.contains("cannot read"), "{missing}");
    system.stop().await;
}
