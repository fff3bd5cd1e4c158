//! A stand-in for order-service that settles each order after a millisecond, and the plain calls that the runner is held
//! against.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use futures_util::future::try_join_all;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use shared::client::http::HttpClient;

use super::CONCURRENCY;
use super::job::{body, path};
use crate::harness::Failure;
use crate::process::READY;

/// How long order-service takes.
const SETTLING: Duration = Duration::from_millis(1);

async fn settle() -> web::Json<Value> {
    tokio::time::sleep(SETTLING).await;
    web::Json(json!({"data": {"status": "SETTLED"}}))
}

/// Serves until it is killed. It does not look at the token.
pub async fn serve(port: u16) -> Result<(), Failure> {
    let app = || App::new().route("/api/orders/{id}/settle", web::post().to(settle));
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run();
    println!("{READY}");
    Ok(server.await?)
}

/// Calls by bare reqwest, with a header that never changes.
#[derive(Clone)]
pub struct Plain {
    pub http: HttpClient,
    pub url: String,
    pub header: HeaderValue,
}

impl Plain {
    /// So many, as many of them at once as the runner has.
    pub async fn calls(&self, count: u32) -> Result<(), Failure> {
        let next = Arc::new(AtomicU32::new(0));
        let start = |_| tokio::spawn(self.clone().call_until((Arc::clone(&next), count)));
        for ended in try_join_all((0..CONCURRENCY).map(start)).await? {
            ended?;
        }
        Ok(())
    }

    async fn call_until(self, (next, count): (Arc<AtomicU32>, u32)) -> Result<(), reqwest::Error> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            let url = format!("{}{}", self.url, path(&format!("{number:032x}")));
            let call = self.http.post(url).header("authorization", self.header.clone());
            let call = call.header("idempotency-key", format!("{number:064x}")).json(&body());
            let _: Value = call.send().await?.error_for_status()?.json().await?;
        }
    }
}
