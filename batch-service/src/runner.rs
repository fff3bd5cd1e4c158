//! The runner: takes a run from wherever it is to its end, whoever has worked on it before and whatever has become of him.

mod again;
mod ahead;
mod attempts;
mod crew;
mod dry_run;
mod ending;
mod holds;
mod lease;
mod looking;
mod pace;
mod part;
mod quarantine;
mod report;
mod step;
mod stopping;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chrono::TimeDelta;
use shared::db::{Db, DbError};
use shared::trace::Tracer;
use shared::{Clock, CompanyId, UserId};
use tracing::warn;

pub(crate) use again::retrying;
pub use dry_run::Found;
pub use quarantine::Replayed;
pub use report::{Ended, RunReport};
pub use stopping::{Stop, StopReason};

pub use crate::repository::quarantine::Quarantined;
pub use crate::repository::runs::{RunRecord, RunState};

use crate::error::BatchError;
use crate::job::{Planned, Run, SharedJob};
use crate::metrics::BatchMetrics;
use crate::progress::Progress;
use crate::repository::parts::{PartRepository, Share};
use crate::repository::quarantine::QuarantineRepository;
use crate::repository::runs::{Identity, RunRepository};
use crate::window::Window;
use attempts::Attempts;
use crew::Crew;
use holds::Holds;
use pace::Pace;
use step::{Signs, Step, key_of};

/// How the runner works.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long a part stays with a process that is not heard of.
    pub(crate) lease: Duration,
    /// Calls under way at once.
    pub(crate) concurrency: usize,
    /// Parts in work at once.
    pub(crate) parts_at_once: usize,
    /// How long nothing may get through.
    pub(crate) patience: Duration,
    /// What is under way when the run is to end gets so long.
    pub(crate) grace: Duration,
    /// How long a run is kept that was complete.
    pub(crate) keep: TimeDelta,
    /// The user in the sessions.
    pub(crate) account: UserId,
    /// For tests.
    pub(crate) hold_at: Option<String>,
}

/// What is to be run.
#[derive(Clone)]
pub struct Asked {
    /// The job.
    pub job: SharedJob,
    /// The window.
    pub window: Window,
    /// The job's parameters, all of them.
    pub parameters: BTreeMap<String, String>,
    /// A run that is complete begins a new pass.
    pub again: bool,
    /// A run that was stopped by an operator, or has failed, goes on.
    pub resume: bool,
    /// In place of the job's own limit.
    pub skip_limit: Option<u64>,
    /// This process works for every `of`-th company, from `index` on.
    pub share: (u32, u32),
}

impl Asked {
    /// This job for this window, with these parameters, as a whole.
    #[must_use]
    pub fn new(job: SharedJob, window: Window, parameters: BTreeMap<String, String>) -> Self {
        let (again, resume, skip_limit) = (false, false, None);
        Self { job, window, parameters, again, resume, skip_limit, share: (0, 1) }
    }
}

/// Runs jobs.
#[derive(Clone, Debug)]
pub struct Runner {
    runs: RunRepository,
    parts: PartRepository,
    quarantine: QuarantineRepository,
    clock: Arc<dyn Clock>,
    settings: Settings,
    owner: String,
    metrics: BatchMetrics,
    tracer: Tracer,
}

/// What to do with a run.
enum Begun {
    Go(RunRecord),
    Ended(RunRecord, Ended),
}

impl Runner {
    pub(crate) fn new(
        db: &Db,
        (clock, metrics, tracer): (Arc<dyn Clock>, BatchMetrics, Tracer),
        settings: Settings,
    ) -> Self {
        // One process that comes after another must not be taken for it.
        let owner = format!("{}-{:016x}", std::process::id(), fastrand::u64(..));
        Self {
            runs: RunRepository::new(db.clone()),
            parts: PartRepository::new(db.clone()),
            quarantine: QuarantineRepository::new(db.clone()),
            clock,
            settings,
            owner,
            metrics,
            tracer,
        }
    }

    /// Takes the run to its end, or as far as it gets.
    ///
    /// # Errors
    /// When the runner's own database stays away, or the job's companies cannot be had.
    pub async fn run(&self, asked: &Asked, stop: &Stop) -> Result<RunReport, BatchError> {
        let job = asked.job.declaration().name;
        self.metrics.began(job, asked.window.end());
        let activity = self.tracer.begin().with("job", job).with("window", asked.window.label());
        let began = self.clock.monotonic();
        let report = activity.clone().run(self.run_as_part(asked, stop)).await;
        let (now, took) = (self.clock.now(), self.clock.monotonic().saturating_sub(began));
        let exit_code = match &report {
            Ok(report) => report.ended.exit_code(),
            Err(error) if error.is_transient() => Ended::TRY_AGAIN,
            Err(_) => Ended::PERMANENT,
        };
        self.metrics.ended(job, (now, took.as_secs_f64()), exit_code);
        let mut ended = Step::ended("run", (now, took), exit_code != Ended::DONE);
        ended.attribute("baton.exit_code", i64::from(exit_code));
        activity.finish(ended);
        report
    }

    /// As the activity of this task.
    async fn run_as_part(&self, asked: &Asked, stop: &Stop) -> Result<RunReport, BatchError> {
        let began = self.clock.monotonic();
        self.forget_old_runs().await;
        let record = match self.patiently(stop, || self.begin(asked)).await? {
            Begun::Go(record) => record,
            Begun::Ended(record, ended) => return self.report(record, ended, began).await,
        };
        let step = Arc::new(self.step(asked, &record, stop).await?);
        step.holds.pass("begun").await;
        let share = Share { index: asked.share.0, of: asked.share.1.max(1) };
        let crew = Crew { runner: self, step: &step, share };
        let ended = match self.plan(&step, &record).await {
            Ok(()) => crew.work().await?,
            Err(ended) => ended,
        };
        step.progress.finish();
        step.holds.pass("before-conclude").await;
        let ended = self.conclude(&record, ended, stop).await?;
        let record = self.runs.find(record.id).await?.unwrap_or(record);
        self.report(record, ended, began).await
    }

    async fn begin(&self, asked: &Asked) -> Result<Begun, DbError> {
        let declaration = asked.job.declaration();
        let identity = Identity {
            job: declaration.name,
            window: asked.window.label(),
            parameters: &asked.parameters,
        };
        let run = self.runs.find_or_insert(&identity, self.clock.now()).await?;
        match run.state {
            RunState::Complete if !asked.again => Ok(Begun::Ended(run, Ended::AlreadyComplete)),
            RunState::Complete => self.reopen(run).await.map(Begun::Go),
            RunState::Failed if asked.resume => self.reopen(run).await.map(Begun::Go),
            RunState::Failed => {
                let reason = run.reason.clone();
                Ok(Begun::Ended(run, Ended::Failed(reason)))
            }
            RunState::Open if run.stop_requested && asked.resume => {
                self.runs.set_stop(run.id, false).await?;
                Ok(Begun::Go(run))
            }
            RunState::Open if run.stop_requested => Ok(Begun::Ended(run, Ended::HeldByOperator)),
            RunState::Open if asked.resume => {
                self.parts.reopen_failed(run.id).await?;
                Ok(Begun::Go(run))
            }
            RunState::Open => Ok(Begun::Go(run)),
        }
    }

    async fn reopen(&self, run: RunRecord) -> Result<RunRecord, DbError> {
        self.runs.reopen(&run).await?;
        Ok(self.runs.find(run.id).await?.unwrap_or(run))
    }

    async fn step(
        &self,
        asked: &Asked,
        record: &RunRecord,
        stop: &Stop,
    ) -> Result<Step, BatchError> {
        let skipped = self.quarantine.count_open(record.id).await?;
        Ok(self.step_of(asked, (record.run(asked.window.clone()), skipped), stop))
    }

    fn step_of(&self, asked: &Asked, (run, skipped): (Run, u64), stop: &Stop) -> Step {
        let declaration = asked.job.declaration();
        let Settings { concurrency, patience, grace, account, .. } = self.settings;
        let clock = Arc::clone(&self.clock);
        Step {
            job: Arc::clone(&asked.job),
            progress: Progress::new(
                declaration.name,
                run.id,
                (Arc::clone(&clock), self.metrics.clone()),
            ),
            key_of_run: key_of(&run),
            run,
            parts: self.parts.clone(),
            attempts: Attempts {
                pace: Pace::new(concurrency, Arc::clone(&clock)),
                clock,
                stop: stop.clone(),
                most: declaration.attempts,
                patience,
                grace,
            },
            holds: Holds::new(self.settings.hold_at.as_deref()),
            concurrency: declaration.at_once.map_or(concurrency, |most| most.min(concurrency)),
            account,
            skip_limit: asked.skip_limit.unwrap_or(declaration.skip_limit),
            skipped: AtomicU64::new(skipped),
            signs: Signs::default(),
        }
    }

    /// Makes the parts of the run, unless they are there.
    async fn plan(&self, step: &Step, record: &RunRecord) -> Result<(), Ended> {
        if record.planned {
            return Ok(());
        }
        let planned = step.attempts.step(|| step.job.partitions(&step.run)).await;
        let companies: Vec<i64> = match planned.map_err(Ended::from)? {
            Planned::Companies(companies) => companies.into_iter().map(CompanyId::get).collect(),
            Planned::Whole => vec![0],
        };
        step.holds.pass("before-plan").await;
        let pass = (record.id, record.pass);
        let write = || self.parts.plan(pass, &companies, self.clock.now());
        let written = self.patiently(&step.attempts.stop, write).await;
        step.holds.pass("planned").await;
        written.map_err(|error| Ended::TryAgain(error.to_string()))
    }

    /// Asks the runner's database, and again while it is away.
    async fn patiently<T, F>(&self, stop: &Stop, ask: impl Fn() -> F) -> Result<T, DbError>
    where
        F: Future<Output = Result<T, DbError>>,
    {
        let began = self.clock.monotonic();
        loop {
            let error = match ask().await {
                Err(error @ DbError::Unavailable(_)) => error,
                result => return result,
            };
            let waited = self.clock.monotonic().saturating_sub(began);
            if waited > self.settings.patience || stop.reason().is_some() {
                return Err(error);
            }
            warn!(cause = %error, "the batch's database is away; trying again");
            tokio::time::sleep(Duration::from_millis(fastrand::u64(100..1_000))).await;
        }
    }
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Asked({} {})", self.job.declaration().name, self.window.label())
    }
}

#[cfg(test)]
mod tests;
