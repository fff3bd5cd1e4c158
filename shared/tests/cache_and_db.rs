//! The cache and the database: the same tests on the embedded one and, where the environment names them, on Redis
//! and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "cache_and_db/cache.rs"]
mod cache;
#[path = "cache_and_db/db.rs"]
mod db;
#[path = "cache_and_db/frozen.rs"]
mod frozen;
#[path = "cache_and_db/idempotency.rs"]
mod idempotency;
#[path = "cache_and_db/migrations.rs"]
mod migrations;
#[path = "cache_and_db/tenancy.rs"]
mod tenancy;

use std::net::SocketAddr;
use std::time::Duration;

use shared::{Clock, SystemClock};
use tokio::net::TcpListener;

/// Where `tests/run` has started a server; none when the tests run by themselves.
#[expect(
    clippy::disallowed_methods,
    reason = "the address of a server that a test may use is no setting of ours"
)]
fn server_at(variable: &str) -> Option<String> {
    let address = std::env::var(variable).ok();
    if address.is_none() {
        eprintln!("{variable} is not set: the embedded one alone was tested");
    }
    address
}

/// An address at which nothing listens.
fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An address at which somebody takes connections and never says a word.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

/// What the work gives, if it takes no longer than this.
async fn within<T>(longest: Duration, work: impl Future<Output = T>) -> T {
    let clock = SystemClock::new();
    let result = work.await;
    let took = clock.monotonic();
    assert!(took <= longest, "took {took:?}");
    result
}
