//! How a run, or the work of one process on it, has ended.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Runner;
use super::attempts::NotDone;
use super::part::Left;
use crate::error::BatchError;
use crate::job::add_counts;
use crate::repository::id_of;
use crate::repository::parts::{Part, PartState};
use crate::repository::runs::RunRecord;

/// How the work of this process on a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its share of the run is done.
    Complete,
    /// It was done before.
    AlreadyComplete,
    /// It was stopped by a signal; what is done is written down.
    Stopped,
    /// `stop` was said to the run meanwhile.
    StoppedByOperator,
    /// `stop` was said to the run before; `resume` goes on.
    HeldByOperator,
    /// Something stays away: another process may go on later.
    TryAgain(String),
    /// Another process has taken over what this one was at.
    Fenced,
    /// It needs a person.
    Failed(String),
    /// All is done but so many parts, which need a person.
    PartsFailed(i64, String),
}

impl Ended {
    /// Everything is done.
    pub const DONE: u8 = 0;
    /// Trying again does not help.
    pub const PERMANENT: u8 = 42;
    /// Another process may do what is left (EX_TEMPFAIL of sysexits.h).
    pub const TRY_AGAIN: u8 = 75;
    /// Stopped by SIGTERM (128 + 15), with all that is done written down.
    pub const STOPPED: u8 = 143;

    /// The exit code of a process that ends like this.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Complete | Self::AlreadyComplete => Self::DONE,
            Self::Stopped | Self::StoppedByOperator => Self::STOPPED,
            Self::TryAgain(_) | Self::Fenced => Self::TRY_AGAIN,
            Self::Failed(_) | Self::PartsFailed(..) | Self::HeldByOperator => Self::PERMANENT,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => formatter.write_str("complete"),
            Self::AlreadyComplete => formatter.write_str("already complete"),
            Self::Stopped => formatter.write_str("stopped; `resume` or the next start goes on"),
            Self::StoppedByOperator | Self::HeldByOperator => {
                formatter.write_str("stopped by an operator; `resume` goes on")
            }
            Self::TryAgain(reason) => write!(formatter, "to be tried again: {reason}"),
            Self::Fenced => {
                formatter.write_str("fenced: another process has taken over; it goes on there")
            }
            Self::Failed(reason) => write!(formatter, "failed: {reason}"),
            Self::PartsFailed(count, first) => {
                write!(formatter, "{count} parts have failed, the first: {first}")
            }
        }
    }
}

impl From<NotDone> for Ended {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Poison { error, .. } | NotDone::EndsRun(error) => {
                Self::Failed(error.to_string())
            }
            NotDone::Away(error) => Self::TryAgain(error.to_string()),
            NotDone::Stopped => Self::Stopped,
        }
    }
}

impl From<Left> for Ended {
    fn from(left: Left) -> Self {
        match left {
            Left::Fenced => Self::Fenced,
            Left::Away(reason) => Self::TryAgain(reason),
            Left::EndsRun(reason) => Self::Failed(reason),
            Left::Stopped => Self::Stopped,
        }
    }
}

/// What a run has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// The run.
    pub run: RunRecord,
    /// How the work of this process on it has ended.
    pub ended: Ended,
    /// Parts that are done, and all.
    pub parts: (usize, usize),
    /// Companies whose part has failed, and why.
    pub failed: Vec<(i64, String)>,
    /// Items processed, by all processes.
    pub items: u64,
    /// What the job has counted.
    pub counts: BTreeMap<String, u64>,
    /// The same for each company.
    pub by_company: BTreeMap<i64, BTreeMap<String, u64>>,
    /// Items in quarantine.
    pub quarantined: u64,
    /// How long this process has worked.
    pub took: Duration,
}

impl RunReport {
    /// How often the job has counted something under this name.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or_default()
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunRecord { id, job, window, .. } = &self.run;
        let ((done, all), items) = (self.parts, self.items);
        writeln!(formatter, "{job} {window}: {}", self.ended)?;
        write!(formatter, "  run {id}, {done} of {all} parts, {items} items")?;
        for (name, count) in &self.counts {
            write!(formatter, ", {count} {name}")?;
        }
        writeln!(formatter, ", {:.1} s", self.took.as_secs_f64())?;
        for (company, reason) in &self.failed {
            writeln!(formatter, "  company {company} has failed: {reason}")?;
        }
        if self.quarantined > 0 {
            let count = self.quarantined;
            writeln!(formatter, "  {count} items in quarantine: `quarantine {id}` shows them")?;
        }
        Ok(())
    }
}

impl Runner {
    pub(super) async fn report(
        &self,
        run: RunRecord,
        ended: Ended,
        began: Duration,
    ) -> Result<RunReport, BatchError> {
        let parts = self.parts.list(run.id).await?;
        let quarantined = self.quarantine.count_open(run.id).await?;
        let took = self.clock.monotonic().saturating_sub(began);
        Ok(sum_up(
            parts,
            RunReport {
                run,
                ended,
                parts: (0, 0),
                failed: Vec::new(),
                items: 0,
                counts: BTreeMap::new(),
                by_company: BTreeMap::new(),
                quarantined,
                took,
            },
        ))
    }
}

fn sum_up(parts: Vec<Part>, mut report: RunReport) -> RunReport {
    report.parts.1 = parts.len();
    for part in parts {
        let company = id_of(part.company);
        report.items += u64::try_from(part.progress.items).unwrap_or_default();
        add_counts(&mut report.counts, part.progress.counts.clone());
        match part.progress.state {
            PartState::Open => {}
            PartState::Done => report.parts.0 += 1,
            PartState::Failed => report.failed.push((company, part.progress.reason)),
        }
        report.by_company.insert(company, part.progress.counts);
    }
    report
}
