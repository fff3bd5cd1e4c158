//! What it costs to get a token that is held.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot prepare its case has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use divan::{Bencher, black_box};
use futures_util::FutureExt;
use shared::client::token_cache::TokenCache;
use shared::client::token_source::{IssuedToken, TokenFetchError, TokenRequest, TokenSource};
use shared::{AccessToken, Session, SystemClock};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

struct Source;

#[async_trait]
impl TokenSource for Source {
    fn identity(&self) -> Arc<str> {
        "in this process".into()
    }

    async fn fetch(&self, _: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        let (token, lifetime) = (AccessToken::new("x".repeat(900)), Duration::from_secs(3600));
        Ok(IssuedToken { token, lifetime })
    }
}

fn request(user: usize) -> TokenRequest {
    let session = Session::parse(&format!(r#"{{"companyId":100,"userId":{user}}}"#)).unwrap();
    TokenRequest::new("order-service", "order:read".parse().unwrap(), Some(session))
}

#[divan::bench(args = [1, 10_000], threads = [1, 8], min_time = 0.5)]
fn look_up(bencher: Bencher, sessions: usize) {
    let runtime = Runtime::new().unwrap();
    let tokens = TokenCache::new(Arc::new(Source), SystemClock::shared());
    let requests: Vec<_> = (1..=sessions).map(request).collect();
    for request in &requests {
        runtime.block_on(tokens.authorization(request, Duration::MAX)).unwrap();
    }
    let next = AtomicUsize::new(0);
    let pick = || &requests[next.fetch_add(7919, Ordering::Relaxed) % sessions];
    bencher.with_inputs(pick).bench_refs(|request| {
        tokens.authorization(black_box(request), Duration::MAX).now_or_never().unwrap().unwrap()
    });
}

/// What a service does for each request that it passes on.
#[divan::bench(min_time = 0.5)]
fn prepare_request(bencher: Bencher) {
    let (request, session) = (request(1), request(2).session().cloned());
    bencher.bench(|| request.for_session(black_box(&session).clone()));
}
