//! Tokens without an authorization server, and the sessions they are for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use shared::client::token_cache::TokenCache;
use shared::client::token_source::{IssuedToken, TokenFetchError, TokenRequest, TokenSource};
use shared::{AccessToken, Session};

use crate::harness::Failure;

/// As long as a token with a session of some roles is.
const TOKEN_BYTES: usize = 900;
/// So long that nothing is renewed while we measure.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Whom the tokens are for.
pub const AUDIENCE: &str = "order-service";
/// What they are to be used for.
pub const SCOPE: &str = "order:read";

/// Hands out tokens at once, and counts them.
#[derive(Default)]
pub struct Source {
    calls: AtomicU64,
}

impl Source {
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TokenSource for Source {
    fn identity(&self) -> Arc<str> {
        "in this process".into()
    }

    async fn fetch(&self, _: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let token = AccessToken::new(format!("{number:0>TOKEN_BYTES$}"));
        Ok(IssuedToken { token, lifetime: LIFETIME })
    }
}

/// One of many sessions.
pub fn session(number: usize) -> Result<Session, Failure> {
    let user = number + 1;
    let json = format!(r#"{{"companyId":100,"userId":{user},"roles":["clerk"]}}"#);
    Ok(Session::parse(&json)?)
}

/// What a service asks for on behalf of so many sessions.
pub fn requests(count: usize) -> Result<Vec<TokenRequest>, Failure> {
    let request = TokenRequest::new(AUDIENCE, SCOPE.parse()?, None);
    (0..count).map(|number| Ok(request.for_session(Some(session(number)?)))).collect()
}

/// Fetches each token once.
pub async fn fill(tokens: &TokenCache, requests: &[TokenRequest]) -> Result<(), Failure> {
    for request in requests {
        tokens.authorization(request, Duration::MAX).await?;
    }
    Ok(())
}
