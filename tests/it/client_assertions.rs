//! Clients without a shared secret: they sign an assertion with a key of their own (RFC 7523), or a cluster signs for
//! their pods.

use std::path::Path;

use auth_service::config::TrustedIssuer;
use auth_service::domain::client::{Client, ServiceAccount};
use serde_json::{Value, json};
use shared::testing::TestIssuer;
use shared::{Algorithm, Jwks, SystemClock};
use tests::caller::Answer;
use tests::oauth::{ASSERTION_TYPE, declared};
use tests::system::System;

fn signer(algorithm: Algorithm) -> TestIssuer {
    TestIssuer::new(algorithm, SystemClock::shared()).unwrap()
}

fn now_s() -> i64 {
    chrono::Utc::now().timestamp()
}

/// `null` takes a member away.
fn with(mut base: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        base[name] = value.clone();
    }
    base.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    base
}

fn signed(signer: &TestIssuer, header: &Value, claims: &Value) -> String {
    let kid = signer.signer().kid();
    let base = json!({"alg": signer.signer().public_key().alg, "kid": kid, "typ": "JWT"});
    let header = with(base, header).to_string();
    signer.sign_raw(header, claims.to_string()).unwrap().expose().to_owned()
}

async fn ask(system: &System, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    system.stranger().post_form(&system.token_url(), &[&form, more].concat()).await
}

/// What a client says of itself, good for a minute.
fn own(system: &System) -> Value {
    let jti = uuid::Uuid::new_v4().to_string();
    let aud = system.services.auth.url();
    json!({"iss": "signer", "sub": "signer", "aud": aud, "exp": now_s() + 60, "iat": now_s(), "jti": jti})
}

async fn register_signer(system: &System, signers: &[&TestIssuer]) {
    let keys = signers.iter().map(|own| own.signer().public_key().clone()).collect();
    let client = Client { keys, ..declared("signer") };
    system.services.register(&client).await.unwrap();
}

const INVALID_CLIENT: (u16, &str) = (401, "invalid_client");

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_taken_once_for_this_server_and_for_a_moment() {
    let system = System::start().await;
    let (key, stranger) = (signer(Algorithm::Es256), signer(Algorithm::Es256));
    register_signer(&system, &[&key]).await;
    let token_url = system.token_url();
    let table = [
        (json!({}), (200, "")),
        (json!({"aud": token_url}), (200, "")),
        (json!({"aud": [system.services.auth.url()]}), (200, "")),
        (json!({"aud": "https://other"}), INVALID_CLIENT),
        (json!({"aud": [token_url, "https://other"]}), INVALID_CLIENT),
        (json!({"aud": null}), INVALID_CLIENT),
        (json!({"exp": now_s() - 60}), INVALID_CLIENT),
        (json!({"exp": now_s() + 4000}), INVALID_CLIENT),
        (json!({"exp": null}), INVALID_CLIENT),
        (json!({"iat": now_s() + 100}), INVALID_CLIENT),
        (json!({"nbf": now_s() + 100}), INVALID_CLIENT),
        (json!({"jti": null}), INVALID_CLIENT),
        (json!({"sub": "another"}), INVALID_CLIENT),
        (json!({"iss": "another", "sub": "another"}), INVALID_CLIENT),
    ];
    for (change, expected) in table {
        let assertion = signed(&key, &json!({}), &with(own(&system), &change));
        let answer = ask(&system, &assertion, &[]).await;
        assert_eq!(answer.refusal(), expected, "{change}: {}", answer.text);
        if expected.0 == 200 {
            let again = ask(&system, &assertion, &[]).await;
            assert_eq!(again.refusal(), INVALID_CLIENT, "again: {change}");
            assert_eq!(again.body["error_description"], "client authentication failed");
        }
    }
    let forged = signed(&stranger, &json!({"kid": key.signer().kid()}), &own(&system));
    assert_eq!(ask(&system, &forged, &[]).await.refusal(), INVALID_CLIENT);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_makes_an_assertion_of_something_else() {
    let system = System::start().await;
    let key = signer(Algorithm::Rs256);
    register_signer(&system, &[&key]).await;
    let headers = [
        (json!({}), (200, "")),
        (json!({"kid": null}), (200, "")),
        (json!({"typ": null}), (200, "")),
        (json!({"alg": "none"}), INVALID_CLIENT),
        (json!({"alg": "HS256"}), INVALID_CLIENT),
        (json!({"alg": "PS256"}), INVALID_CLIENT),
        (json!({"typ": "at+jwt"}), INVALID_CLIENT),
        (json!({"kid": "another"}), INVALID_CLIENT),
        (json!({"crit": ["exp"]}), INVALID_CLIENT),
        (json!({"jwk": key.signer().public_key()}), INVALID_CLIENT),
    ];
    for (header, expected) in headers {
        let answer = ask(&system, &signed(&key, &header, &own(&system)), &[]).await;
        assert_eq!(answer.refusal(), expected, "{header}: {}", answer.text);
    }
    for text in ["", "a", "a.b.c", "..", &"x".repeat(9_000)] {
        let answer = ask(&system, text, &[]).await;
        assert_eq!(answer.status, 401, "{text:.20}: {}", answer.text);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_proves_itself_in_one_way_and_as_itself() {
    let system = System::start().await;
    let key = signer(Algorithm::EdDsa);
    register_signer(&system, &[&key]).await;
    let assertion = || signed(&key, &json!({}), &own(&system));
    let invalid = (400, "invalid_request");
    type Case<'c> = (&'c [(&'c str, &'c str)], (u16, &'c str));
    let table: [Case<'_>; 4] = [
        (&[("client_id", "signer")], (200, "")),
        (&[("client_id", "another")], INVALID_CLIENT),
        (&[("client_secret", "x")], invalid),
        (&[("client_assertion_type", "x")], invalid),
    ];
    for (more, expected) in table {
        let answer = ask(&system, &assertion(), more).await;
        assert_eq!(answer.refusal(), expected, "{more:?}: {}", answer.text);
    }
    let url = system.token_url();
    let typeless = assertion();
    let form = [("grant_type", "client_credentials"), ("client_assertion", typeless.as_str())];
    assert_eq!(system.stranger().post_form(&url, &form).await.refusal(), invalid);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_use_one_assertion_at_once_one_gets_a_token() {
    let system = System::start().await;
    let key = signer(Algorithm::Es256);
    register_signer(&system, &[&key]).await;
    let assertion = signed(&key, &json!({}), &own(&system));
    let asks = (0..50).map(|_| ask(&system, &assertion, &[]));
    let answers = futures_util::future::join_all(asks).await;
    let granted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(granted, 1);
    system.stop().await;
}

/// A client may have several keys, so that it can change them.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_good_at_once_and_one_that_was_taken_away_is_not() {
    let system = System::start().await;
    let (old, new) = (signer(Algorithm::Es256), signer(Algorithm::EdDsa));
    let by = |key: &TestIssuer| signed(key, &json!({}), &own(&system));
    for (keys, good) in
        [(vec![&old], [true, false]), (vec![&old, &new], [true, true]), (vec![&new], [false, true])]
    {
        register_signer(&system, &keys).await;
        // What is taken away is known when the change has been read; a new key is asked for at once.
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        for (key, good) in [(&old, good[0]), (&new, good[1])] {
            assert_eq!(ask(&system, &by(key), &[]).await.status == 200, good);
        }
    }
    system.stop().await;
}

const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";

/// The claims of a projected token, as a cluster makes it: bound to a pod and an audience, for an hour.
pub fn projected(namespace: &str, account: &str) -> Value {
    let now = now_s();
    json!({
        "aud": ["auth-service"],
        "exp": now + 3600,
        "iat": now - 7,
        "iss": CLUSTER,
        "jti": uuid::Uuid::new_v4().to_string(),
        "kubernetes.io": {
            "namespace": namespace,
            "node": {"name": "node-1", "uid": "a5a9aa86-0f8b-4a4f-9d5b-1b1c0f0f4c11"},
            "pod": {"name": format!("{account}-5d4b8c7f9-x2x7p"), "uid": "5b0f9d0e-0d3b-4f44-8d1c-6b1f6b6f9d0e"},
            "serviceaccount": {"name": account, "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
            "warnafter": now + 3607,
        },
        "nbf": now - 7,
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
    })
}

fn write_jwks(path: &Path, keys: &[&TestIssuer]) {
    let keys = keys.iter().map(|own| own.signer().public_key().clone()).collect();
    std::fs::write(path, serde_json::to_string(&Jwks { keys }).unwrap()).unwrap();
}

pub async fn system_in_cluster(jwks_file: &Path) -> System {
    let trusted = TrustedIssuer {
        name: "prod".to_owned(),
        issuer: CLUSTER.to_owned(),
        jwks_url: None,
        ca_file: None,
        jwks_file: Some(jwks_file.to_owned()),
        audience: "auth-service".to_owned(),
        max_age_s: 3600,
    };
    System::start_with(|options| options.trusted_issuers = vec![trusted]).await
}

async fn register_account(system: &System, id: &str, account: &str) {
    let account: ServiceAccount = account.parse().unwrap();
    let client = Client { service_account: Some(account), ..declared(id) };
    system.services.register(&client).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_the_client_that_is_declared_for_its_service_account_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (jwks, cluster) = (folder.path().join("jwks.json"), signer(Algorithm::Rs256));
    write_jwks(&jwks, &[&cluster]);
    let system = system_in_cluster(&jwks).await;
    register_account(&system, "order-service", "prod/shop:order").await;
    let table = [
        ("as it is", json!({}), (200, "")),
        ("another account", json!({"sub": "system:serviceaccount:shop:admin"}), INVALID_CLIENT),
        ("a user", json!({"sub": "admin"}), INVALID_CLIENT),
        ("for the API server", json!({"aud": [CLUSTER]}), INVALID_CLIENT),
        ("for two", json!({"aud": ["auth-service", CLUSTER]}), INVALID_CLIENT),
        ("expired", json!({"exp": now_s() - 31}), INVALID_CLIENT),
        ("too old", json!({"iat": now_s() - 3700, "nbf": null}), INVALID_CLIENT),
        ("of no pod", json!({"kubernetes.io": null}), INVALID_CLIENT),
        ("another cluster", json!({"iss": "https://other"}), INVALID_CLIENT),
    ];
    for (case, change, expected) in table {
        let claims = with(projected("shop", "order"), &change);
        // A cluster names no type.
        let token = signed(&cluster, &json!({"typ": null}), &claims);
        let answer = ask(&system, &token, &[]).await;
        assert_eq!(answer.refusal(), expected, "{case}: {}", answer.text);
        // It is used until it ends.
        assert_eq!(ask(&system, &token, &[]).await.refusal(), expected, "{case}, again");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_declared_or_not_signed_for_is_no_client() {
    let folder = tempfile::tempdir().unwrap();
    let (jwks, cluster) = (folder.path().join("jwks.json"), signer(Algorithm::Rs256));
    write_jwks(&jwks, &[&cluster]);
    let system = system_in_cluster(&jwks).await;
    register_account(&system, "order-service", "prod/shop:order").await;
    for (namespace, account) in [("shop", "default"), ("other", "order")] {
        let token = signed(&cluster, &json!({"typ": null}), &projected(namespace, account));
        let answer = ask(&system, &token, &[]).await;
        assert_eq!(answer.refusal(), INVALID_CLIENT, "{namespace}:{account}");
    }
    let good = projected("shop", "order");
    let token = signed(&cluster, &json!({"typ": null}), &good);
    let answer = ask(&system, &token, &[("client_id", "batch-service")]).await;
    assert_eq!(answer.refusal(), INVALID_CLIENT, "the account is one client");
    let forged = signed(&signer(Algorithm::Rs256), &json!({"kid": cluster.signer().kid()}), &good);
    assert_eq!(ask(&system, &forged, &[]).await.refusal(), INVALID_CLIENT);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_is_one_client() {
    let folder = tempfile::tempdir().unwrap();
    let (jwks, cluster) = (folder.path().join("jwks.json"), signer(Algorithm::Rs256));
    write_jwks(&jwks, &[&cluster]);
    let system = system_in_cluster(&jwks).await;
    register_account(&system, "order-service", "prod/shop:order").await;
    let account = Some("prod/shop:order".parse().unwrap());
    let twin = Client { service_account: account, ..declared("twin") };
    let error = system.services.register(&twin).await.err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("another client has the same service account"));
    system.stop().await;
}

/// The cluster changes its key: the file of keys gets both, then the tokens are signed by the new one.
#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_a_cluster_are_read_again_when_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let jwks = folder.path().join("jwks.json");
    let (old, new) = (signer(Algorithm::Rs256), signer(Algorithm::Rs256));
    write_jwks(&jwks, &[&old]);
    let system = system_in_cluster(&jwks).await;
    register_account(&system, "order-service", "prod/shop:order").await;
    let by = |key: &TestIssuer| signed(key, &json!({"typ": null}), &projected("shop", "order"));
    assert_eq!(ask(&system, &by(&old), &[]).await.status, 200);
    assert_eq!(ask(&system, &by(&new), &[]).await.status, 401);
    write_jwks(&jwks, &[&old, &new]);
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(ask(&system, &by(&new), &[]).await.status, 200);
    assert_eq!(ask(&system, &by(&old), &[]).await.status, 200);
    // A file that is half written leaves the keys that were there.
    std::fs::write(&jwks, "{\"keys\": [").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(ask(&system, &by(&signer(Algorithm::Rs256)), &[]).await.status, 401);
    assert_eq!(ask(&system, &by(&new), &[]).await.status, 200);
    system.stop().await;
}
