//! [`RemoteKeys`]: an issuer's published keys, fetched over HTTP and kept.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tracing::{info, warn};
use url::Url;

use crate::client::http::{Timeouts, capped_body, describe, http_client};
use crate::clock::{Clock, SystemClock};
use crate::token::key_set::{KeySet, KeySource, KeysUnavailable, VerifyingKey};
use crate::token::verifier::{Expectation, TokenVerifier};

/// After this time the keys are fetched again in the background.
const MAX_AGE: Duration = Duration::from_secs(300);
/// The shortest time between two fetches, however many unknown key ids arrive.
const COOLDOWN: Duration = Duration::from_secs(10);
/// The same while there are no keys at all: nothing can be verified, so we ask sooner.
const COOLDOWN_WITHOUT_KEYS: Duration = Duration::from_secs(1);
/// How long a fetch may take, from connecting to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that we read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The keys that an issuer publishes at its JWKS URL.
///
/// The last good set stays in use while the issuer is away, slow or answers nonsense; it is never replaced by
/// an empty one. A key id that is not in it leads to a fetch, but to one in 10 seconds at the most.
#[derive(Clone)]
pub struct RemoteKeys {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    url: Url,
    clock: Arc<dyn Clock>,
    current: RwLock<Current>,
    /// Held across a fetch, so that callers who arrive meanwhile wait for its result.
    fetching: Arc<Mutex<()>>,
}

#[derive(Clone, Default)]
struct Current {
    keys: Option<Arc<KeySet>>,
    /// When the last fetch ended, by the monotonic clock.
    asked: Option<Duration>,
    /// Why the last fetch failed.
    failure: Option<String>,
}

/// The verifier cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RemoteKeysError {
    /// Not an HTTP URL.
    #[error("`{0}` is not an HTTP URL")]
    Url(String),
    /// No token can be as expected.
    #[error("the issuer is empty, or the longest lifetime of a token is not above 0")]
    NothingToExpect,
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

impl RemoteKeys {
    /// Keys at `url`. Nothing is fetched before the first token asks for a key.
    #[must_use]
    pub fn new(http: reqwest::Client, url: Url, clock: Arc<dyn Clock>) -> Self {
        let current = RwLock::new(Current::default());
        Self { inner: Arc::new(Inner { http, url, clock, current, fetching: Arc::default() }) }
    }

    /// A verifier for the service called `audience` that trusts this issuer, with the keys at `jwks_url`.
    ///
    /// # Errors
    /// When the URL is none, or the HTTP client cannot be made.
    pub fn verifier(
        jwks_url: &str,
        expectation: Expectation,
    ) -> Result<(TokenVerifier, Self), RemoteKeysError> {
        let url: Url = jwks_url.parse().map_err(|_| RemoteKeysError::Url(jwks_url.to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RemoteKeysError::Url(jwks_url.to_owned()));
        }
        if expectation.issuer.is_empty() || expectation.max_lifetime_s <= 0 {
            return Err(RemoteKeysError::NothingToExpect);
        }
        let clock = SystemClock::shared();
        let keys = Self::new(http_client(Timeouts::default())?, url, Arc::clone(&clock));
        Ok((TokenVerifier::new(Arc::new(keys.clone()), expectation, clock), keys))
    }

    /// Says whether there are keys; as long as there are none, fetches them, if that was not tried just before.
    ///
    /// # Errors
    /// [`KeysUnavailable`] while no set has ever been had.
    pub async fn warm_up(&self) -> Result<(), KeysUnavailable> {
        if self.inner.current().keys.is_none() {
            self.inner.refresh().await;
        }
        let current = self.inner.current();
        match current.keys {
            Some(_) => Ok(()),
            None => Err(KeysUnavailable(current.failure.unwrap_or_default())),
        }
    }
}

impl Inner {
    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn may_fetch(&self, current: &Current) -> bool {
        let pause = if current.keys.is_some() { COOLDOWN } else { COOLDOWN_WITHOUT_KEYS };
        current.asked.is_none_or(|asked| self.clock.monotonic().saturating_sub(asked) >= pause)
    }

    /// The fetch runs in a task of its own: whoever gives up waiting does not cancel it for the others.
    async fn refresh(self: &Arc<Self>) {
        let alone = Arc::clone(&self.fetching).lock_owned().await;
        if !self.may_fetch(&self.current()) {
            return;
        }
        let inner = Arc::clone(self);
        let fetch = tokio::spawn(async move {
            inner.fetch_and_keep().await;
            drop(alone);
        });
        // What came of it is in `current`, also when the task was cut off.
        let _ = fetch.await;
    }

    async fn fetch_and_keep(&self) {
        let fetched = self.fetch().await;
        match &fetched {
            Ok(_) => info!(jwks.url = %self.url, "fetched the issuer's keys"),
            Err(cause) => {
                warn!(jwks.url = %self.url, cause, "could not fetch the issuer's keys; the last good ones stay");
            }
        }
        self.change(|current| {
            // At the end: a slow fetch must not use up the pause, or all who waited would fetch one after the other.
            current.asked = Some(self.clock.monotonic());
            match fetched {
                Ok(keys) => (current.keys, current.failure) = (Some(Arc::new(keys)), None),
                Err(cause) => current.failure = Some(cause),
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Current)) {
        change(&mut self.current.write().unwrap_or_else(PoisonError::into_inner));
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        let request = self.http.get(self.url.clone()).timeout(FETCH_TIMEOUT);
        let response = request.send().await.map_err(|error| describe(&error))?;
        if !response.status().is_success() {
            return Err(format!("the issuer answered {}", response.status()));
        }
        let body = capped_body(response, MAX_ANSWER_BYTES).await;
        let body = body.map_err(|error| error.to_string())?;
        KeySet::parse(&body).map_err(|error| error.to_string())
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    fn find_now(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        let current = self.inner.current.read().unwrap_or_else(PoisonError::into_inner);
        let asked = current.asked?;
        let old = self.inner.clock.monotonic().saturating_sub(asked) > MAX_AGE;
        if old && self.inner.may_fetch(&current) && self.inner.fetching.try_lock().is_ok() {
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move { inner.refresh().await });
        }
        current.keys.as_ref()?.find(kid)
    }

    async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysUnavailable> {
        self.inner.refresh().await;
        let current = self.inner.current();
        match current.keys {
            Some(keys) => Ok(keys.find(kid)),
            None => Err(KeysUnavailable(current.failure.unwrap_or_default())),
        }
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RemoteKeys({})", self.inner.url)
    }
}
