//! A fetch on its way: how it begins, and how it ends whatever becomes of it.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Inner;
use super::entry::{Entry, Flight};
use crate::client::token_source::{TokenFetchError, TokenRequest};
use crate::trace::activity::carried;

/// The fetch runs in a task of its own: it ends, and its result is kept, also when nobody waits any more.
pub(super) fn prepare_fetch(landing: Landing, request: TokenRequest) -> (Launch, Flight) {
    let (go, ready) = oneshot::channel::<Landing>();
    // It is part of what the token is first needed for.
    let task = tokio::spawn(carried(async move {
        match ready.await {
            Ok(landing) => landing.inner.fetch(&landing, &request).await,
            Err(_) => Err(cut_off()),
        }
    }));
    let flight = async move { task.await.unwrap_or_else(|_| Err(cut_off())) }.boxed().shared();
    (Launch { go, landing }, flight)
}

pub(super) fn cut_off() -> TokenFetchError {
    TokenFetchError::Nonsense("the fetch was cut off".to_owned())
}

/// A fetch that waits to be let go. A runtime that is about to end drops a task at once, in the very call that hands it
/// over: then the landing must not look for locks that are held there.
pub(super) struct Launch {
    go: oneshot::Sender<Landing>,
    landing: Landing,
}

impl Launch {
    pub(super) fn go(self) {
        // It comes back when there is nobody to fetch any more, and ends the flight.
        drop(self.go.send(self.landing));
    }
}

/// Ends the flight with its task, however that ends: a source that panics must not fail its callers for ever.
pub(super) struct Landing {
    pub(super) inner: Arc<Inner>,
    pub(super) entry: Arc<Entry>,
    pub(super) probe: bool,
    /// Held for as long as it lasts.
    pub(super) renewal: Option<OwnedSemaphorePermit>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.entry.state().flight = None;
        if self.probe {
            self.inner.gate.probed();
        }
        // What was under way could not be evicted.
        self.inner.entries.shrink();
    }
}
