//! What a run is after a process has worked on it.

use tracing::warn;

use super::{Ended, RunRecord, Runner, Stop};
use crate::error::BatchError;
use crate::repository::parts::{PartState, Share};

impl Runner {
    /// Says so, where that was the last of it. Another share may have ended before, and not well.
    pub(super) async fn conclude(
        &self,
        record: &RunRecord,
        ended: Ended,
        stop: &Stop,
    ) -> Result<Ended, BatchError> {
        let (id, now) = (record.id, || self.clock.now());
        match &ended {
            Ended::Failed(reason) => {
                self.patiently(stop, || self.runs.fail(id, (reason, now()))).await?;
            }
            Ended::Complete | Ended::PartsFailed(..) => {
                self.patiently(stop, || self.runs.complete(id, now())).await?;
                self.fail_if_over(id, stop).await?;
            }
            Ended::AlreadyComplete
            | Ended::HeldByOperator
            | Ended::Stopped
            | Ended::StoppedByOperator
            | Ended::TryAgain(_)
            | Ended::Fenced => {}
        }
        Ok(ended)
    }

    /// Nothing is open any more, and some parts have failed.
    async fn fail_if_over(&self, run: i64, stop: &Stop) -> Result<(), BatchError> {
        let count = || self.parts.count_by_state(run, Share::ALL);
        let counts = self.patiently(stop, count).await?;
        let failed = counts.get(PartState::Failed.name()).copied().unwrap_or_default();
        if failed == 0 || counts.contains_key(PartState::Open.name()) {
            return Ok(());
        }
        let first = self.parts.first_reason((run, Share::ALL)).await?;
        let reason = Ended::PartsFailed(failed, first).to_string();
        let say = || self.runs.fail(run, (&reason, self.clock.now()));
        Ok(self.patiently(stop, say).await?)
    }

    /// There would be more of them every day.
    pub(super) async fn forget_old_runs(&self) {
        let Some(before) = self.clock.now().checked_sub_signed(self.settings.keep) else { return };
        if let Err(error) = self.runs.delete_complete_before(before).await {
            warn!(cause = %error, "cannot forget old runs yet");
        }
    }
}
