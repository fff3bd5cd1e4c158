//! A service of somebody who took `shared` in, over a real socket: who gets in, who does not, and in which words.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "support/raw_http.rs"]
mod raw_http;

#[path = "middleware/access.rs"]
mod access;
#[path = "middleware/transport.rs"]
mod transport;
#[path = "middleware/bypass.rs"]
mod bypass;
#[path = "middleware/envelope.rs"]
mod envelope;
#[path = "middleware/only_under.rs"]
mod only_under;
#[path = "middleware/keys_away.rs"]
mod keys_away;
#[path = "middleware/health.rs"]
mod health;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde::Deserialize;
use shared::extractor::show_session;
use shared::health::Readiness;
use shared::server::{self, Listen, ListenerFiles, Parts};
use shared::testing::{StoppedClock, TestIssuer};
use shared::{
    Algorithm, ApiResponse, Caller, CompanyId, MaybeSession, Routes, Session, TokenVerifier,
    TraceContext, UserId, require_scope, require_session,
};

use raw_http::Answer;

const NOW_S: i64 = 1_800_000_000;
const AUDIENCE: &str = "order-service";

/// The whole surface of the service: a route of every kind.
fn routes() -> Routes {
    Routes::new().unaudited(routes_by_hand)
}

fn routes_by_hand(app: &mut ServiceConfig) {
    app.route("/public", web::get().to(async || ApiResponse::ok("public")))
        .route("/greet", web::get().to(greet))
        .route("/session", web::get().to(show_session))
        .route("/caller", web::get().to(async |caller: Caller| caller.claims().client_id.clone()))
        .route("/settle", web::post().to(async || "settled").wrap(require_scope("order:settle")))
        .service(
            web::scope("/orders")
                .wrap(require_session())
                .route("", web::get().to(list_orders))
                .route(
                    "/help",
                    web::get().to(async || "takes no session, so the guard alone refuses"),
                )
                .route("/{id}", web::get().to(find_order)),
        )
        .service(
            web::scope("/admin")
                .wrap(require_scope("auth:admin"))
                .route("", web::get().to(async || "admin")),
        )
        .configure(routes_that_fail);
}

fn routes_that_fail(app: &mut ServiceConfig) {
    app.route("/echo", web::post().to(async |body: web::Json<Echo>| body.into_inner().text))
        .route("/upload", web::post().to(async |body: web::Bytes| body.len().to_string()))
        .route("/page", web::get().to(async |page: web::Query<Paging>| page.limit.to_string()))
        .route("/panic", web::get().to(panics))
        .route("/trace", web::get().to(show_trace))
        .route("/database", web::get().to(database_error))
        .route("/teapot", web::get().to(async || HttpResponse::ImATeapot().body("short and stout")))
        .service(
            web::resource("/cors")
                .wrap(
                    DefaultHeaders::new().add(("access-control-allow-origin", "https://shop.test")),
                )
                .route(web::get().to(async |_: Session| "seen by the browser")),
        );
}

#[derive(Deserialize)]
struct Echo {
    text: String,
}

#[derive(Deserialize)]
struct Paging {
    limit: u32,
}

async fn greet(caller: MaybeSession) -> String {
    match caller {
        MaybeSession::Known(session) => format!("user {}", session.user_id()),
        MaybeSession::Anonymous => "stranger".to_owned(),
    }
}

async fn list_orders(session: Session) -> ApiResponse<String> {
    let header = HeaderValue::from_static("1");
    ApiResponse::ok(session.as_json().to_owned())
        .with_header(HeaderName::from_static("x-total"), header)
}

async fn find_order(session: Session, id: web::Path<u32>) -> ApiResponse<String> {
    ApiResponse::ok(format!("order {id} of company {}", session.company_id()))
}

async fn panics() -> String {
    panic!("at postgres://user:s3cret@db")
}

async fn database_error() -> actix_web::Result<String> {
    Err(actix_web::error::ErrorInternalServerError("postgres://user:s3cret@db is away"))
}

async fn show_trace(request: HttpRequest) -> String {
    request.extensions().get::<TraceContext>().map(ToString::to_string).unwrap_or_default()
}

/// The service, running, and an issuer that it trusts.
struct Service {
    address: SocketAddr,
    management_address: SocketAddr,
    issuer: TestIssuer,
}

impl Service {
    fn start() -> Self {
        let issuer = issuer();
        let verifier = issuer.verifier(AUDIENCE).unwrap();
        Self::start_with(issuer, verifier, Readiness::new())
    }

    fn start_with(issuer: TestIssuer, verifier: TokenVerifier, readiness: Readiness) -> Self {
        Self::start_of(issuer, Parts::new(readiness).with_source(verifier))
    }

    fn start_of(issuer: TestIssuer, parts: Parts) -> Self {
        let any_port = "127.0.0.1:0".to_owned();
        let listen = Listen {
            address: any_port.clone(),
            management_address: any_port,
            workers: 1,
            tls: ListenerFiles::default(),
        };
        let server = server::bind(&listen, parts, routes).unwrap();
        let (address, management_address) = (server.address(), server.management_address());
        // It ends with the runtime of the test.
        tokio::spawn(server.run());
        Self { address, management_address, issuer }
    }

    /// A token of a user, with these scopes.
    fn token(&self, scope: &str) -> String {
        self.token_of(Some(session()), scope)
    }

    fn token_of(&self, session: Option<Session>, scope: &str) -> String {
        let claims = self.issuer.claims(AUDIENCE, scope.parse().unwrap(), session);
        self.issuer.sign(&claims).unwrap().expose().to_owned()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers).await
    }

    async fn get_as(&self, path: &str, token: &str) -> Answer {
        self.get(path, &[("Authorization", &format!("Bearer {token}"))]).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(&format!("{method} {path} HTTP/1.1"), headers, "").await
    }

    async fn post_json(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let length = body.len().to_string();
        let headers = [("Content-Type", content_type), ("Content-Length", &length)];
        self.send(&format!("POST {path} HTTP/1.1"), &headers, body).await
    }

    async fn send(&self, request_line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request =
            format!("{request_line}\r\nHost: test\r\nConnection: close\r\n{headers}\r\n{body}");
        raw_http::send(self.address, request.as_bytes()).await
    }
}

fn issuer() -> TestIssuer {
    TestIssuer::new(Algorithm::Es256, Arc::new(StoppedClock::at(NOW_S))).unwrap()
}

fn session() -> Session {
    Session::new(CompanyId::try_from(100).unwrap(), UserId::try_from(200).unwrap())
}

/// Status, code and challenge of a refusal; and that it has the whole envelope.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    assert_eq!(body["success"], false, "{answer:?}");
    assert_eq!(body["statusCode"], answer.status, "{answer:?}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer:?}");
    assert!(body["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{answer:?}");
    assert!(body.get("data").is_some(), "{answer:?}");
    let code = body["errorCode"].as_str().unwrap_or_default().to_owned();
    (answer.status, code, answer.header("www-authenticate").unwrap_or_default().to_owned())
}
