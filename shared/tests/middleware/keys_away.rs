//! Without the issuer's keys nobody can say whether a token is good: the answer is "later", not "no".

use shared::RemoteKeys;
use shared::health::Readiness;
use shared::token::verifier::Expectation;

use crate::{AUDIENCE, Service, issuer, refusal};

#[actix_web::test]
async fn while_the_keys_are_away_a_token_is_answered_503_and_a_stranger_is_served() {
    // Nothing listens on a port that was just given back.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let expectation = Expectation {
        issuer: "https://issuer.test".to_owned(),
        audience: AUDIENCE.to_owned(),
        max_lifetime_s: 3600,
    };
    let url = format!("http://{nowhere}/jwks.json");
    let (verifier, _) = RemoteKeys::verifier(&url, expectation).unwrap();
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
