//! [`Gate`]: whether the source may be asked at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::error;

use super::entry::{Flight, pause_after};
use crate::client::token_source::{TokenFetchError, TokenSource};

/// So many failures in a row, of whatever keys, and the source as a whole is left alone.
const FAILURES_IN_A_ROW: u32 = 5;
/// How long the source is left alone when it does not know this client.
const UNKNOWN_CLIENT_PAUSE: Duration = Duration::from_secs(60);

pub(super) struct Gate {
    source: Arc<dyn TokenSource>,
    state: Mutex<GateState>,
}

#[derive(Default)]
struct GateState {
    /// Failures since the last answer.
    failures: u32,
    /// How often it has closed since.
    closings: u32,
    closed: Option<Closed>,
    /// The one fetch that finds out whether the source is back; the others wait for its outcome.
    probe: Option<Flight>,
}

struct Closed {
    until: Duration,
    /// The source has asked for it, or it does not know us: an answer that was on its way earlier changes nothing.
    firm: bool,
    error: TokenFetchError,
    /// How the client has proved itself in vain, where it is the client that is refused.
    proof: Option<u64>,
}

/// What a fetch meets.
pub(super) enum Passage {
    Closed(TokenFetchError),
    Behind(Flight),
    Fetching(Flight),
}

impl Gate {
    pub(super) fn new(source: Arc<dyn TokenSource>) -> Self {
        Self { source, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `start` starts the fetch, and is told whether it is the one that all others wait for.
    pub(super) fn pass(&self, now: Duration, start: impl FnOnce(bool) -> Flight) -> Passage {
        let mut state = self.state();
        let Some(closed) = &mut state.closed else { return Passage::Fetching(start(false)) };
        if closed.proof.is_some_and(|proof| proof != self.source.proof_version()) {
            // The client has something else to show by now: one finds out whether it is better.
            (closed.until, closed.firm, closed.proof) = (now, false, None);
        }
        if now < closed.until {
            return Passage::Closed(closed.error.clone());
        }
        if let Some(probe) = &state.probe {
            return Passage::Behind(probe.clone());
        }
        let probe = start(true);
        state.probe = Some(probe.clone());
        Passage::Fetching(probe)
    }

    /// Why a fetch that has waited in line is not to be made after all.
    pub(super) fn turned_away(&self) -> Option<TokenFetchError> {
        self.last_failure()
    }

    pub(super) fn last_failure(&self) -> Option<TokenFetchError> {
        self.state().closed.as_ref().map(|closed| closed.error.clone())
    }

    pub(super) fn probed(&self) {
        self.state().probe = None;
    }

    /// The source is there.
    pub(super) fn answered(&self, now: Duration) {
        let mut state = self.state();
        (state.failures, state.closings) = (0, 0);
        if state.closed.as_ref().is_some_and(|closed| !closed.firm || now >= closed.until) {
            state.closed = None;
        }
    }

    /// `proof` is the version of the source's proof from before it was asked.
    pub(super) fn failed(&self, now: Duration, error: &TokenFetchError, proof: u64) {
        let asked = match error {
            _ if error.refuses_the_client() => Some(UNKNOWN_CLIENT_PAUSE),
            TokenFetchError::Refused { .. } | TokenFetchError::Handoff(_) => {
                return self.answered(now);
            }
            TokenFetchError::Unavailable { retry_after, .. } => {
                retry_after.filter(|wait| !wait.is_zero())
            }
            _ => None,
        };
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let still_closed = state.closed.as_ref().is_some_and(|closed| now < closed.until);
        if let Some(wait) = asked {
            let known = still_closed
                && state.closed.as_ref().is_some_and(|closed| closed.error.refuses_the_client());
            if error.refuses_the_client() && !known {
                self.complain(error);
            }
            let proof = error.refuses_the_client().then_some(proof);
            state.close(Closed { until: now + wait, firm: true, error: error.clone(), proof });
        } else if state.failures >= FAILURES_IN_A_ROW && !still_closed {
            let pause = pause_after(state.closings);
            state.closings = state.closings.saturating_add(1);
            let until = now + pause;
            state.close(Closed { until, firm: false, error: error.clone(), proof: None });
        }
    }

    fn complain(&self, error: &TokenFetchError) {
        let source = &*self.source.identity();
        error!(
            source, cause = %error,
            "the token endpoint does not accept this client ({source}: endpoint, client id, fingerprint of its \
             secret, or its key or file): register the client there or give it its current secret; asking again in 60 s"
        );
    }
}

impl GateState {
    /// Never opens earlier than it would have.
    fn close(&mut self, closed: Closed) {
        let earlier = self.closed.as_ref().filter(|earlier| earlier.until > closed.until);
        if earlier.is_none() {
            self.closed = Some(closed);
        }
    }
}
