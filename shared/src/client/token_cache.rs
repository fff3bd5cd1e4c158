//! [`TokenCache`]: keeps tokens, one per session and target, and renews them before they expire.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use lru::LruCache;
use tracing::{debug, warn};

use crate::client::token_source::{IssuedToken, TokenFetchError, TokenRequest, TokenSource};
use crate::clock::Clock;
use crate::token::AccessToken;

/// The most tokens that are kept; the least recently used goes first.
const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
/// A token is renewed this long before it expires, or a fifth of its lifetime before, whichever is less.
const RENEWAL_MARGIN: Duration = Duration::from_secs(30);
/// No token is kept longer, whatever the server says.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3600);
/// After a failed fetch the next one waits: this long at first, doubled at each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest such wait, unless the server asks for more by `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What tells two tokens apart. Without the session in it, one caller would get another's token.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// Endpoint, client and fingerprint of its secret.
    source: Arc<str>,
    audience: String,
    /// Sorted, since it comes from a set.
    scope: String,
    /// Canonical: two texts of one session are one key.
    session: Option<String>,
}

type FetchResult = Result<AccessToken, TokenFetchError>;
type Flight = Shared<BoxFuture<'static, FetchResult>>;

#[derive(Default)]
struct Entry {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// The one fetch under way, which all who wait share.
    flight: Option<Flight>,
    failures: u32,
    /// Before this time nothing is fetched; whoever needs a token gets the last error.
    pause: Option<(Duration, TokenFetchError)>,
}

#[derive(Clone)]
struct Held {
    token: AccessToken,
    /// By the monotonic clock: a machine whose wall clock is set does not keep dead tokens.
    renew_at: Duration,
    expires_at: Duration,
}

/// Counts since the cache was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Tokens fetched.
    pub fetched: u64,
    /// Fetches that failed.
    pub failed: u64,
    /// Requests answered with a token that was held.
    pub hits: u64,
    /// Requests that waited for a fetch.
    pub waits: u64,
}

#[derive(Default)]
struct Counters {
    fetched: AtomicU64,
    failed: AtomicU64,
    hits: AtomicU64,
    waits: AtomicU64,
}

/// Keeps tokens of a [`TokenSource`] in memory.
///
/// Per key there is at most one fetch under way; whoever needs the token meanwhile waits for its result, each with
/// its own deadline, and one who gives up does not cancel it for the others. A token near its end is renewed in the
/// background while it is still served; an expired one never is.
#[derive(Clone)]
pub struct TokenCache {
    inner: Arc<Inner>,
}

struct Inner {
    source: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    entries: Mutex<LruCache<Key, Arc<Entry>>>,
    counters: Counters,
}

impl TokenCache {
    /// A cache of this source's tokens.
    #[must_use]
    pub fn new(source: Arc<dyn TokenSource>, clock: Arc<dyn Clock>) -> Self {
        let entries = Mutex::new(LruCache::new(CAPACITY));
        let counters = Counters::default();
        Self { inner: Arc::new(Inner { source, clock, entries, counters }) }
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
        let entry = self.inner.entry(request);
        let flight = match self.inner.held_or_flight(&entry, request)? {
            Ok(token) => return Ok(token),
            Err(flight) => flight,
        };
        tokio::time::timeout(deadline, flight)
            .await
            .unwrap_or_else(|_| Err(TokenFetchError::Deadline(deadline)))
    }

    /// Drops the token that a service has rejected, if it is still the one held: a late 401 for an older
    /// token does not throw away its successor.
    pub fn reject(&self, request: &TokenRequest, rejected: &AccessToken) {
        let entry = self.inner.entry(request);
        let mut state = lock(&entry.state);
        if state.held.as_ref().is_some_and(|held| held.token == *rejected) {
            state.held = None;
        }
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> TokenCounts {
        let counters = &self.inner.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TokenCounts {
            fetched: count(&counters.fetched),
            failed: count(&counters.failed),
            hits: count(&counters.hits),
            waits: count(&counters.waits),
        }
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenCache({:?})", self.counts())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn entry(&self, request: &TokenRequest) -> Arc<Entry> {
        let key = Key {
            source: self.source.identity(),
            audience: request.audience.clone(),
            scope: request.scope.to_string(),
            session: request.session.as_ref().map(|session| session.as_json().to_owned()),
        };
        Arc::clone(lock(&self.entries).get_or_insert(key, Arc::default))
    }

    /// Either the token that is held, or the fetch to wait for.
    fn held_or_flight(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        request: &TokenRequest,
    ) -> Result<Result<AccessToken, Flight>, TokenFetchError> {
        let now = self.clock.monotonic();
        let mut state = lock(&entry.state);
        let paused = state.pause.clone().filter(|(until, _)| now < *until);
        if let Some(held) = state.held.clone().filter(|held| now < held.expires_at) {
            if now >= held.renew_at && state.flight.is_none() && paused.is_none() {
                state.flight = Some(self.start_fetch(entry, request));
            }
            self.counters.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(Ok(held.token));
        }
        self.counters.waits.fetch_add(1, Ordering::Relaxed);
        if let Some(flight) = &state.flight {
            return Ok(Err(flight.clone()));
        }
        if let Some((_, error)) = paused {
            return Err(error);
        }
        let flight = self.start_fetch(entry, request);
        state.flight = Some(flight.clone());
        Ok(Err(flight))
    }

    /// The fetch runs in a task of its own: it ends, and its result is kept, also when nobody waits any more.
    fn start_fetch(self: &Arc<Self>, entry: &Arc<Entry>, request: &TokenRequest) -> Flight {
        let (inner, entry, request) = (Arc::clone(self), Arc::clone(entry), request.clone());
        let task = tokio::spawn(async move {
            let _landing = Landing(Arc::clone(&entry));
            let asked_at = inner.clock.monotonic();
            let result = inner.source.fetch(&request).await;
            inner.keep(&entry, asked_at, result)
        });
        let gone = |_| Err(TokenFetchError::Nonsense("the fetch was cut off".to_owned()));
        async move { task.await.unwrap_or_else(gone) }.boxed().shared()
    }

    fn keep(
        &self,
        entry: &Entry,
        asked_at: Duration,
        result: Result<IssuedToken, TokenFetchError>,
    ) -> FetchResult {
        let mut state = lock(&entry.state);
        match result {
            Ok(issued) => {
                self.counters.fetched.fetch_add(1, Ordering::Relaxed);
                debug!(ttl_s = issued.lifetime.as_secs(), "fetched a token");
                (state.failures, state.pause) = (0, None);
                state.held = Some(held(&issued, asked_at));
                Ok(issued.token)
            }
            Err(error) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                let pause = pause_after(state.failures, &error);
                warn!(cause = %error, pause_ms = pause.as_millis(), "could not fetch a token");
                state.failures = state.failures.saturating_add(1);
                state.pause = Some((self.clock.monotonic() + pause, error.clone()));
                Err(error)
            }
        }
    }
}

/// Ends the flight with its task, however that ends: a source that panics must not fail its callers for ever.
struct Landing(Arc<Entry>);

impl Drop for Landing {
    fn drop(&mut self) {
        lock(&self.0.state).flight = None;
    }
}

/// The lifetime counts from when the token was asked for: it may have been on its way for a while.
fn held(issued: &IssuedToken, asked_at: Duration) -> Held {
    let lifetime = issued.lifetime.min(LONGEST_LIFETIME);
    let margin = RENEWAL_MARGIN.min(lifetime / 5);
    Held {
        token: issued.token.clone(),
        renew_at: asked_at + lifetime - margin,
        expires_at: asked_at + lifetime,
    }
}

fn pause_after(failures: u32, error: &TokenFetchError) -> Duration {
    let growing = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    match error {
        TokenFetchError::Unavailable { retry_after: Some(asked), .. } => growing.max(*asked),
        _ => growing,
    }
}
