//! How a token comes to be held: looked up, waited for, fetched by one for all, renewed while it is served, dropped.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{debug, warn};

use super::Inner;
use super::entry::{Entry, FetchResult, Flight, Held, State};
use super::gate::Passage;
use super::launch::{Landing, prepare_fetch};
use crate::client::token_source::{IssuedToken, TokenFetchError, TokenRequest, fetch_one};

/// After this a source has failed, whatever it still does: it must not keep its place in the line for ever.
const FETCH_LIMIT: Duration = Duration::from_secs(30);

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
pub(super) struct Asked {
    pub(super) at: Duration,
    pub(super) proof: u64,
}

impl Inner {
    /// The path of nearly every call: no lock that excludes another reader, nothing allocated.
    pub(super) fn held(self: &Arc<Self>, request: &TokenRequest) -> Option<HeaderValue> {
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

    pub(super) async fn wait(self: &Arc<Self>, request: &TokenRequest) -> FetchResult {
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
    pub(super) fn pass<L>(
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
    pub(super) fn renew(self: &Arc<Self>, request: &TokenRequest, permit: OwnedSemaphorePermit) {
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

    pub(super) async fn fetch(&self, landing: &Landing, request: &TokenRequest) -> FetchResult {
        // The semaphore is never closed.
        let _place = self.fetches.acquire().await;
        if !landing.probe
            && let Some(error) = self.gate.turned_away()
        {
            return Err(error);
        }
        let asked = Asked { at: self.clock.monotonic(), proof: self.source.proof_version() };
        let answer = tokio::time::timeout(FETCH_LIMIT, fetch_one(&*self.source, request)).await;
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
    pub(super) fn settle(
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

    pub(super) fn reject(&self, request: &TokenRequest, rejected: &str) -> bool {
        let Some(entry) = self.entries.find(request) else { return true };
        let dropped = entry.state().reject(&entry, rejected, self.clock.monotonic());
        if dropped == Some(true) {
            self.metrics.rejected();
        }
        dropped.unwrap_or(true)
    }

    pub(super) fn last_failure(&self, request: &TokenRequest) -> Option<TokenFetchError> {
        self.entries.find(request)?.state().last_failure()
    }

    pub(super) fn too_late(&self, request: &TokenRequest, waited: Duration) -> TokenFetchError {
        let last = self.last_failure(request).or_else(|| self.gate.last_failure());
        TokenFetchError::Deadline { waited, last: last.map(Box::new) }
    }
}
