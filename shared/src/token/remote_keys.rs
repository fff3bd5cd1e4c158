//! [`RemoteKeys`]: an issuer's published keys, fetched over HTTP and kept.
//!
//! - Who looks for a key that is there never waits: it reads the current set without a lock.
//! - The set is fetched again in the background when it is used and has grown old. `Cache-Control: max-age` (RFC 9111
//!   section 5.2.2.1) says how old; `ETag` (RFC 9110 section 8.8.3) spares the body.
//! - A key id that is not in the set leads to a fetch, but to one in 10 s at the most (in 1 s while there are no keys),
//!   and not again for an id that the issuer has just been asked for. Whoever is refused a fetch is answered at once.
//! - There is one fetch at a time; all who need its result share it, and one who gives up does not cancel it.
//! - An answer that is no good set of public keys changes nothing. While the issuer is away the last good set stays in
//!   use, but not for ever: after 24 h nothing can be said about a token any more.
//! - A snapshot on disk, if one is wanted, carries the set over a start while the issuer is away.
//! - Only the one URL is asked. Nothing in a token and no redirect leads anywhere else.

mod answer;
mod counts;
mod held;
mod pace;
mod snapshot;
mod unknown;
mod upkeep;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prometheus::Registry;
use url::Url;

use crate::client::http::{Timeouts, http_client};
use crate::clock::{Clock, SystemClock};
use crate::exposition::Exposition;
use crate::token::key_set::{KeySource, KeysUnavailable, VerifyingKey};
use crate::token::verifier::{Expectation, TokenVerifier};

pub use counts::KeyCounts;
pub(crate) use upkeep::without_password;
use upkeep::{Asked, Inner};

/// The keys that an issuer publishes at its JWKS URL (RFC 7517 section 5).
///
/// The last good set stays in use while the issuer is away, slow or answers nonsense, 24 h by default; it is never
/// replaced by an empty one. Clones share everything, settings too.
#[derive(Clone)]
pub struct RemoteKeys {
    inner: Arc<Inner>,
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
    ///
    /// `http` must not follow redirects; [`http_client`] makes one that does not.
    #[must_use]
    pub fn new(http: reqwest::Client, url: Url, clock: Arc<dyn Clock>) -> Self {
        Self { inner: Arc::new(Inner::new(http, url, clock)) }
    }

    /// A verifier for the service called `audience` that trusts this issuer, with the keys at `jwks_url`.
    ///
    /// # Errors
    /// When the URL is none, or the HTTP client cannot be made.
    pub fn verifier(
        jwks_url: &str,
        expectation: Expectation,
    ) -> Result<(TokenVerifier, Self), RemoteKeysError> {
        Self::verifier_with(http_client(Timeouts::default())?, jwks_url, expectation)
    }

    /// The same with an HTTP client of your own, for example one that trusts a cluster's own roots; it must not follow
    /// redirects.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn verifier_with(
        http: reqwest::Client,
        jwks_url: &str,
        expectation: Expectation,
    ) -> Result<(TokenVerifier, Self), RemoteKeysError> {
        let url = http_url(jwks_url)?;
        if expectation.issuer.is_empty() || expectation.max_lifetime_s <= 0 {
            return Err(RemoteKeysError::NothingToExpect);
        }
        let clock = SystemClock::shared();
        let keys = Self::new(http, url, Arc::clone(&clock));
        Ok((TokenVerifier::new(Arc::new(keys.clone()), expectation, clock), keys))
    }

    /// How long the keys may be used after the last fetch that succeeded: 24 h unless it is set here.
    ///
    /// It also bounds how old the set grows before it is fetched again, to one half, so that the other half is left
    /// to sit out an issuer that is away. Less than a minute is of no use: the set is fetched every 30 s at the most.
    #[must_use]
    pub fn usable_for(self, time: Duration) -> Self {
        self.inner.set_usable_for(time);
        self
    }

    /// Keeps a copy of the keys in the file at `path`, for a start while the issuer is away.
    ///
    /// It is read once, when the first fetch fails; it counts if it is of the same URL and was fetched less than
    /// [`usable_for`](Self::usable_for) ago by the wall clock. A file that cannot be read or written is no failure:
    /// the log has it. Whoever can write the file can make keys, so its folder has to belong to the service alone.
    /// The first path that is set stays.
    #[must_use]
    pub fn with_snapshot(self, path: impl Into<PathBuf>) -> Self {
        self.inner.set_snapshot(path.into());
        self
    }

    /// Says whether there are usable keys; as long as there are none, fetches them, if that was not tried in the last
    /// second.
    ///
    /// # Errors
    /// [`KeysUnavailable`] while no set has ever been had, or the last one is too old.
    pub async fn warm_up(&self) -> Result<(), KeysUnavailable> {
        if self.inner.usable().is_none() {
            self.inner.ask().await;
        }
        self.inner.usable().map(drop).ok_or_else(|| self.inner.unavailable())
    }

    /// Has the keys fetched at once, since they are known to have changed: without regard to how lately they were, but no
    /// sooner than 1 s after the last time. Calls that come together share one fetch that has begun after them. Says
    /// whether it was made and has succeeded.
    pub async fn fetch_anew(&self) -> bool {
        self.inner.ask_anew().await
    }

    /// The entity tag of the set that is held, if it came with one.
    pub(crate) fn etag(&self) -> Option<String> {
        self.inner.etag()
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        self.inner.http()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.inner.clock()
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> KeyCounts {
        self.inner.counts()
    }

    /// Puts these counts into `/metrics`.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let keys = self.clone();
        registry.register(Box::new(Exposition::of(move || keys.counts().families())?))
    }
}

pub(crate) fn http_url(text: &str) -> Result<Url, RemoteKeysError> {
    let url: Option<Url> = text.parse().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| RemoteKeysError::Url(text.to_owned()))
}

#[async_trait]
impl KeySource for RemoteKeys {
    fn find_now(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        self.inner.find_now(kid)
    }

    async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysUnavailable> {
        if let Some(held) = self.inner.usable() {
            let key = held.published.keys.find(kid);
            if key.is_some() || self.inner.is_known_to_be_missing(kid) {
                return Ok(key);
            }
        }
        let asked = self.inner.ask().await;
        let held = self.inner.usable().ok_or_else(|| self.inner.unavailable())?;
        let key = held.published.keys.find(kid);
        match asked {
            Asked::Answered if key.is_none() => self.inner.remember_missing(kid),
            Asked::Refused if key.is_none() => self.inner.count_refusal(),
            _ => {}
        }
        Ok(key)
    }

    fn generation(&self) -> u64 {
        self.inner.generation()
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RemoteKeys({})", self.inner.shown_url())
    }
}
