//! Keys that have to be fetched before a token can be verified: a way of its own through both, and the same answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, Response};
use shared::testing::{StoppedClock, TestIssuer};
use shared::token::key_set::{KeySource, KeysUnavailable, VerifyingKey};
use shared::tower::SessionLayer;
use shared::{Algorithm, Expectation, KeySet, Reason, SessionSource, TokenVerifier};
use tower_layer::Layer;
use tower_service::Service;

use crate::{AUDIENCE, NOW_S, Pair, SESSION, invalid, no_session, ok, refusal};

/// Never at hand.
struct FarKeys {
    set: KeySet,
    away: Arc<AtomicBool>,
}

#[async_trait]
impl KeySource for FarKeys {
    fn find_now(&self, _: &str) -> Option<Arc<VerifyingKey>> {
        None
    }

    async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysUnavailable> {
        if self.away.load(Ordering::SeqCst) {
            return Err(KeysUnavailable("the issuer is silent".to_owned()));
        }
        tokio::task::yield_now().await;
        Ok(self.set.find(kid))
    }
}

fn far_source(issuer: &TestIssuer, clock: &StoppedClock, away: &Arc<AtomicBool>) -> SessionSource {
    let set = KeySet::from_jwks([issuer.signer().public_key().clone()]).unwrap();
    let expectation = Expectation {
        issuer: "https://issuer.test".to_owned(),
        audience: AUDIENCE.to_owned(),
        max_lifetime_s: 3600,
    };
    let keys = FarKeys { set, away: Arc::clone(away) };
    let verifier = TokenVerifier::new(Arc::new(keys), expectation, Arc::new(clock.clone()));
    // Without a memory each request goes the long way.
    SessionSource::token(verifier.remembering(0, Duration::ZERO))
}

async fn pair_with_far_keys(away: &Arc<AtomicBool>) -> Pair {
    Pair::start(|issuer, clock| far_source(issuer, clock, away)).await
}

#[actix_web::test]
async fn a_caller_whose_key_is_fetched_first_is_served_refused_and_counted_like_any_other() {
    let pair = pair_with_far_keys(&Arc::default()).await;
    let user = format!("Bearer {}", pair.token("", Some(SESSION)));
    let service = format!("Bearer {}", pair.token("", None));
    let forged = user.rsplit_once('.').unwrap().0.to_owned() + "." + &"A".repeat(86);
    let (_, said) = pair.ask("GET /orders", &[("Authorization", &user)]).await;
    assert_eq!(said, format!("{SESSION} loaded at 2027-01-15 08:00:00 UTC"));
    let cases = [
        ("GET /help", &user, ok()),
        ("GET /help", &service, no_session()),
        ("GET /mine", &service, no_session()),
        ("GET /public", &forged, invalid()),
    ];
    for (request, bearer, expected) in cases {
        assert_eq!(pair.ask(request, &[("Authorization", bearer)]).await.0, expected, "{request}");
    }
    assert_eq!(pair.ask("POST /settle", &[("Authorization", &user)]).await.0.0, 403);
    let claimed = [("Authorization", user.as_str()), ("X-Session", SESSION)];
    assert_eq!(pair.ask("GET /headers", &claimed).await, (ok(), String::new()));
    let counts = [Reason::NoSession, Reason::ScopeMissing, Reason::BadSignature];
    assert_eq!(counts.map(|reason| pair.refused(reason)), [2, 1, 1]);
}

#[actix_web::test]
async fn while_the_keys_are_away_both_say_later_and_count_it() {
    let away = Arc::new(AtomicBool::new(true));
    let pair = pair_with_far_keys(&away).await;
    let user = format!("Bearer {}", pair.token("", Some(SESSION)));
    for path in ["/public", "/orders"] {
        let request = format!("GET {path}");
        let (verdict, said) = pair.ask(&request, &[("Authorization", &user)]).await;
        assert_eq!(verdict, refusal(503, "C008", ""), "{path}");
        assert!(said.ends_with('2'), "when to come back: {said}");
    }
    assert_eq!(pair.refused(Reason::KeysUnavailable), 2);
    let [_, axum] = &pair.servers;
    let headers = [
        ("Authorization", user.as_str()),
        ("Content-Type", "application/grpc"),
        ("Content-Length", "0"),
    ];
    let answer = axum.ask("POST /settle", &headers).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("14")));
    away.store(false, Ordering::SeqCst);
    assert_eq!(pair.ask("GET /orders", &[("Authorization", &user)]).await.0, ok());
}

/// As tower wants it: ready once, for one request; a clone is ready for none.
struct Once {
    ready: bool,
}

impl Clone for Once {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Body>> for Once {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "it was not asked whether it is ready");
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

#[actix_web::test]
async fn the_service_that_was_ready_is_the_one_that_answers_after_a_fetch() {
    let clock = StoppedClock::at(NOW_S);
    let issuer = TestIssuer::new(Algorithm::Es256, Arc::new(clock.clone())).unwrap();
    let source = far_source(&issuer, &clock, &Arc::default());
    let mut service = SessionLayer::new(source).layer(Once { ready: false });
    let token = issuer.sign(&issuer.claims(AUDIENCE, Default::default(), None)).unwrap();
    for _ in 0..2 {
        let bearer = format!("Bearer {}", token.expose());
        let request = Request::get("/").header("authorization", bearer).body(Body::empty());
        assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(service.call(request.unwrap()).await.unwrap().status(), 200);
    }
}
