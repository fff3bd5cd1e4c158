//! [`Pace`]: how many calls are under way at once. A service that says it is too much, or fails, gets half as many; each call that
//! gets through makes room again. What one part meets slows all of them: they speak to the same services.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::Clock;
use tokio::sync::Notify;

/// Calls that were under way together fail together: that counts as one failure.
const ONE_FAILURE: Duration = Duration::from_millis(200);
/// No service keeps the whole run waiting for longer at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Pace {
    clock: Arc<dyn Clock>,
    most: f64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    limit: f64,
    under_way: usize,
    closed_until: Duration,
    slowed_at: Option<Duration>,
    successes: u64,
    last_success: Duration,
}

/// Leave for one call.
pub(crate) struct Leave<'p>(&'p Pace);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
        self.0.changed.notify_one();
    }
}

impl Pace {
    pub(crate) fn new(most: usize, clock: Arc<dyn Clock>) -> Self {
        let most = f64::from(u32::try_from(most.max(1)).unwrap_or(u32::MAX));
        let state = State {
            limit: most,
            under_way: 0,
            closed_until: Duration::ZERO,
            slowed_at: None,
            successes: 0,
            last_success: clock.monotonic(),
        };
        Self { clock, most, state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more may be under way.
    pub(crate) async fn enter(&self) -> Leave<'_> {
        loop {
            let changed = self.changed.notified();
            match self.try_enter() {
                Ok(leave) => return leave,
                Err(Some(pause)) => tokio::time::sleep(pause).await,
                Err(None) => changed.await,
            }
        }
    }

    fn try_enter(&self) -> Result<Leave<'_>, Option<Duration>> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        if now < state.closed_until {
            return Err(Some(state.closed_until.saturating_sub(now)));
        }
        if state.under_way > 0 && fits(state.under_way + 1, state.limit) {
            state.under_way += 1;
        } else if state.under_way == 0 {
            state.under_way = 1;
        } else {
            return Err(None);
        }
        Ok(Leave(self))
    }

    /// A call has got through.
    pub(crate) fn succeeded(&self) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        state.successes += 1;
        state.last_success = now;
        if state.limit < self.most {
            state.limit = (state.limit + 1.0 / state.limit).min(self.most);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// A call has failed in a way that may pass; the service may have said how long it wants to be left alone.
    pub(crate) fn failed(&self, retry_after: Option<Duration>) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        if let Some(pause) = retry_after {
            state.closed_until = state.closed_until.max(now + pause.min(LONGEST_PAUSE));
        }
        if state.slowed_at.is_none_or(|at| now.saturating_sub(at) > ONE_FAILURE) {
            state.limit = (state.limit / 2.0).max(1.0);
            state.slowed_at = Some(now);
        }
    }

    /// How many calls have got through.
    pub(crate) fn successes(&self) -> u64 {
        self.state().successes
    }

    /// How long nothing has got through.
    pub(crate) fn silence(&self) -> Duration {
        let now = self.clock.monotonic();
        now.saturating_sub(self.state().last_success)
    }
}

fn fits(count: usize, limit: f64) -> bool {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) <= limit
}

#[cfg(test)]
mod tests {
    use shared::clock::SystemClock;

    use super::*;

    #[tokio::test]
    async fn failures_halve_what_is_under_way_and_successes_bring_it_back() {
        let pace = Pace::new(8, SystemClock::shared());
        let leaves: Vec<_> = (0..8).map_while(|_| pace.try_enter().ok()).collect();
        assert!(leaves.len() == 8 && pace.try_enter().is_err());
        drop(leaves);
        pace.failed(None);
        // Together with the first.
        pace.failed(None);
        let leaves: Vec<_> = (0..8).map_while(|_| pace.try_enter().ok()).collect();
        assert_eq!(leaves.len(), 4);
        drop(leaves);
        (0..100).for_each(|_| pace.succeeded());
        assert_eq!((0..9).map_while(|_| pace.try_enter().ok()).collect::<Vec<_>>().len(), 8);
    }

    #[tokio::test]
    async fn a_service_that_wants_to_be_left_alone_is_left_alone_by_all() {
        let pace = Pace::new(8, SystemClock::shared());
        pace.failed(Some(Duration::from_secs(5)));
        assert!(matches!(pace.try_enter(), Err(Some(pause)) if pause > Duration::from_secs(4)));
        pace.failed(Some(Duration::from_secs(86_400)));
        assert!(matches!(pace.try_enter(), Err(Some(pause)) if pause <= LONGEST_PAUSE));
    }
}
