//! The issuer's key server, which counts, and the service that asks it for keys.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::{App, HttpServer, web};
use serde::Serialize;
use shared::{Expectation, Jwk, Jwks, RemoteKeys, Routes, SessionMiddleware};

use crate::harness::Failure;
use crate::process::READY;

/// Whom the tokens are for.
pub const AUDIENCE: &str = "order-service";
/// Who signs them.
pub const ISSUER: &str = "https://auth.example";
/// Where the keys are.
pub const KEYS: &str = "/jwks.json";

/// Which server.
#[derive(Clone, clap::Subcommand)]
pub enum Server {
    /// The keys of an issuer.
    Keys {
        /// The one key.
        jwk: String,
    },
    /// A route for those whose tokens are signed with one of these keys.
    Service {
        /// Where the keys are.
        jwks_url: String,
    },
}

/// Serves until it is killed.
pub async fn serve(server: &Server, port: u16) -> Result<(), Failure> {
    match server {
        Server::Keys { jwk } => serve_keys(port, serde_json::from_str(jwk)?).await,
        Server::Service { jwks_url } => serve_orders(port, jwks_url).await,
    }
}

struct Published {
    jwks: Jwks,
    fetches: AtomicU64,
}

async fn keys(published: web::Data<Published>) -> web::Json<Jwks> {
    published.fetches.fetch_add(1, Ordering::Relaxed);
    web::Json(published.jwks.clone())
}

async fn count(published: web::Data<Published>) -> String {
    published.fetches.load(Ordering::Relaxed).to_string()
}

async fn serve_keys(port: u16, jwk: Jwk) -> Result<(), Failure> {
    let jwks = Jwks { keys: vec![jwk] };
    let published = web::Data::new(Published { jwks, fetches: AtomicU64::new(0) });
    let app = move || {
        App::new()
            .app_data(published.clone())
            .route(KEYS, web::get().to(keys))
            .route("/count", web::get().to(count))
    };
    listen(HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run()).await
}

#[derive(Serialize)]
struct Order {
    id: u64,
    state: &'static str,
}

async fn show_order() -> web::Json<Order> {
    web::Json(Order { id: 4711, state: "PAID" })
}

async fn serve_orders(port: u16, jwks_url: &str) -> Result<(), Failure> {
    let (issuer, audience) = (ISSUER.to_owned(), AUDIENCE.to_owned());
    let expectation = Expectation { issuer, audience, max_lifetime_s: 3600 };
    let (verifier, _keys) = RemoteKeys::verifier(jwks_url, expectation)?;
    let app = move || {
        App::new()
            .wrap(SessionMiddleware::new(verifier.clone()))
            .configure(|app| Routes::new().get("/order", show_order).session().configure(app))
    };
    listen(HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run()).await
}

async fn listen(server: actix_web::dev::Server) -> Result<(), Failure> {
    println!("{READY}");
    Ok(server.await?)
}
