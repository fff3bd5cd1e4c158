//! [`RevocationFeed`]: an issuer's revocations, followed over HTTP.
//!
//! - One task asks for what is new and is answered as soon as there is something, or after 2 s. Requests are never
//!   answered later for it.
//! - An answer is a JWS of type `revocations+jwt`, signed with one of the issuer's keys, by the issuer, not older than a
//!   minute, of 4 MiB at most. Any other changes nothing, and is counted.
//! - While the issuer is away, what was revoked stays revoked; how old this knowledge has become is said by
//!   [`RevocationFeed::staleness`], and routes that cannot do with it declare
//!   [`max_staleness`](crate::Policy::max_staleness).
//! - An issuer that has lost its place, since its database was restored, sends all that it has; this takes the place of
//!   what was held when it is complete.
//! - When the issuer says that its keys have changed, they are fetched anew at once.

mod answer;
mod counts;
mod follower;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::Registry;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use url::Url;

use crate::exposition::Exposition;
use crate::token::remote_keys::{RemoteKeys, RemoteKeysError, http_url};
use crate::token::revocation::{RevocationSource, Revocations};
use crate::token::verifier::TokenVerifier;

pub use counts::FeedCounts;
use follower::Follower;

/// The revocations that an issuer publishes, as far as they have come. Clones share everything; with the last one the
/// task ends.
#[derive(Clone)]
pub struct RevocationFeed {
    inner: Arc<Inner>,
}

struct Inner {
    follower: Arc<Follower>,
    task: Mutex<Option<AbortHandle>>,
}

impl RevocationFeed {
    /// The feed at `url` of the issuer whose keys these are; it has their HTTP client and their clock. `issuer` is the
    /// `iss` that its answers have to name. It has to be [started](Self::start).
    #[must_use]
    pub fn new(keys: &RemoteKeys, issuer: &str, url: Url) -> Self {
        let follower = Arc::new(Follower::new(keys.clone(), issuer.to_owned(), url));
        Self { inner: Arc::new(Inner { follower, task: Mutex::default() }) }
    }

    /// The same verifier, which refuses what its issuer has revoked, and the feed at `url` by which it knows, followed
    /// from now on.
    ///
    /// ```
    /// use shared::health::Readiness;
    /// use shared::server::Parts;
    /// use shared::{Expectation, RemoteKeys, RevocationFeed};
    ///
    /// fn parts(auth: &str, expectation: Expectation) -> Result<Parts, Box<dyn std::error::Error>> {
    ///     let (verifier, keys) = RemoteKeys::verifier(&format!("{auth}/.well-known/jwks.json"), expectation)?;
    ///     let url = format!("{auth}/oauth2/revocations");
    ///     let (verifier, feed) = RevocationFeed::following(verifier, &keys, &url)?;
    ///     Ok(Parts::new(Readiness::new()).with_issuer(verifier, &keys).with_revocations(&feed))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`RemoteKeysError::Url`] when the URL is none.
    pub fn following(
        verifier: TokenVerifier,
        keys: &RemoteKeys,
        url: &str,
    ) -> Result<(TokenVerifier, Self), RemoteKeysError> {
        let feed = Self::new(keys, verifier.issuer(), http_url(url)?);
        feed.start();
        Ok((verifier.with_revocations(feed.clone()), feed))
    }

    /// Follows the feed in a task of this runtime, if none does. Outside of a runtime nothing happens: the first token that
    /// is verified inside of one starts it then, as it does when the runtime of an earlier task has ended.
    pub fn start(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut task = self.inner.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.inner.follower.is_running() {
            let running = self.inner.follower.begin();
            *task = Some(runtime.spawn(running.follow()).abort_handle());
        }
    }

    /// What has been revoked, as far as it is known.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.inner.follower.revocations
    }

    /// How old this knowledge is: the time since the last request was begun that was answered well and to the end. None
    /// before the first.
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        self.inner.follower.staleness()
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> FeedCounts {
        self.inner.follower.counts()
    }

    /// Puts these counts into `/metrics`.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let follower = Arc::clone(&self.inner.follower);
        registry.register(Box::new(Exposition::of(move || follower.families())?))
    }
}

impl RevocationSource for RevocationFeed {
    fn revocations(&self) -> &Revocations {
        RevocationFeed::revocations(self)
    }

    fn staleness(&self) -> Option<Duration> {
        if !self.inner.follower.is_running() {
            self.start();
        }
        RevocationFeed::staleness(self)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl fmt::Debug for RevocationFeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RevocationFeed({}, {:?})", self.inner.follower.shown_url, self.counts())
    }
}
