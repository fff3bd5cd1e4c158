//! [`Crew`]: works on the parts of a run, several at once, until none is left.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tracing::{info, warn};

use super::Runner;
use super::ahead::Ahead;
use super::lease::Held;
use super::part::{Left, PartWork};
use super::report::Ended;
use super::step::Step;
use super::stopping::StopReason;
use crate::error::BatchError;
use crate::repository::parts::{Part, PartState, Share};
use crate::repository::runs::RunState;

/// How often it is looked whether others have left something.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(super) struct Crew<'r> {
    pub(super) runner: &'r Runner,
    pub(super) step: &'r Arc<Step>,
    pub(super) share: Share,
}

type Ending = Result<(), Left>;

impl Crew<'_> {
    /// Works until nothing is left, waiting for what others are at.
    pub(super) async fn work(&self) -> Result<Ended, BatchError> {
        let (held, stop) = (Arc::new(Held::default()), &self.step.attempts.stop);
        let counts = self.runner.parts.count_by_state(self.step.run.id, self.share).await?;
        let open = counts.get(PartState::Open.name()).copied().unwrap_or_default();
        self.step.progress.begin(u64::try_from(open).unwrap_or_default());
        let left = tokio::select! {
            left = self.work_off(&held) => left,
            never = self.runner.keep_leases(self.step.run.id, (&held, stop)) => match never {},
        };
        self.give_back(&held).await;
        match left? {
            None => self.all_over().await,
            Some(Left::Stopped) => self.stopped().await,
            Some(left) => Ok(left.into()),
        }
    }

    async fn work_off(&self, held: &Arc<Held>) -> Result<Option<Left>, BatchError> {
        let most = self.runner.settings.parts_at_once;
        let (mut going, mut ahead, mut left) = (JoinSet::new(), Ahead::new(), None);
        loop {
            if self.may_begin() && going.len() <= most / 2 {
                let parts = self.take(&mut ahead, most - going.len(), held).await?;
                let none = parts.is_empty() && going.is_empty();
                for part in parts {
                    held.add(part.id);
                    going.spawn(begin_on(Arc::clone(self.step), part, Arc::clone(held)));
                }
                if none && self.is_over().await? {
                    return Ok(None);
                }
                if none {
                    self.look_again_later().await;
                }
            }
            match going.join_next().await {
                Some(ended) => self.note(ended.unwrap_or_else(panicked), &mut left),
                None if self.may_begin() => {}
                None => return Ok(Some(left.unwrap_or(Left::Stopped))),
            }
        }
    }

    fn may_begin(&self) -> bool {
        self.step.attempts.stop.reason().is_none()
    }

    /// The first reason that is one of its own stays.
    fn note(&self, ended: Ending, left: &mut Option<Left>) {
        let Err(why) = ended else { return };
        let reason = match why {
            Left::Fenced => StopReason::Fenced,
            Left::Away(_) | Left::EndsRun(_) => StopReason::Given,
            Left::Stopped => return,
        };
        self.step.attempts.stop.request(reason);
        left.get_or_insert(why);
    }

    async fn take(
        &self,
        ahead: &mut Ahead,
        count: usize,
        held: &Held,
    ) -> Result<Vec<Part>, BatchError> {
        let (runner, stop) = (self.runner, &self.step.attempts.stop);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let place = (self.step.run.id, self.share);
        let held = held.ids();
        let take = || runner.parts.take(place, runner.lease(), (count, &held));
        let parts = runner.patiently(stop, take).await?;
        ahead.follow(self, &parts).await;
        self.step.holds.pass("taken").await;
        Ok(parts)
    }

    /// Whether no part of this share is open.
    async fn is_over(&self) -> Result<bool, BatchError> {
        let (runner, stop) = (self.runner, &self.step.attempts.stop);
        let count = || runner.parts.count_by_state(self.step.run.id, self.share);
        let counts = runner.patiently(stop, count).await?;
        let open = counts.get(PartState::Open.name()).copied().unwrap_or_default();
        if open > 0 {
            info!(run = self.step.run.id, open, "others are at the last {open} parts");
        }
        Ok(open == 0)
    }

    async fn look_again_later(&self) {
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            _ = self.step.attempts.stop.requested() => {}
        }
    }

    /// Others need not wait for the leases to run out.
    async fn give_back(&self, held: &Held) {
        let ids = held.ids();
        if ids.is_empty() {
            return;
        }
        if let Err(error) = self.runner.parts.release(&ids, &self.runner.owner).await {
            warn!(cause = %error, "cannot give back leases; they run out");
        }
    }

    async fn all_over(&self) -> Result<Ended, BatchError> {
        let place = (self.step.run.id, self.share);
        let counts = self.runner.parts.count_by_state(place.0, place.1).await?;
        let failed = counts.get(PartState::Failed.name()).copied().unwrap_or_default();
        if failed == 0 {
            return Ok(Ended::Complete);
        }
        Ok(Ended::PartsFailed(failed, self.runner.parts.first_reason(place).await?))
    }

    async fn stopped(&self) -> Result<Ended, BatchError> {
        Ok(match self.step.attempts.stop.reason() {
            Some(StopReason::Operator) => {
                // Perhaps it is not an operator who has ended the run, but another process.
                let run = self.runner.runs.find(self.step.run.id).await?;
                let failed = run.filter(|run| run.state == RunState::Failed);
                failed.map_or(Ended::StoppedByOperator, |run| Ended::Failed(run.reason))
            }
            Some(StopReason::Fenced) => Ended::Fenced,
            Some(StopReason::Given | StopReason::Signal) | None => Ended::Stopped,
        })
    }
}

/// What it is part of is said now: the task that it runs in does not know.
fn begin_on(
    step: Arc<Step>,
    part: Part,
    held: Arc<Held>,
) -> impl Future<Output = Ending> + Send + 'static {
    let activity = step.activity_of(&part);
    async move {
        let Some(activity) = activity else { return work_on(step, part, held).await };
        let (clock, began) = (Arc::clone(step.clock()), step.clock().monotonic());
        let ended = activity.clone().run(work_on(step, part, held)).await;
        let took = clock.monotonic().saturating_sub(began);
        activity.finish(Step::ended("part", (clock.now(), took), ended.is_err()));
        ended
    }
}

/// A task of its own: what waits for the one connection of a database must not hold it.
async fn work_on(step: Arc<Step>, part: Part, held: Arc<Held>) -> Ending {
    let id = part.id;
    let ended = PartWork::new(step, part).run().await;
    // Of what is left the lease is given back at the end, when nothing more is under way.
    if matches!(ended, Ok(()) | Err(Left::Fenced)) {
        held.remove(id);
    }
    ended
}

/// The job's code has a fault, which another start would meet again.
fn panicked(error: JoinError) -> Ending {
    Err(Left::EndsRun(format!("the job's code has failed: {error}")))
}
