//! What can be asked about runs.

use super::{Asked, Ended, Quarantined, RunRecord, RunReport, RunState, Runner};
use crate::error::BatchError;
use crate::repository::parts::{Part, PartState};
use crate::repository::runs::Identity;

impl Runner {
    /// A run.
    ///
    /// # Errors
    /// When the runner's own database is away.
    pub async fn find(&self, id: i64) -> Result<Option<RunRecord>, BatchError> {
        Ok(self.runs.find(id).await?)
    }

    /// The run of this job, window and parameters, if it was ever begun.
    ///
    /// # Errors
    /// When the runner's own database is away.
    pub async fn find_asked(&self, asked: &Asked) -> Result<Option<RunRecord>, BatchError> {
        let job = asked.job.declaration().name;
        let (window, parameters) = (asked.window.label(), &asked.parameters);
        Ok(self.runs.find_by_identity(&Identity { job, window, parameters }).await?)
    }

    /// The newest runs, of one job or of all.
    ///
    /// # Errors
    /// When the runner's own database is away.
    pub async fn list(&self, job: Option<&str>, count: u32) -> Result<Vec<RunRecord>, BatchError> {
        Ok(self.runs.list(job, i64::from(count)).await?)
    }

    /// What a run has come to so far.
    ///
    /// # Errors
    /// When the runner's own database is away.
    pub async fn look_at(&self, run: RunRecord) -> Result<RunReport, BatchError> {
        let ended = match run.state {
            RunState::Complete => Ended::Complete,
            RunState::Failed => Ended::Failed(run.reason.clone()),
            RunState::Open if run.stop_requested => Ended::HeldByOperator,
            RunState::Open => Ended::Stopped,
        };
        self.report(run, ended, self.clock.monotonic()).await
    }

    /// How many parts of an open run are in work just now, and how many wait.
    ///
    /// # Errors
    /// When the runner's own database is away.
    pub async fn in_work(&self, run: i64) -> Result<(usize, usize), BatchError> {
        let now = self.clock.now();
        let open = self.parts.list(run).await?;
        let open = open.into_iter().filter(|part| part.progress.state == PartState::Open);
        let is_held = |part: &Part| !part.owner.is_empty() && part.lease_until > now;
        let (held, waiting): (Vec<_>, Vec<_>) = open.partition(is_held);
        Ok((held.len(), waiting.len()))
    }

    /// Wants a run to stop: the processes at it write down what they have done and end. False: it is not open.
    ///
    /// # Errors
    /// When the runner's own database is away.
    pub async fn ask_to_stop(&self, run: i64) -> Result<bool, BatchError> {
        Ok(self.runs.set_stop(run, true).await?)
    }

    /// What is in quarantine after this number, of one run or of all, the oldest first.
    ///
    /// # Errors
    /// When the runner's own database is away.
    pub async fn quarantined(
        &self,
        run: Option<i64>,
        (after, count): (i64, u32),
    ) -> Result<Vec<Quarantined>, BatchError> {
        Ok(self.quarantine.list(run, (after, i64::from(count))).await?)
    }
}
