//! The defects of the Spring client that this one takes the place of, each as a test that it would fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "support/fake_server.rs"]
mod fake_server;
#[path = "support/raw_http.rs"]
#[expect(dead_code, reason = "others read the answers as JSON")]
mod raw_http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use shared::client::http::{Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::{ClientCredentials, TokenRequest};
use shared::client::{ServiceClient, Target};
use shared::gateway::GatewayEnvelope;
use shared::health::Readiness;
use shared::server::{self, Listen, ListenerFiles, Parts};
use shared::testing::{StoppedClock, TestIssuer};
use shared::{Algorithm, Clock, Routes, Secret, Session, SessionSource, SystemClock};

use fake_server::{Asked, FakeServer, Reply};

const GATEWAY_KEY: &str = "a key of 32 bytes or more, for tests alone";
const INVALID: &str = "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n";

/// Tokens named after the session that they were asked for and their number.
fn issue() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let number = AtomicUsize::new(0);
    move |asked| {
        let number = number.fetch_add(1, Ordering::SeqCst) + 1;
        let user = asked.text.split("userId%22%3A").nth(1).unwrap_or("0");
        let user: String = user.chars().take_while(char::is_ascii_digit).collect();
        let token = format!("user-{user}-number-{number}");
        Reply::json(200, json!({"access_token": token, "token_type": "Bearer", "expires_in": 300}))
    }
}

struct World {
    endpoint: FakeServer,
    service: FakeServer,
    clock: StoppedClock,
    tokens: TokenCache,
    client: ServiceClient,
}

impl World {
    async fn new(service: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let (endpoint, service) =
            (FakeServer::start(issue()).await, FakeServer::start(service).await);
        let http = http_client(Timeouts::default()).unwrap();
        let url = endpoint.url("/oauth2/token").parse().unwrap();
        let source = ClientCredentials::new(http.clone(), url, "batch", &Secret::new("s3cret"));
        let clock = StoppedClock::at(0);
        let tokens = TokenCache::new(Arc::new(source), Arc::new(clock.clone()));
        let target = Target::new(service.url("").parse().unwrap(), "orders", Default::default());
        let client = ServiceClient::new(http, tokens.clone(), target);
        Self { endpoint, service, clock, tokens, client }
    }

    /// The tokens that the service has seen.
    fn seen(&self) -> Vec<String> {
        let bearer = |asked: &Asked| asked.header("authorization").unwrap().to_owned();
        self.service.asked().iter().map(bearer).collect()
    }
}

fn session(user: usize) -> Session {
    Session::parse(&format!(r#"{{"companyId":1,"userId":{user}}}"#)).unwrap()
}

fn fine(_: &Asked) -> Reply {
    Reply::json(200, "")
}

/// (a) Its cache was keyed by the client registration: the second user called as the first.
#[tokio::test]
async fn the_token_of_one_session_is_not_used_for_another() {
    let world = World::new(fine).await;
    for user in [1, 2, 1, 2] {
        world.client.with_session(&session(user)).get("/").send().await.unwrap();
    }
    let expected = ["1-number-1", "2-number-2", "1-number-1", "2-number-2"];
    assert_eq!(world.seen(), expected.map(|token| format!("Bearer user-{token}")));
}

/// (b) A revoked token was sent until it expired.
#[tokio::test]
async fn a_token_that_a_service_has_rejected_is_not_sent_again() {
    let world = World::new(|asked| {
        if asked.text.contains("number-1") {
            Reply::with_headers(401, INVALID, "")
        } else {
            fine(asked)
        }
    })
    .await;
    let caller = world.client.with_session(&session(1));
    for _ in 0..3 {
        assert_eq!(caller.get("/").send().await.unwrap().status(), 200);
    }
    let rejected = world.seen().iter().filter(|token| token.ends_with("number-1")).count();
    assert_eq!((rejected, world.endpoint.count()), (1, 2));
}

/// A service of ours that says whom it sees, and an issuer that it trusts.
async fn service_that_says_whom_it_sees() -> (SocketAddr, TestIssuer) {
    let issuer = TestIssuer::new(Algorithm::Es256, SystemClock::shared()).unwrap();
    let envelope = GatewayEnvelope::new("orders", &Secret::new(GATEWAY_KEY), SystemClock::shared());
    let source = SessionSource::token(issuer.verifier("orders").unwrap()).or_gateway(envelope);
    let any_port = "127.0.0.1:0".to_owned();
    let listen = Listen {
        address: any_port.clone(),
        management_address: any_port,
        workers: 1,
        tls: ListenerFiles::default(),
    };
    let parts = Parts::new(Readiness::new()).with_source(source);
    let whom = async |session: Session| session.as_json().to_owned();
    let server = server::bind(&listen, parts, move || Routes::new().get("/", whom).session());
    let server = server.unwrap();
    let address = server.address();
    // It ends with the runtime of the test.
    tokio::spawn(server.run());
    (address, issuer)
}

async fn ask(address: SocketAddr, headers: &[(&str, &str)]) -> raw_http::Answer {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    raw_http::send(address, request.as_bytes()).await
}

fn bearer(issuer: &TestIssuer, audience: &str) -> String {
    let claims = issuer.claims(audience, Default::default(), Some(session(1)));
    format!("Bearer {}", issuer.sign(&claims).unwrap().expose())
}

/// (c) Whoever could reach the pod wrote a session into a header, and was believed before the token.
#[actix_web::test]
async fn no_header_beats_the_token_not_even_a_sealed_one() {
    let (address, issuer) = service_that_says_whom_it_sees().await;
    let bearer = bearer(&issuer, "orders");
    let other = session(2);
    let gateway = GatewayEnvelope::new("orders", &Secret::new(GATEWAY_KEY), SystemClock::shared());
    let sealed = gateway.seal(&other, ("GET", "/"));
    let headers = [
        ("Authorization", bearer.as_str()),
        ("X-Session", sealed.session.as_str()),
        ("X-Session-Envelope", sealed.envelope.as_str()),
    ];
    assert_eq!(ask(address, &headers).await.body, session(1).as_json());
    assert_eq!(ask(address, &headers[1..]).await.body, other.as_json(), "sealed, without a token");
    assert_eq!(ask(address, &[("X-Session", other.as_json())]).await.status, 401, "not sealed");
}

/// (e) It took a token meant for another service, and refused without saying what it wanted.
#[actix_web::test]
async fn a_token_for_another_service_is_refused_and_every_refusal_has_its_challenge() {
    let (address, issuer) = service_that_says_whom_it_sees().await;
    assert_eq!(ask(address, &[("Authorization", &bearer(&issuer, "orders"))]).await.status, 200);
    let other = ask(address, &[("Authorization", &bearer(&issuer, "invoices"))]).await;
    let challenge = r#"Bearer error="invalid_token", error_description="the token is not valid""#;
    assert_eq!((other.status, other.header("www-authenticate")), (401, Some(challenge)));
    let nobody = ask(address, &[]).await;
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, Some("Bearer")));
}

/// (d) Its token request had no timeout: callers hung for as long as the endpoint did.
#[tokio::test]
async fn an_endpoint_that_never_answers_holds_nobody_beyond_his_own_deadline() {
    let world = World::new(fine).await;
    world.endpoint.answer(|_| Reply::Silence);
    let started = SystemClock::new();
    let calls = [100, 300].map(|ms| {
        let (caller, started) = (world.client.with_session(&session(1)), &started);
        async move {
            let error =
                caller.get("/").deadline(Duration::from_millis(ms)).send().await.unwrap_err();
            (error.to_string(), started.monotonic())
        }
    });
    for ((error, took), ms) in join_all(calls).await.into_iter().zip([100, 300]) {
        let deadline = Duration::from_millis(ms);
        assert!((deadline..deadline + Duration::from_millis(200)).contains(&took), "{took:?}");
        assert!(error.contains("a token"), "{error}");
    }
    assert_eq!((world.endpoint.count(), world.service.count()), (1, 0));
}

/// Every thread that met an expired token fetched one of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_callers_with_an_expired_token_fetch_one() {
    let world = World::new(fine).await;
    let request = TokenRequest::new("orders", Default::default(), Some(session(1)));
    let patience = Duration::from_secs(20);
    let old = world.tokens.token(&request, patience).await.unwrap();
    world.clock.advance(Duration::from_secs(300));
    let answer = issue();
    world.endpoint.answer(move |asked| answer(asked).after(Duration::from_millis(50)));
    let callers = (0..100).map(|_| {
        let (tokens, request) = (world.tokens.clone(), request.clone());
        tokio::spawn(async move { tokens.token(&request, patience).await.unwrap() })
    });
    let fresh = join_all(callers).await;
    assert_eq!(world.endpoint.count(), 2);
    assert!(fresh.iter().all(|token| token.is_ok()) && !old.expose().is_empty());
}
