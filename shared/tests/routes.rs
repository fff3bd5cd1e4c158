//! The audit: a service says of each route who may use it, or it does not start.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "support/raw_http.rs"]
mod raw_http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::health::Readiness;
use shared::reply::input::json_config;
use shared::server::{self, BindError, BoundServer, Listen, ListenerFiles, Parts};
use shared::testing::{StoppedClock, TestIssuer};
use shared::{
    Algorithm, Expectation, RemoteKeys, RevocationFeed, RevocationSource, Revocations, Routes,
    Scopes, Session,
};

const TEN: Duration = Duration::from_secs(10);
const SESSION: &str = r#"{"companyId":100,"userId":200,"roles":["clerk"]}"#;

async fn fine() -> &'static str {
    "fine"
}

#[rustfmt::skip]
fn good() -> Routes {
    Routes::new()
        .get("/api/products", fine).optional()
        .get("/health", fine).public()
        .get("/api/orders", fine).session()
        .post("/api/orders", async |body: actix_web::web::Json<String>| body.into_inner()).session().scope("order:write")
            .path_data(json_config(64))
        .get("/api/orders/{id}", fine).session().scope("order:read")
        .delete("/api/orders/{id}", fine).role("admin")
        .post("/internal/settle", fine).scope("order:settle")
}

fn issuer() -> TestIssuer {
    TestIssuer::new(Algorithm::EdDsa, Arc::new(StoppedClock::at(1_800_000_000))).unwrap()
}

fn bind(
    routes: impl Fn() -> Routes + Clone + Send + 'static,
    issuer: Option<&TestIssuer>,
) -> Result<BoundServer, BindError> {
    let parts = Parts::new(Readiness::new());
    let parts = match issuer {
        Some(issuer) => parts.with_source(issuer.verifier("order-service").unwrap()),
        None => parts,
    };
    bind_with(routes, parts)
}

fn bind_with(
    routes: impl Fn() -> Routes + Clone + Send + 'static,
    parts: Parts,
) -> Result<BoundServer, BindError> {
    let any_port = "127.0.0.1:0".to_owned();
    let listen = Listen {
        address: any_port.clone(),
        management_address: any_port,
        workers: 1,
        tls: ListenerFiles::default(),
    };
    server::bind(&listen, parts, routes)
}

fn refused(routes: fn() -> Routes, issuer: Option<&TestIssuer>) -> String {
    match bind(routes, issuer) {
        Err(error) => error.to_string(),
        Ok(_) => "started".to_owned(),
    }
}

#[actix_web::test]
async fn a_service_with_a_route_without_a_policy_does_not_start() {
    let issuer = issuer();
    let forgotten = || good().get("/api/invoices", fine).put("/api/invoices", fine).session();
    assert_eq!(refused(forgotten, Some(&issuer)), "routes: GET /api/invoices has no policy");
    let two = || Routes::new().get("/a", fine).post("/b", fine);
    assert_eq!(refused(two, Some(&issuer)), "routes: GET /a has no policy; POST /b has no policy");
    assert_eq!(refused(good, Some(&issuer)), "started");
}

#[actix_web::test]
async fn a_route_that_is_there_twice_is_named() {
    let twice = || good().get("/health", fine).session();
    assert_eq!(refused(twice, Some(&issuer())), "routes: GET /health is declared twice");
}

/// The route would answer 503 for ever.
#[actix_web::test]
async fn a_route_that_needs_revocations_does_not_start_where_nothing_follows_them() {
    let paying = || good().post("/pay", fine).session().max_staleness(TEN);
    assert!(paying().audit().is_ok());
    let row = ("POST", "/pay", "session, revocations within 10s");
    let row = (row.0.to_owned(), row.1.to_owned(), row.2.to_owned());
    assert_eq!(paying().list().last(), Some(&row));
    let wrong = "routes: POST /pay needs revocations, and nothing follows them";
    assert_eq!(refused(paying, Some(&issuer())), wrong);
    let verifier = issuer().verifier("order-service").unwrap().with_revocations(Unheard::default());
    assert!(bind_with(paying, Parts::new(Readiness::new()).with_source(verifier)).is_ok());
    let unknown = || Routes::new().post("/pay", fine).max_staleness(TEN);
    assert_eq!(
        refused(unknown, None),
        "routes: POST /pay needs a caller, and nothing finds out who calls"
    );
}

/// The word that makes the verifier look at them is easily forgotten.
#[actix_web::test]
async fn revocations_that_are_followed_and_not_looked_at_are_found_at_the_start() {
    let keys = |expectation| RemoteKeys::verifier("http://127.0.0.1:9/jwks.json", expectation);
    let expectation =
        Expectation { issuer: "a".to_owned(), audience: "b".to_owned(), max_lifetime_s: 1 };
    let (verifier, keys) = keys(expectation).unwrap();
    let feed = RevocationFeed::new(&keys, "a", "http://127.0.0.1:9/".parse().unwrap());
    let parts = || Parts::new(Readiness::new()).with_revocations(&feed);
    let without = bind_with(good, parts().with_issuer(verifier.clone(), &keys));
    let wrong = "routes: revocations are followed, and the verifier does not look at them";
    assert_eq!(without.map(drop).unwrap_err().to_string(), wrong);
    let verifier = verifier.with_revocations(feed.clone());
    assert!(bind_with(good, parts().with_issuer(verifier, &keys)).is_ok());
}

/// Revocations of which nothing is known.
#[derive(Default)]
struct Unheard(Revocations);

impl RevocationSource for Unheard {
    fn revocations(&self) -> &Revocations {
        &self.0
    }

    fn staleness(&self) -> Option<Duration> {
        None
    }
}

/// The router takes the first path that fits: the audit must not speak of a policy that nobody is held to.
#[test]
fn a_route_that_an_earlier_one_hides_is_named() {
    let verdict = |routes: Routes| routes.audit().err().map(|error| error.to_string());
    let hidden = [
        ("/api/{tail:.*}", "/api/admin"),
        ("/o/{id}", "/o/{order}"),
        ("/o/{id}", "/o/export"),
        ("/o/{id}/{part}", "/o/{id}/lines"),
    ];
    for (first, then) in hidden {
        let routes = Routes::new().get(first, fine).public().get(then, fine).session();
        let expected = format!("GET {then} is hidden by {first}");
        assert_eq!(verdict(routes), Some(expected));
    }
    for (first, then) in [("/o/export", "/o/{id}"), ("/o/{id}", "/o/{id}/x"), ("/a", "/a/")] {
        let routes = Routes::new().get(first, fine).public().get(then, fine).session();
        assert_eq!(verdict(routes), None, "{first} {then}");
    }
}

#[test]
fn a_policy_that_takes_back_another_or_belongs_to_no_route_is_named() {
    let verdict = |routes: Routes| routes.audit().err().map(|error| error.to_string());
    let taken_back = Routes::new().get("/a", fine).session().scope("x").optional();
    assert_eq!(verdict(taken_back), Some("GET /a has two policies".to_owned()));
    let twice = Routes::new().get("/a", fine).public().optional();
    assert_eq!(verdict(twice), Some("GET /a has two policies".to_owned()));
    let nowhere = Routes::new().session().get("/a", fine).public();
    assert_eq!(verdict(nowhere), Some("a policy stands before the first route".to_owned()));
}

/// Nobody would ever get in, or everybody would be let in by mistake.
#[actix_web::test]
async fn a_service_that_does_not_know_its_callers_may_not_ask_for_any() {
    let asking = || Routes::new().get("/a", fine).public().get("/b", fine).session();
    let expected = "routes: GET /b needs a caller, and nothing finds out who calls";
    assert_eq!(refused(asking, None), expected);
    let twice = || Routes::new().get("/a", fine).public().get("/a", fine).public();
    assert_eq!(refused(twice, None), "routes: GET /a is declared twice");
    assert_eq!(refused(|| Routes::new().get("/a", fine).public(), None), "started");
}

#[test]
fn the_table_shows_every_route_and_its_policy() {
    let expected = "\
GET     /api/products     optional
GET     /health           public
GET     /api/orders       session
POST    /api/orders       session, scope order:write
GET     /api/orders/{id}  session, scope order:read
DELETE  /api/orders/{id}  session, role admin
POST    /internal/settle  scope order:settle
";
    assert_eq!(good().to_string(), expected);
    let by_hand = good().get("/x", fine).unaudited(|_| {}).to_string();
    let end = "GET     /x                -\nand routes that are not audited\n";
    assert_eq!(by_hand, format!("{expected}{end}"));
}

#[rustfmt::skip]
#[test]
fn what_a_route_demands_adds_up_in_any_order() {
    let routes = Routes::new()
        .get("/a", fine).scope("x").session()
        .get("/b", fine).role("y").scope("x")
        .get("/c", fine).scope("x").role("y").scope("z");
    let policies: Vec<_> = routes.list().into_iter().map(|(_, _, policy)| policy).collect();
    let all = "session, scope x, scope z, role y";
    assert_eq!(policies, ["session, scope x", "session, scope x, role y", all]);
}

struct Service {
    address: SocketAddr,
    issuer: TestIssuer,
}

impl Service {
    fn start(routes: impl Fn() -> Routes + Clone + Send + 'static) -> Self {
        let issuer = issuer();
        let server = bind(routes, Some(&issuer)).unwrap();
        let address = server.address();
        // It ends with the runtime of the test.
        tokio::spawn(server.run());
        Self { address, issuer }
    }

    async fn ask(&self, request_line: &str, scope: Option<&str>, body: &str) -> raw_http::Answer {
        let authorization = scope.map(|scope| {
            let scope: Scopes = scope.parse().unwrap();
            let session = Session::parse(SESSION).unwrap();
            let claims = self.issuer.claims("order-service", scope, Some(session));
            format!("Authorization: Bearer {}\r\n", self.issuer.sign(&claims).unwrap().expose())
        });
        let request = format!(
            "{request_line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{body}",
            body.len(),
            authorization.unwrap_or_default()
        );
        raw_http::send(self.address, request.as_bytes()).await
    }

    async fn status(&self, request_line: &str, scope: Option<&str>) -> u16 {
        self.ask(request_line, scope, "\"x\"").await.status
    }
}

#[actix_web::test]
async fn each_method_of_a_path_is_held_to_its_own_policy() {
    let service = Service::start(good);
    let table = [
        ("GET /api/products", None, 200),
        ("GET /api/orders", None, 401),
        ("GET /api/orders", Some(""), 200),
        ("POST /api/orders", Some(""), 403),
        ("POST /api/orders", Some("order:write"), 200),
        ("GET /api/orders/7", Some("order:write"), 403),
        ("GET /api/orders/7", Some("order:read"), 200),
        ("DELETE /api/orders/7", Some("order:read"), 403),
        ("POST /internal/settle", None, 401),
        ("POST /internal/settle", Some("order:settle"), 200),
        ("PUT /api/orders", Some("order:write"), 405),
        ("PUT /api/orders", None, 405),
        ("GET /api/nothing", None, 404),
    ];
    for (request_line, scope, expected) in table {
        assert_eq!(service.status(request_line, scope).await, expected, "{request_line} {scope:?}");
    }
    let allow = service.ask("PUT /api/orders", None, "").await;
    let mut methods: Vec<_> = allow.header("allow").unwrap().split(", ").collect();
    methods.sort_unstable();
    assert_eq!(methods, ["GET", "POST"]);
}

/// What a stranger sends is not even read.
#[actix_web::test]
async fn who_may_not_use_a_route_does_not_reach_its_arguments() {
    let service = Service::start(good);
    let answer = service.ask("POST /api/orders", None, "not json").await;
    assert_eq!((answer.status, &answer.json()["errorCode"]), (401, &"A001".into()));
    let answer = service.ask("POST /api/orders", Some("order:write"), "not json").await;
    assert_eq!((answer.status, &answer.json()["errorCode"]), (400, &"C002".into()));
}

#[actix_web::test]
async fn who_may_not_use_a_route_does_not_start_its_handler() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let service = Service::start(move || {
        let count = Arc::clone(&count);
        let handler = move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready("done")
        };
        Routes::new().post("/pay", handler).session().scope("pay")
    });
    for (scope, status, runs) in [(None, 401, 0), (Some(""), 403, 0), (Some("pay"), 200, 1)] {
        assert_eq!(service.status("POST /pay", scope).await, status);
        assert_eq!(started.load(Ordering::SeqCst), runs, "{scope:?}");
    }
}

#[actix_web::test]
async fn of_two_paths_that_fit_the_one_that_was_declared_first_answers() {
    let service = Service::start(|| {
        let routes = Routes::new().get("/orders/new", async || "new").public();
        let routes = routes.get("/orders/{id}", async || "one").public();
        let routes = routes.post("/orders/new", async || "made").public();
        let routes = routes.get("/users/me", async || "me").public();
        routes.get("/users/{id}", async || "user").public()
    });
    for (request_line, body) in [
        ("GET /orders/new", "new"),
        ("POST /orders/new", "made"),
        ("GET /orders/7", "one"),
        ("GET /users/me", "me"),
        ("GET /users/7", "user"),
    ] {
        assert_eq!(service.ask(request_line, None, "").await.body, body, "{request_line}");
    }
}

#[actix_web::test]
async fn the_data_of_a_path_is_for_that_path() {
    let routes = || {
        let echo = async |body: actix_web::web::Json<String>| body.into_inner();
        good().post("/large", echo).session()
    };
    let service = Service::start(routes);
    let body = format!("\"{}\"", "x".repeat(100));
    assert_eq!(service.ask("POST /api/orders", Some("order:write"), &body).await.status, 413);
    assert_eq!(service.ask("POST /large", Some(""), &body).await.status, 200);
}

/// Who puts an app together by himself may leave out the audit; nobody gets in by that.
#[actix_web::test]
async fn a_route_without_a_policy_lets_nobody_in() {
    let service = Service::start(|| {
        Routes::new().unaudited(|app| Routes::new().get("/forgotten", fine).configure(app))
    });
    assert_eq!(service.status("GET /forgotten", None).await, 500);
    assert_eq!(service.status("GET /forgotten", Some("order:read")).await, 500);
}
