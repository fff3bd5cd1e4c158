//! A slow token endpoint that counts, and a service with nothing to do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use serde::{Deserialize, Serialize};

use crate::harness::Failure;
use crate::process::READY;

/// Where tokens are had.
pub const TOKENS: &str = "/oauth2/token";
/// How long each takes.
const SLOW: Duration = Duration::from_secs(1);
/// More than there are callers: none has to knock twice.
const BACKLOG: u32 = 4_096;

/// What the service answers.
#[derive(Serialize, Deserialize)]
pub struct Envelope {
    data: u64,
}

#[derive(Serialize)]
struct Token {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
}

#[derive(Default)]
struct Asked(AtomicU64);

async fn issue(asked: web::Data<Asked>) -> web::Json<Token> {
    let number = asked.0.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(SLOW).await;
    let access_token = format!("{number:0>900}");
    web::Json(Token { access_token, token_type: "Bearer", expires_in: 3600 })
}

async fn count(asked: web::Data<Asked>) -> String {
    asked.0.load(Ordering::Relaxed).to_string()
}

async fn show_order() -> web::Json<Envelope> {
    web::Json(Envelope { data: 4711 })
}

/// Serves until it is killed. The service does not look at the token.
pub async fn serve(port: u16) -> Result<(), Failure> {
    let asked = web::Data::new(Asked::default());
    let app = move || {
        App::new()
            .app_data(asked.clone())
            .route(TOKENS, web::post().to(issue))
            .route("/count", web::get().to(count))
            .route("/order", web::get().to(show_order))
    };
    let server = HttpServer::new(app).workers(1).backlog(BACKLOG).bind(("127.0.0.1", port))?;
    let server = server.run();
    println!("{READY}");
    Ok(server.await?)
}
