//! [`TokenCache`]: keeps tokens, one per session and target, and renews them before they expire.

mod entry;
mod exposition;
mod fetching;
mod gate;
mod launch;
mod metrics;
mod prefetch;
mod shards;
mod upkeep;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use reqwest::header::HeaderValue;
use tokio::sync::Semaphore;

use crate::client::token_source::{
    HandOffRequest, Handoff, TokenFetchError, TokenRequest, TokenSource,
};
use crate::clock::Clock;
use crate::token::AccessToken;
use gate::Gate;
pub(crate) use metrics::Metrics;
pub use metrics::TokenCounts;
pub use prefetch::Prefetched;
use shards::Shards;
use upkeep::Upkeep;

/// What a cache holds unless told otherwise.
const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
/// Fetches under way at once. Those who come later wait in line, and turn back when the source turns out to be away:
/// ten thousand sessions that wake up at once must not knock ten thousand times.
const MAX_FETCHES: usize = 64;
/// Of these, renewals that nobody waits for.
const MAX_RENEWALS: usize = 16;

/// How much a [`TokenCache`] holds, and how often it looks after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// The most tokens that are kept; the least recently used goes first. Default 10,000.
    pub capacity: NonZeroUsize,
    /// How often tokens in use are looked at, whether they are to be renewed. Default 1 s.
    pub upkeep_every: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { capacity: CAPACITY, upkeep_every: Duration::from_secs(1) }
    }
}

/// Keeps tokens of a [`TokenSource`] in memory, each under audience, scopes and session.
///
/// - Per key there is at most one fetch under way; whoever needs the token meanwhile waits for its result, each with
///   its own deadline, and one who gives up does not cancel it for the others.
/// - A token in use is renewed in the background shortly before its end, at a random moment, while it is still served;
///   an expired one never is.
/// - A failed fetch is remembered for a short while. When the source itself is away (five failures in a row, or a
///   `Retry-After`), it is left alone for all keys, and then asked by one of them first.
/// - Least recently used tokens go when there is no room, and those that nobody uses any more when they have expired.
#[derive(Clone)]
pub struct TokenCache {
    inner: Arc<Inner>,
}

struct Inner {
    source: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    entries: Shards,
    gate: Gate,
    fetches: Semaphore,
    renewals: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    upkeep: Upkeep,
}

impl TokenCache {
    /// A cache of this source's tokens.
    #[must_use]
    pub fn new(source: Arc<dyn TokenSource>, clock: Arc<dyn Clock>) -> Self {
        Self::with_settings(source, clock, CacheSettings::default())
    }

    /// A cache that holds so many tokens.
    #[must_use]
    pub fn with_capacity(
        source: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
        capacity: NonZeroUsize,
    ) -> Self {
        Self::with_settings(source, clock, CacheSettings { capacity, ..CacheSettings::default() })
    }

    /// A cache with these settings.
    #[must_use]
    pub fn with_settings(
        source: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
        settings: CacheSettings,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let inner = Inner {
            entries: Shards::new(settings.capacity, Arc::clone(&metrics)),
            gate: Gate::new(Arc::clone(&source)),
            fetches: Semaphore::new(MAX_FETCHES),
            renewals: Arc::new(Semaphore::new(MAX_RENEWALS)),
            upkeep: Upkeep::new(settings.upkeep_every),
            source,
            clock,
            metrics,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A token for this request: held, or fetched within `deadline`.
    ///
    /// # Errors
    /// A [`TokenFetchError`] that says why there is none.
    pub async fn token(
        &self,
        request: &TokenRequest,
        deadline: Duration,
    ) -> Result<AccessToken, TokenFetchError> {
        let header = self.authorization(request, deadline).await?;
        Ok(AccessToken::new(entry::token_in(&header).to_owned()))
    }

    /// The same as the value of an `Authorization` header, ready to be sent and marked as sensitive.
    ///
    /// # Errors
    /// As [`TokenCache::token`].
    pub async fn authorization(
        &self,
        request: &TokenRequest,
        deadline: Duration,
    ) -> Result<HeaderValue, TokenFetchError> {
        if let Some(header) = self.inner.held(request) {
            return Ok(header);
        }
        // In a box: what is rare must not make the future of every call larger.
        Box::pin(self.wait(request, deadline)).await
    }

    async fn wait(
        &self,
        request: &TokenRequest,
        deadline: Duration,
    ) -> Result<HeaderValue, TokenFetchError> {
        let _waiting = self.inner.metrics.wait();
        let held = tokio::time::timeout(deadline, self.inner.wait(request)).await;
        match held {
            Ok(held) => Ok(held?.header.clone()),
            Err(_) => Err(self.inner.too_late(request, deadline)),
        }
    }

    /// Hands on the session of a token that this client has received; nothing of it is kept here.
    ///
    /// # Errors
    /// As [`TokenSource::hand_off`].
    pub async fn hand_off(&self, request: &HandOffRequest) -> Result<Handoff, TokenFetchError> {
        self.inner.source.hand_off(request).await
    }

    /// Ends what was handed on. A token of it that is held here is refused by the services from then on.
    ///
    /// # Errors
    /// As [`TokenSource::end_handoff`].
    pub async fn end_handoff(&self, id: &str) -> Result<(), TokenFetchError> {
        self.inner.source.end_handoff(id).await
    }

    /// Drops the token that a service has rejected, and says whether another one may be had: then the call may be
    /// repeated with it. A late 401 for an older token does not throw away its successor; and when the successor of
    /// a rejected token is rejected within 10 s, too, it stays: a service that refuses every token must not make each
    /// call fetch one.
    pub fn reject(&self, request: &TokenRequest, rejected: &AccessToken) -> bool {
        self.inner.reject(request, rejected.expose())
    }

    pub(crate) fn reject_header(&self, request: &TokenRequest, rejected: &HeaderValue) -> bool {
        self.inner.reject(request, entry::token_in(rejected))
    }

    /// Why the last fetch for this request failed, if none has succeeded since.
    pub(crate) fn last_failure(&self, request: &TokenRequest) -> Option<TokenFetchError> {
        self.inner.last_failure(request)
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> TokenCounts {
        self.inner.metrics.counts()
    }

    /// Shows the numbers of this cache, and of the calls made with its tokens, among the metrics of `registry`.
    ///
    /// # Errors
    /// When the registry has those of another cache already: give each a prefix of its own
    /// ([`Registry::new_custom`]).
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Arc::clone(&self.inner.metrics).collector()?)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenCache({:?})", self.counts())
    }
}
