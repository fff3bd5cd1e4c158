//! [`TokenCache`]: keeps tokens, one per session and target, and renews them before they expire.

mod entry;
mod exposition;
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
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};

use crate::client::token_source::{IssuedToken, TokenFetchError, TokenRequest, TokenSource};
use crate::clock::Clock;
use crate::token::AccessToken;
use entry::{Entry, FetchResult, Flight, Held, State};
use gate::{Gate, Passage};
use launch::{Landing, prepare_fetch};
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
/// After this a source has failed, whatever it still does: it must not keep its place in the line for ever.
const FETCH_LIMIT: Duration = Duration::from_secs(30);

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

/// What a look-up has led to.
enum Step {
    Held(Arc<Held>),
    Failed(TokenFetchError),
    /// The fetch for this key.
    Wait(Flight),
    /// The fetch that finds out whether the source is back; then look again.
    WaitFor(Flight),
}

/// Taken before the source is asked.
#[derive(Clone, Copy)]
struct Asked {
    at: Duration,
    proof: u64,
}

impl Inner {
    /// The path of nearly every call: no lock that excludes another reader, nothing allocated.
    fn held(self: &Arc<Self>, request: &TokenRequest) -> Option<HeaderValue> {
        let now = self.clock.monotonic();
        let (header, due) = self.entries.serve(request, now)?;
        // Outside of a runtime nothing can be done in the background.
        if due
            && Handle::try_current().is_ok()
            && let Ok(permit) = Arc::clone(&self.renewals).try_acquire_owned()
        {
            self.renew(request, permit);
        }
        Some(header)
    }

    async fn wait(self: &Arc<Self>, request: &TokenRequest) -> FetchResult {
        loop {
            match self.step(request) {
                Step::Held(held) => return Ok(held),
                Step::Failed(error) => return Err(error),
                Step::WaitFor(flight) => drop(flight.await),
                Step::Wait(flight) => {
                    let held = flight.await?;
                    // Between its arrival and this moment it may have expired.
                    if held.single_use || held.is_good_at(self.clock.monotonic()) {
                        return Ok(held);
                    }
                }
            }
        }
    }

    fn step(self: &Arc<Self>, request: &TokenRequest) -> Step {
        loop {
            let now = self.clock.monotonic();
            let entry = self.entries.find_or_insert(request, now);
            let mut state = entry.state();
            if state.evicted {
                continue;
            }
            if let Some(held) = entry.good_at(now) {
                return Step::Held(held);
            }
            if let Some(flight) = &state.flight {
                return Step::Wait(flight.clone());
            }
            if let Some(error) = state.paused_at(now) {
                return Step::Failed(error);
            }
            let launch = |landing| prepare_fetch(landing, request.clone());
            let (passage, launch) = self.pass(&entry, &mut state, launch);
            drop(state);
            if let Some(launch) = launch {
                launch.go();
            }
            return match passage {
                Passage::Closed(error) => Step::Failed(error),
                Passage::Behind(flight) => Step::WaitFor(flight),
                Passage::Fetching(flight) => Step::Wait(flight),
            };
        }
    }

    /// Prepares a fetch, if the source may be asked now. It has to be let go when all locks have been released.
    fn pass<L>(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        state: &mut State,
        prepare: impl FnOnce(Landing) -> (L, Flight),
    ) -> (Passage, Option<L>) {
        let mut launch = None;
        let start = |probe| {
            let (inner, entry) = (Arc::clone(self), Arc::clone(entry));
            let (prepared, flight) = prepare(Landing { inner, entry, probe, renewal: None });
            launch = Some(prepared);
            flight
        };
        let passage = self.gate.pass(self.clock.monotonic(), start);
        if let Passage::Fetching(flight) = &passage {
            state.flight = Some(flight.clone());
            self.upkeep.start(self);
        }
        (passage, launch)
    }

    /// Renews a token that is held and due, in the background. One that was exchanged is not: it mostly ends when its
    /// subject does, and then there is nothing to renew it with.
    fn renew(self: &Arc<Self>, request: &TokenRequest, permit: OwnedSemaphorePermit) {
        if request.subject().is_some() {
            return;
        }
        let Some(entry) = self.entries.find(request) else { return };
        let now = self.clock.monotonic();
        let mut state = entry.state();
        let due = entry.good_at(now).is_some_and(|held| now >= held.renew_at);
        let idle = !state.evicted && state.flight.is_none() && state.paused_at(now).is_none();
        if due && idle {
            let launch = |mut landing: Landing| {
                landing.renewal = Some(permit);
                prepare_fetch(landing, request.clone())
            };
            let (_, launch) = self.pass(&entry, &mut state, launch);
            drop(state);
            if let Some(launch) = launch {
                launch.go();
            }
        }
    }

    async fn fetch(&self, landing: &Landing, request: &TokenRequest) -> FetchResult {
        // The semaphore is never closed.
        let _place = self.fetches.acquire().await;
        if !landing.probe
            && let Some(error) = self.gate.turned_away()
        {
            return Err(error);
        }
        let asked = Asked { at: self.clock.monotonic(), proof: self.source.proof_version() };
        let answer = tokio::time::timeout(FETCH_LIMIT, self.source.fetch(request)).await;
        let late = TokenFetchError::Unavailable {
            cause: format!("no answer within {FETCH_LIMIT:?}"),
            retry_after: None,
        };
        self.keep(&landing.entry, asked, answer.unwrap_or(Err(late)))
    }

    fn keep(
        &self,
        entry: &Entry,
        asked: Asked,
        answer: Result<IssuedToken, TokenFetchError>,
    ) -> FetchResult {
        let result = self.settle(entry, asked, answer);
        let now = self.clock.monotonic();
        match &result {
            Ok(held) => {
                debug!(ttl_s = (held.expires_at - asked.at).as_secs(), "fetched a token");
                self.gate.answered(now);
            }
            Err(error) => {
                self.gate.failed(now, error, asked.proof);
                warn!(cause = %error, "could not fetch a token");
            }
        }
        result
    }

    /// What one answer means for its key.
    fn settle(
        &self,
        entry: &Entry,
        asked: Asked,
        answer: Result<IssuedToken, TokenFetchError>,
    ) -> FetchResult {
        let now = self.clock.monotonic();
        let mut state = entry.state();
        match answer.and_then(|issued| Held::new(&issued, asked.at, now)) {
            Ok(held) => {
                self.metrics.fetched(now - asked.at);
                Ok(state.keep(entry, held))
            }
            Err(error) => {
                self.metrics.failed(&error, now - asked.at);
                state.pause_after(now, &error);
                Err(error)
            }
        }
    }

    fn reject(&self, request: &TokenRequest, rejected: &str) -> bool {
        let Some(entry) = self.entries.find(request) else { return true };
        let dropped = entry.state().reject(&entry, rejected, self.clock.monotonic());
        if dropped == Some(true) {
            self.metrics.rejected();
        }
        dropped.unwrap_or(true)
    }

    fn last_failure(&self, request: &TokenRequest) -> Option<TokenFetchError> {
        self.entries.find(request)?.state().last_failure()
    }

    fn too_late(&self, request: &TokenRequest, waited: Duration) -> TokenFetchError {
        let last = self.last_failure(request).or_else(|| self.gate.last_failure());
        TokenFetchError::Deadline { waited, last: last.map(Box::new) }
    }
}
