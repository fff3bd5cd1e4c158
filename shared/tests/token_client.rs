//! The client side: one token per session and target, fetched once, renewed in time, and never handed to the wrong
//! caller or the wrong host. Against a token endpoint and a service that misbehave as told.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "support/fake_server.rs"]
mod fake_server;

#[path = "token_client/sharing.rs"]
mod sharing;
#[path = "token_client/failures.rs"]
mod failures;
#[path = "token_client/renewal.rs"]
mod renewal;
#[path = "token_client/calls.rs"]
mod calls;
#[path = "token_client/runtimes.rs"]
mod runtimes;
#[path = "token_client/secrets.rs"]
mod secrets;
#[path = "token_client/prefetch.rs"]
mod prefetch;
#[path = "token_client/proofs.rs"]
mod proofs;
#[path = "token_client/fake_source.rs"]
mod fake_source;
#[path = "token_client/source_away.rs"]
mod source_away;
#[path = "token_client/upkeep.rs"]
mod upkeep;
#[path = "token_client/bounds.rs"]
mod bounds;
#[path = "token_client/retries.rs"]
mod retries;
#[path = "token_client/origins.rs"]
mod origins;
#[path = "token_client/metrics.rs"]
mod metrics;
#[path = "token_client/random_walks.rs"]
mod random_walks;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::client::http::{HttpClient, Timeouts, http_client};
use shared::client::token_cache::{CacheSettings, TokenCache};
use shared::client::token_source::{ClientCredentials, TokenFetchError, TokenRequest};
use shared::testing::StoppedClock;
use shared::{Secret, Session};

use fake_server::{Asked, FakeServer, Reply};

const SECRET: &str = "s3cret";
const AUDIENCE: &str = "order-service";
/// Longer than any fetch takes; a caller who waits for it has been forgotten.
const DEADLINE: Duration = Duration::from_secs(20);

/// A token endpoint, and a cache of its tokens on a clock that stands still.
struct Bench {
    endpoint: FakeServer,
    clock: StoppedClock,
    tokens: TokenCache,
}

impl Bench {
    /// The endpoint gives out tokens that live for 300 s.
    async fn new() -> Self {
        Self::answering(issuing(json!(300))).await
    }

    async fn answering(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let endpoint = FakeServer::start(script).await;
        let clock = StoppedClock::at(1_800_000_000);
        let source = source_of(&endpoint.url("/oauth2/token"), SECRET);
        // What is fetched is what the test asks for; the upkeep has its own tests.
        let settings =
            CacheSettings { upkeep_every: Duration::from_secs(3600), ..CacheSettings::default() };
        let tokens = TokenCache::with_settings(Arc::new(source), Arc::new(clock.clone()), settings);
        Self { endpoint, clock, tokens }
    }

    async fn token(&self, request: &TokenRequest) -> Result<String, TokenFetchError> {
        self.tokens.token(request, DEADLINE).await.map(|token| token.expose().to_owned())
    }

    /// How often the endpoint has been asked, when what was begun in the background has had time to ask.
    async fn asked(&self) -> usize {
        tokio::time::sleep(Duration::from_millis(30)).await;
        self.endpoint.count()
    }

    /// Waits until the endpoint has been asked so often, and the cache has heard the answers.
    async fn fetched(&self, times: u64) {
        let heard = async {
            while self.tokens.counts().fetched + self.tokens.counts().failed < times {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(DEADLINE, heard).await.unwrap();
        assert_eq!(self.endpoint.count(), usize::try_from(times).unwrap());
    }
}

fn source_of(endpoint: &str, secret: &str) -> ClientCredentials {
    ClientCredentials::new(http(), endpoint.parse().unwrap(), "batch", &Secret::new(secret))
}

/// So short that a server that never answers does not keep the tests waiting.
fn http() -> HttpClient {
    let read = Duration::from_millis(500);
    http_client(Timeouts { read, ..Timeouts::default() }).unwrap()
}

/// An endpoint whose tokens name the session that was asked for, and their own number.
fn issuing(expires_in: Value) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let number = AtomicUsize::new(0);
    move |asked| {
        let number = number.fetch_add(1, Ordering::SeqCst) + 1;
        let session = URL_SAFE_NO_PAD.encode(field(asked, "session").unwrap_or_default());
        let mut body =
            json!({"access_token": format!("{session}.{number}"), "token_type": "Bearer"});
        if !expires_in.is_null() {
            body["expires_in"] = expires_in.clone();
        }
        Reply::json(200, body)
    }
}

/// The field of a form.
fn field(asked: &Asked, name: &str) -> Option<String> {
    let (_, body) = asked.text.split_once("\r\n\r\n")?;
    url::form_urlencoded::parse(body.as_bytes())
        .find_map(|(own, value)| (own == name).then(|| value.into_owned()))
}

/// The session that a token of [`issuing`] was asked for, and its number.
fn read(token: &str) -> (String, usize) {
    let (session, number) = token.split_once('.').unwrap();
    let session = URL_SAFE_NO_PAD.decode(session).unwrap();
    (String::from_utf8(session).unwrap(), number.parse().unwrap())
}

fn request(session: Option<&str>) -> TokenRequest {
    let session = session.map(|text| Session::parse(text).unwrap());
    TokenRequest::new(AUDIENCE, "order:read order:settle".parse().unwrap(), session)
}

fn user(number: usize) -> TokenRequest {
    request(Some(&format!(r#"{{"companyId":100,"userId":{number}}}"#)))
}
