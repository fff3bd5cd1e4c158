//! The same routes in both frameworks.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use axum::Router;
use axum::routing::{any, get, post};
use shared::edge::Edge;
use shared::health::HttpMetrics;
use shared::tower::{RequireLayer, SessionLayer};
use shared::{
    Caller, Identity, MaybeSession, Policy, Routes, Session, SessionMiddleware, SessionSource,
    require_session,
};

fn greeting(caller: &MaybeSession) -> String {
    match caller {
        MaybeSession::Known(session) => format!("user {}", session.user_id()),
        MaybeSession::Anonymous => "stranger".to_owned(),
    }
}

fn shown(session: &Session) -> String {
    format!("{} loaded at {}", session.as_json(), session.do_dt().unwrap())
}

pub async fn start_actix(source: SessionSource) -> SocketAddr {
    let metrics = HttpMetrics::new().unwrap();
    let server = HttpServer::new(move || {
        App::new()
            .wrap(SessionMiddleware::new(source.clone()))
            .wrap(Edge::new(metrics.clone()))
            .configure(|app| actix_routes().configure(app))
            .service(
                web::resource("/cors")
                    .wrap(require_session().passing_preflights())
                    .route(web::route().to(async || "answered by the CORS layer")),
            )
            .service(
                web::resource("/any")
                    .wrap(require_session())
                    .route(web::route().to(async || "answers any method")),
            )
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    // It ends with the runtime of the test.
    tokio::spawn(server.run());
    address
}

#[rustfmt::skip]
fn actix_routes() -> Routes {
    Routes::new()
        .get("/public", async |caller: MaybeSession| greeting(&caller)).optional()
        .get("/orders", async |session: Session| shown(&session)).session()
        .get("/help", async || "takes no session, so the guard alone refuses").session()
        .get("/mine", async |session: Session| shown(&session)).public()
        .post("/settle", async || "settled").scope("order:settle")
        .get("/admin", async || "admin").session().role("admin")
        .post("/pay", async || "paid").session().max_staleness(Duration::from_secs(10))
        .get("/both", async || "both").session().scope("order:read").scope("order:settle")
        .get("/client", async |caller: Caller| caller.claims().client_id.clone()).public()
        .get("/headers", async |request: actix_web::HttpRequest| {
            let names = request.headers().keys().map(ToString::to_string);
            claiming(names.collect())
        }).public()
}

pub async fn start_axum(source: SessionSource) -> SocketAddr {
    let app = axum_routes().merge(axum_routes_of_scopes()).layer(SessionLayer::new(source));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn held_to(policy: Policy) -> RequireLayer {
    RequireLayer::new(policy)
}

fn axum_routes() -> Router {
    Router::new()
        .route("/public", get(async |caller: MaybeSession| greeting(&caller)))
        .route("/orders", get(async |session: Session| shown(&session)))
        .route_layer(held_to(Policy::OPTIONAL))
        .merge(
            Router::new()
                .route("/help", get(async || "takes no session, so the guard alone refuses"))
                .route("/any", any(async || "answers any method"))
                .route_layer(held_to(Policy::SESSION)),
        )
        .route(
            "/cors",
            any(async || "answered by the CORS layer")
                .layer(held_to(Policy::SESSION).passing_preflights()),
        )
        .route("/mine", get(async |session: Session| shown(&session)))
        .route(
            "/headers",
            get(async |headers: axum::http::HeaderMap| {
                claiming(headers.keys().map(ToString::to_string).collect())
            }),
        )
}

fn axum_routes_of_scopes() -> Router {
    let fresh = Policy::SESSION.max_staleness(Duration::from_secs(10));
    let both = Policy::SESSION.and_scope("order:read").and_scope("order:settle");
    Router::new()
        .route(
            "/settle",
            post(async |_: Identity| "settled").layer(held_to(Policy::scope("order:settle"))),
        )
        .route("/admin", get(async || "admin").layer(held_to(Policy::role("admin"))))
        .route("/pay", post(async || "paid").layer(held_to(fresh)))
        .route("/both", get(async || "both").layer(held_to(both)))
}

/// What a handler sees of the headers that a test sends beyond the usual ones.
fn claiming(mut names: Vec<String>) -> String {
    let usual = ["host", "connection", "accept-language", "authorization"];
    names.retain(|name| !usual.contains(&name.as_str()));
    names.sort();
    names.join(" ")
}
