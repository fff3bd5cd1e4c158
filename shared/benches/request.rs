//! What the middleware and the guard cost a request, without a network; and a gateway its envelope.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot prepare its case has failed")]

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, web};
use divan::{Bencher, black_box};
use shared::gateway::GatewayEnvelope;
use shared::testing::TestIssuer;
use shared::{Algorithm, Routes, Secret, Session, SessionMiddleware, SystemClock};

const AUDIENCE: &str = "order-service";

fn main() {
    divan::main();
}

async fn show_order() -> web::Json<u64> {
    web::Json(4711)
}

fn session() -> Session {
    Session::parse(r#"{"companyId":100,"userId":200,"roles":["clerk"]}"#).unwrap()
}

fn issuer() -> TestIssuer {
    TestIssuer::new(Algorithm::Es256, SystemClock::shared()).unwrap()
}

fn bearer(issuer: &TestIssuer) -> String {
    let claims = issuer.claims(AUDIENCE, "order:read".parse().unwrap(), Some(session()));
    let token = issuer.sign(&claims).unwrap();
    format!("Bearer {}", token.expose())
}

#[divan::bench(min_time = 0.5)]
fn without_middleware(bencher: Bencher) {
    let (system, issuer) = (System::new(), issuer());
    let app = App::new().route("/order", web::get().to(show_order));
    let app = system.block_on(init_service(app));
    let request = request(&issuer);
    measure(bencher, (&system, &app), || request().to_request());
}

#[divan::bench(min_time = 0.5)]
fn with_middleware_and_guard(bencher: Bencher) {
    let (system, issuer) = (System::new(), issuer());
    let app = App::new()
        .wrap(SessionMiddleware::new(issuer.verifier(AUDIENCE).unwrap()))
        .configure(|app| Routes::new().get("/order", show_order).session().configure(app));
    let app = system.block_on(init_service(app));
    let request = request(&issuer);
    measure(bencher, (&system, &app), || request().to_request());
}

/// All with the same token: what is measured is the way of nearly every request.
fn request(issuer: &TestIssuer) -> impl Fn() -> TestRequest {
    let bearer = bearer(issuer);
    move || TestRequest::get().uri("/order").insert_header((AUTHORIZATION, bearer.as_str()))
}

fn measure<S, B, R>(bencher: Bencher, (system, app): (&SystemRunner, &S), request: impl Fn() -> R)
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
{
    bencher.with_inputs(request).bench_local_values(|request| {
        let answer = system.block_on(app.call(black_box(request))).unwrap();
        assert!(answer.status().is_success());
    });
}

#[divan::bench(min_time = 0.5)]
fn seal_envelope(bencher: Bencher) {
    let key = Secret::new("0123456789abcdef0123456789abcdef");
    let (gateway, session) =
        (GatewayEnvelope::new(AUDIENCE, &key, SystemClock::shared()), session());
    bencher.bench(|| gateway.seal(black_box(&session), ("GET", "/order")));
}
