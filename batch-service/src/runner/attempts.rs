//! What is done about a failure: again after a pause, or not at all.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shared::Clock;
use tracing::warn;

use super::pace::Pace;
use super::stopping::Stop;
use crate::error::BatchError;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// It fails, so often or in such a way that it is not tried again; others get through.
    Poison { error: BatchError, attempts: u32 },
    /// Nothing has got through for too long.
    Away(BatchError),
    /// Every further item would meet the same.
    EndsRun(BatchError),
    /// The run is to end.
    Stopped,
}

/// How failures are met in one run.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(crate) pace: Pace,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: Stop,
    /// Tries of one item, while others get through.
    pub(crate) most: u32,
    /// How long nothing may get through before the process gives up, to be started again.
    pub(crate) patience: Duration,
    /// What is under way when the run is to end gets so long.
    pub(crate) grace: Duration,
}

/// What has been tried so far.
#[derive(Default)]
struct Tried {
    attempts: u32,
    pauses: u32,
    seen: Option<u64>,
}

impl Attempts {
    /// Does something that is one of many: what keeps failing while others get through is given up. `sign_of_life` does
    /// something that has succeeded before: where there are no others just now, it tells one bad item from a service that is away.
    pub(crate) async fn item<T, F, Life>(
        &self,
        work: impl Fn() -> F,
        sign_of_life: impl Fn() -> Life,
    ) -> Result<T, NotDone>
    where
        F: Future<Output = Result<T, BatchError>>,
        Life: Future<Output = bool>,
    {
        let mut tried = Tried::default();
        loop {
            let error = match self.once(&work).await? {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let error = self.judge(error, tried.attempts)?;
            let of_item = error.may_be_of_the_item();
            if of_item && self.others_get_through(&mut tried, &sign_of_life).await {
                tried.attempts += 1;
            }
            if tried.attempts >= self.most {
                return Err(NotDone::Poison { error, attempts: tried.attempts });
            }
            self.wait(error, &mut tried).await?;
        }
    }

    /// Since it was tried before. The first failure says nothing yet.
    async fn others_get_through<Life>(
        &self,
        tried: &mut Tried,
        sign_of_life: impl Fn() -> Life,
    ) -> bool
    where
        Life: Future<Output = bool>,
    {
        let successes = self.pace.successes();
        let Some(seen) = tried.seen.replace(successes) else { return false };
        if seen != successes {
            return true;
        }
        tokio::select! {
            lives = sign_of_life() => {
                if lives {
                    self.pace.succeeded();
                }
                lives
            }
            _ = self.stop.requested() => false,
        }
    }

    /// Does something that the rest depends on: it is tried until it succeeds, or patience ends.
    pub(crate) async fn step<T, F>(&self, work: impl Fn() -> F) -> Result<T, NotDone>
    where
        F: Future<Output = Result<T, BatchError>>,
    {
        let (mut tried, began) = (Tried::default(), self.clock.monotonic());
        loop {
            let error = match self.once(&work).await? {
                Ok(done) => return Ok(done),
                Err(error) => self.judge(error, tried.attempts)?,
            };
            if self.clock.monotonic().saturating_sub(began) > self.patience {
                return Err(NotDone::Away(error));
            }
            self.wait(error, &mut tried).await?;
        }
    }

    /// One attempt, at the pace of all. When the run is to end, nothing is begun, and what is under way gets its grace.
    async fn once<T, F>(&self, work: impl Fn() -> F) -> Result<Result<T, BatchError>, NotDone>
    where
        F: Future<Output = Result<T, BatchError>>,
    {
        let leave = tokio::select! {
            biased;
            _ = self.stop.requested() => return Err(NotDone::Stopped),
            leave = self.pace.enter() => leave,
        };
        let result = tokio::select! {
            result = work() => result,
            () = self.stop.overdue(self.grace) => return Err(NotDone::Stopped),
        };
        match &result {
            Ok(_) => self.pace.succeeded(),
            Err(error) if error.is_transient() => self.pace.failed(error.retry_after()),
            // It has answered.
            Err(_) => self.pace.succeeded(),
        }
        drop(leave);
        Ok(result)
    }

    /// The error, if it may pass.
    fn judge(&self, error: BatchError, attempts: u32) -> Result<BatchError, NotDone> {
        if error.ends_run() {
            return Err(NotDone::EndsRun(error));
        }
        if !error.is_transient() {
            return Err(NotDone::Poison { error, attempts: attempts + 1 });
        }
        if self.pace.silence() > self.patience {
            return Err(NotDone::Away(error));
        }
        Ok(error)
    }

    async fn wait(&self, error: BatchError, tried: &mut Tried) -> Result<(), NotDone> {
        let longest = FIRST_PAUSE.saturating_mul(1 << tried.pauses.min(10)).min(LONGEST_PAUSE);
        // Those that failed together do not come back together.
        let pause = longest.mul_f64(fastrand::f64());
        tried.pauses += 1;
        warn!(cause = %error, pause_ms = pause.as_millis(), "trying again");
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            _ = self.stop.requested() => Err(NotDone::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use shared::client::CallError;
    use shared::client::token_source::TokenFetchError;
    use shared::clock::SystemClock;
    use shared::db::DbError;

    use super::*;

    fn attempts() -> Attempts {
        let clock = SystemClock::shared();
        Attempts {
            pace: Pace::new(4, Arc::clone(&clock)),
            clock,
            stop: Stop::default(),
            most: 2,
            patience: Duration::from_secs(60),
            grace: Duration::from_secs(1),
        }
    }

    fn refused(status: u16) -> BatchError {
        let (code, message) = (None, String::new());
        let cause = CallError::Refused { status, code, message, retry_after: None };
        BatchError::Call { service: "order-service", cause }
    }

    /// Fails four times, while others get through.
    async fn is_done(error: impl Fn() -> BatchError) -> bool {
        let (attempts, tries) = (attempts(), AtomicU32::new(0));
        let work = || async {
            attempts.pace.succeeded();
            if tries.fetch_add(1, Ordering::SeqCst) < 4 { Err(error()) } else { Ok(()) }
        };
        attempts.item(work, || async { true }).await.is_ok()
    }

    #[tokio::test]
    async fn an_item_is_given_up_for_what_may_be_its_own_fault_alone() {
        assert!(!is_done(|| refused(500)).await);
        assert!(is_done(|| refused(429)).await);
        assert!(is_done(|| DbError::Unavailable("away".to_owned()).into()).await);
        let no_token = || TokenFetchError::Deadline { waited: Duration::ZERO, last: None };
        assert!(is_done(|| CallError::Token(no_token()).into()).await);
    }
}
