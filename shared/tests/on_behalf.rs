//! A handler calls the next service on behalf of whoever called it: session, trace and request id go on, and the token
//! is one for that service.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "support/fake_server.rs"]
#[expect(dead_code, reason = "others have servers that are late or silent")]
mod fake_server;
#[path = "support/raw_http.rs"]
mod raw_http;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, web};
use serde_json::json;
use shared::client::http::{Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::ClientCredentials;
use shared::client::{Inbound, ServiceClient, Target};
use shared::health::Readiness;
use shared::server::{self, Listen, ListenerFiles, Parts};
use shared::testing::TestIssuer;
use shared::tower::{RequireLayer, SessionLayer};
use shared::{
    Algorithm, ApiError, ApiResponse, Identity, Policy, Routes, Secret, Session, SystemClock,
    TraceContext,
};

use fake_server::{Asked, FakeServer, Reply};

const SESSION: &str = r#"{"companyId":100,"userId":200,"team":"서울"}"#;
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The next service, its token endpoint, and ours between a caller and it.
struct World {
    endpoint: FakeServer,
    next: FakeServer,
    client: ServiceClient,
    tokens: TokenCache,
    issuer: TestIssuer,
}

impl World {
    async fn new() -> Self {
        let token =
            json!({"access_token": "for-file-service", "token_type": "Bearer", "expires_in": 300});
        let endpoint = FakeServer::start(move |_| Reply::json(200, token.clone())).await;
        let next = FakeServer::start(|_| Reply::json(200, json!({"data": "stored"}))).await;
        let http = http_client(Timeouts::default()).unwrap();
        let url = endpoint.url("/oauth2/token").parse().unwrap();
        let source = ClientCredentials::new(http.clone(), url, "order-service", &Secret::new("s"));
        let tokens = TokenCache::new(Arc::new(source), SystemClock::shared());
        let base = next.url("").parse().unwrap();
        let target = Target::new(base, "file-service", "file:write".parse().unwrap());
        let client = ServiceClient::new(http, tokens.clone(), target);
        let issuer = TestIssuer::new(Algorithm::Es256, SystemClock::shared()).unwrap();
        Self { endpoint, next, client, tokens, issuer }
    }

    fn start_actix(&self) -> (SocketAddr, SocketAddr) {
        let any_port = "127.0.0.1:0".to_owned();
        let listen = Listen {
            address: any_port.clone(),
            management_address: any_port,
            workers: 1,
            tls: ListenerFiles::default(),
        };
        let verifier = self.issuer.verifier("order-service").unwrap();
        let parts = Parts::new(Readiness::new()).with_source(verifier);
        self.tokens.register(parts.registry()).unwrap();
        let client = web::Data::new(self.client.clone());
        let routes = move || {
            let routes = Routes::new().get("/receipt", write_receipt).session();
            let routes = routes.get("/exchanged", exchange_and_write).session();
            routes.get("/anybody", write_receipt).optional().app_data(client.clone())
        };
        let server = server::bind(&listen, parts, routes).unwrap();
        let addresses = (server.address(), server.management_address());
        // It ends with the runtime of the test.
        tokio::spawn(server.run());
        addresses
    }

    async fn start_axum(&self) -> SocketAddr {
        let client = self.client.clone();
        let write = async move |request: axum::extract::Request| {
            let called = client.on_behalf_of(&request).unwrap();
            called.post("/api/files").fetch::<String>().await.unwrap()
        };
        let app = axum::Router::new()
            .route("/receipt", axum::routing::get(write))
            .layer(RequireLayer::new(Policy::SESSION))
            .layer(SessionLayer::new(self.issuer.verifier("order-service").unwrap()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    async fn ask(&self, address: SocketAddr, path: &str, headers: &[&str]) -> raw_http::Answer {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{headers}\r\n");
        raw_http::send(address, request.as_bytes()).await
    }

    fn bearer(&self) -> String {
        let session = Session::parse(SESSION).unwrap();
        let claims = self.issuer.claims("order-service", Default::default(), Some(session));
        format!("Authorization: Bearer {}", self.issuer.sign(&claims).unwrap().expose())
    }

    /// What the next service was sent, and for whom the token was asked.
    fn arrived(&self) -> (Asked, String) {
        let form = self.endpoint.asked().pop().unwrap().text;
        let (_, form) = form.split_once("\r\n\r\n").unwrap();
        let session =
            url::form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "session");
        (self.next.asked().pop().unwrap(), session.unwrap().1.into_owned())
    }
}

async fn write_receipt(
    request: HttpRequest,
    files: web::Data<ServiceClient>,
) -> Result<ApiResponse<String>, ApiError> {
    let stored = files.on_behalf_of(&request)?.post("/api/files").fetch().await?;
    let trace = request.trace().unwrap().to_string().parse().unwrap();
    Ok(ApiResponse::ok(stored).with_header(HeaderName::from_static("x-trace"), trace))
}

async fn exchange_and_write(
    request: HttpRequest,
    files: web::Data<ServiceClient>,
) -> Result<ApiResponse<String>, ApiError> {
    let stored = files.by_exchange(&request)?.post("/api/files").fetch().await?;
    Ok(ApiResponse::ok(stored))
}

fn assert_goes_on(world: &World, bearer: &str) {
    let (asked, session) = world.arrived();
    assert_eq!(session, Session::parse(SESSION).unwrap().as_json());
    assert_eq!(asked.header("authorization"), Some("Bearer for-file-service"));
    assert!(!asked.text.contains(bearer), "the caller's own token goes nowhere");
    let sent = TraceContext::parse(asked.header("traceparent").unwrap()).unwrap();
    let came = TraceContext::parse(TRACE).unwrap();
    assert_eq!(sent.trace_id(), came.trace_id());
    assert_ne!(sent, came, "a step of its own");
    assert_eq!(asked.header("x-request-id"), Some("req-1"));
}

#[actix_web::test]
async fn session_trace_and_request_id_go_on_from_an_actix_handler() {
    let world = World::new().await;
    let (address, _) = world.start_actix();
    let bearer = world.bearer();
    let headers = [bearer.as_str(), &format!("traceparent: {TRACE}"), "X-Request-Id: req-1"];
    let answer = world.ask(address, "/receipt", &headers).await;
    assert_eq!((answer.status, &answer.json()["data"]), (200, &"stored".into()), "{answer:?}");
    assert_goes_on(&world, &bearer);
    // An id that was made here goes on as the one that is echoed, and so does a trace that was begun here.
    let answer = world.ask(address, "/receipt", &[&bearer]).await;
    let (asked, _) = world.arrived();
    assert_eq!(asked.header("x-request-id"), answer.header("x-request-id"));
    let begun = answer.header("x-trace").and_then(TraceContext::parse).unwrap();
    let sent = asked.header("traceparent").and_then(TraceContext::parse).unwrap();
    assert_eq!((sent.trace_id(), sent == begun), (begun.trace_id(), false));
}

/// In a service that does without our edge.
#[actix_web::test]
async fn trace_and_request_id_of_the_headers_go_on_where_no_edge_has_noted_them() {
    let request = actix_web::test::TestRequest::get()
        .insert_header(("traceparent", TRACE))
        .insert_header(("x-request-id", "req-1"))
        .to_http_request();
    assert_eq!(request.trace(), TraceContext::parse(TRACE));
    assert_eq!(request.request_id().as_deref(), Some("req-1"));
    assert_eq!(request.session(), None);
}

#[test]
fn the_parts_of_a_request_say_the_same_as_the_request() {
    let request = axum::http::Request::get("/")
        .header("traceparent", TRACE)
        .header("x-request-id", "req-1")
        .extension(Identity::Gateway(Session::parse(SESSION).unwrap()));
    let request = request.body(()).unwrap();
    let whole = (request.session(), request.trace(), request.request_id());
    let (parts, ()) = request.into_parts();
    assert_eq!((parts.session(), parts.trace(), parts.request_id()), whole);
    let expected = (Some(Session::parse(SESSION).unwrap()), TraceContext::parse(TRACE));
    assert_eq!((whole.0, whole.1), expected);
    assert_eq!(whole.2.as_deref(), Some("req-1"));
}

#[actix_web::test]
async fn session_trace_and_request_id_go_on_from_an_axum_handler() {
    let world = World::new().await;
    let address = world.start_axum().await;
    let bearer = world.bearer();
    let headers = [bearer.as_str(), &format!("traceparent: {TRACE}"), "X-Request-Id: req-1"];
    let answer = world.ask(address, "/receipt", &headers).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "stored"), "{answer:?}");
    assert_goes_on(&world, &bearer);
}

#[actix_web::test]
async fn the_callers_token_is_exchanged_once_for_all_its_calls() {
    let world = World::new().await;
    let (address, _) = world.start_actix();
    let bearers = [world.bearer(), world.bearer()];
    for bearer in &bearers {
        for _ in 0..2 {
            let answer = world.ask(address, "/exchanged", &[bearer]).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    let exchanges = world.endpoint.asked();
    assert_eq!(exchanges.len(), 2, "two tokens of one session are two");
    for (asked, bearer) in exchanges.iter().zip(&bearers) {
        let (_, form) = asked.text.split_once("\r\n\r\n").unwrap();
        let form: HashMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).collect();
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
        assert_eq!(form["subject_token_type"], "urn:ietf:params:oauth:token-type:access_token");
        assert!(bearer.ends_with(&*form["subject_token"]));
        let rest = (&*form["resource"], &*form["scope"], &*form["client_id"]);
        assert_eq!(rest, ("file-service", "file:write", "order-service"));
        assert!(!form.contains_key("session"), "the subject token says it");
    }
    for asked in world.next.asked() {
        assert_eq!(asked.header("authorization"), Some("Bearer for-file-service"));
    }
}

#[actix_web::test]
async fn on_behalf_of_nobody_no_call_is_made() {
    let world = World::new().await;
    let (address, _) = world.start_actix();
    let answer = world.ask(address, "/anybody", &[]).await;
    assert_eq!((answer.status, &answer.json()["errorCode"]), (401, &"A001".into()));
    assert_eq!((world.endpoint.count(), world.next.count()), (0, 0));
}

/// What the next service says is for our log: our caller hears that it is away, or nothing but that we have failed.
#[actix_web::test]
async fn a_failure_of_the_next_service_is_told_in_our_own_words() {
    let world = World::new().await;
    let (address, _) = world.start_actix();
    let bearer = world.bearer();
    for (status, expected, code) in [(503, 503, "C008"), (404, 500, "C009"), (400, 500, "C009")] {
        let refusal = json!({"errorCode": "X999", "message": "postgres://secret"});
        world.next.answer(move |_| Reply::json(status, refusal.clone()));
        let answer = world.ask(address, "/receipt", &[&bearer]).await;
        assert_eq!((answer.status, &answer.json()["errorCode"]), (expected, &code.into()));
        assert!(!answer.body.contains("secret") && !answer.body.contains("X999"), "{answer:?}");
    }
}

#[actix_web::test]
async fn the_metrics_show_tokens_refusals_and_verifications() {
    let world = World::new().await;
    let (address, management) = world.start_actix();
    let bearer = world.bearer();
    let forged = "Authorization: Bearer a.b.c";
    for headers in [vec![], vec![forged], vec![&bearer], vec![&bearer], vec![&bearer]] {
        world.ask(address, "/receipt", &headers).await;
    }
    world.ask(address, "/anybody", &["X-Session: {}"]).await;
    let metrics = world.ask(management, "/metrics", &[]).await.body;
    for line in [
        r#"session_refusals_total{reason="no_token"} 1"#,
        r#"session_refusals_total{reason="malformed"} 1"#,
        r#"session_refusals_total{reason="no_session"} 1"#,
        r#"session_refusals_total{reason="expired"} 0"#,
        r#"token_verifications_total{known="no"} 3"#,
        r#"token_verifications_total{known="yes"} 1"#,
        "session_headers_dropped_total 1",
        "token_cache_hits_total 2",
        "token_cache_misses_total 1",
    ] {
        assert!(metrics.lines().any(|own| own == line), "{line} is not in\n{metrics}");
    }
}
