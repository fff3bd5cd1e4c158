//! Without the issuer's keys nobody can say whether a token is good: the answer is "later", not "no".

use shared::health::Readiness;
use shared::server::Parts;
use shared::{Expectation, RemoteKeys, RevocationFeed, TokenVerifier};

use crate::{AUDIENCE, Service, health, issuer, refusal};

/// An issuer that is not there: nothing listens on a port that was just given back.
fn keys_from_nowhere() -> (TokenVerifier, RemoteKeys) {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let expectation = Expectation {
        issuer: "https://issuer.test".to_owned(),
        audience: AUDIENCE.to_owned(),
        max_lifetime_s: 3600,
    };
    RemoteKeys::verifier(&format!("http://{nowhere}/jwks.json"), expectation).unwrap()
}

#[actix_web::test]
async fn a_service_without_its_issuers_keys_is_not_ready_and_its_metrics_show_how_they_fare() {
    let (verifier, keys) = keys_from_nowhere();
    let parts = Parts::new(Readiness::new()).with_issuer(verifier, &keys);
    let service = Service::start_of(issuer(), parts);
    let ready = health::ask(&service, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["parts"]["keys"]), (503, &"away".into()));
    let metrics = health::ask(&service, "/metrics").await.body;
    assert!(metrics.lines().any(|line| line.starts_with("jwks_fetches_total")), "{metrics}");
}

#[actix_web::test]
async fn the_metrics_of_a_service_show_how_the_revocations_fare_that_it_follows() {
    let (verifier, keys) = keys_from_nowhere();
    let nowhere = "http://127.0.0.1:9/oauth2/revocations";
    let (verifier, feed) = RevocationFeed::following(verifier, &keys, nowhere).unwrap();
    let parts = Parts::new(Readiness::new()).with_issuer(verifier, &keys).with_revocations(&feed);
    let service = Service::start_of(issuer(), parts);
    let metrics = health::ask(&service, "/metrics").await.body;
    assert!(metrics.lines().any(|line| line.starts_with("revocation_feed_requests_total")));
    assert!(metrics.lines().any(|line| line.starts_with("jwks_fetches_total")), "{metrics}");
}

#[actix_web::test]
async fn while_the_keys_are_away_a_token_is_answered_503_and_a_stranger_is_served() {
    let (verifier, _) = keys_from_nowhere();
    let service = Service::start_with(issuer(), verifier, Readiness::new());
    let token = service.token("");
    for path in ["/public", "/greet", "/orders", "/admin"] {
        let answer = service.get_as(path, &token).await;
        assert_eq!(refusal(&answer), (503, "C008".to_owned(), String::new()), "{path}");
        assert_eq!(answer.header("retry-after"), Some("2"), "{path}");
        assert!(!answer.body.contains("127.0.0.1"), "{answer:?}");
    }
    for (path, status) in [("/public", 200), ("/greet", 200), ("/orders", 401), ("/admin", 401)] {
        assert_eq!(service.get(path, &[]).await.status, status, "{path}");
    }
    // What is no token at all can be refused without keys.
    assert_eq!(refusal(&service.get_as("/public", "x").await).1, "A002");
}
