//! A runtime that ends, and no runtime at all: nobody hangs because of it.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use shared::client::token_cache::TokenCache;
use shared::client::token_source::{IssuedToken, TokenFetchError, TokenRequest, TokenSource};
use shared::testing::StoppedClock;
use shared::{AccessToken, SystemClock};
use tokio::runtime::{Builder, Runtime};

const PATIENCE: Duration = Duration::from_secs(10);

struct Ready;

#[async_trait]
impl TokenSource for Ready {
    fn identity(&self) -> Arc<str> {
        "ready".into()
    }

    async fn fetch(&self, _: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        let (token, lifetime) = (AccessToken::new("a".to_owned()), Duration::from_secs(300));
        Ok(IssuedToken { token, lifetime })
    }
}

fn request() -> TokenRequest {
    TokenRequest::new("orders", Default::default(), None)
}

/// Such a runtime drops a task in the very call that hands it over.
#[test]
fn a_runtime_that_ends_while_a_fetch_begins_still_ends() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tokens = TokenCache::new(Arc::new(Ready), SystemClock::shared());
    let (ended, ends) = channel();
    let handler_ended = ended.clone();
    runtime.spawn(async move {
        // The runtime has begun to end when this thread gets on.
        thread::sleep(Duration::from_millis(300));
        let _ = tokens.token(&request(), Duration::from_secs(1)).now_or_never();
        handler_ended.send("the handler").unwrap();
    });
    thread::sleep(Duration::from_millis(50));
    thread::spawn(move || {
        drop(runtime);
        ended.send("the runtime").unwrap();
    });
    assert_eq!(ends.recv_timeout(PATIENCE), Ok("the handler"));
    assert_eq!(ends.recv_timeout(PATIENCE), Ok("the runtime"));
}

#[test]
fn a_token_that_is_due_is_served_where_nothing_can_renew_it() {
    let clock = StoppedClock::at(1_800_000_000);
    let tokens = TokenCache::new(Arc::new(Ready), Arc::new(clock.clone()));
    let runtime = Runtime::new().unwrap();
    runtime.block_on(tokens.token(&request(), PATIENCE)).unwrap();
    clock.advance(Duration::from_secs(299));
    let (served, serves) = channel();
    thread::spawn(move || {
        let token = tokens.token(&request(), PATIENCE).now_or_never();
        served.send(token.is_some_and(|token| token.is_ok())).unwrap();
    });
    assert_eq!(serves.recv_timeout(PATIENCE), Ok(true));
}
