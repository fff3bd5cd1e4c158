//! What a job is: what its author writes, and what the runner makes of it.

mod declaration;
mod erased;
mod outcome;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::{CompanyId, ServiceClient, Session};

pub use declaration::{Declaration, Parameter};

pub use erased::{AnyJob, SharedJob};
pub(crate) use outcome::add_counts;
pub use outcome::{Chunk, Outcome, Planned, Rejected};

use crate::error::BatchError;
use crate::runner::RunReport;
use crate::window::Window;

/// A job: work on many items, a part for each company, under that company's session.
///
/// The runner calls [`partitions`](Job::partitions) once for a run; then, for each company, [`read`](Job::read) and
/// [`process`](Job::process) until nothing is left, and [`finish`](Job::finish). It writes down what it is about to do before it
/// does it and how far it has come afterwards. Whatever kills it in between: the next process is handed the very same items with
/// the very same keys, and goes on after the last checkpoint.
#[async_trait]
pub trait Job: Send + Sync + 'static {
    /// What is worked on. It is written down before it is processed, so it holds ids and not whole documents.
    type Item: Serialize + DeserializeOwned + Send + Sync;

    /// Name, schedule, limits.
    fn declaration(&self) -> Declaration;

    /// The clients that [`process`](Job::process) calls with the company's session: their tokens are fetched ahead, many at once.
    fn clients(&self) -> Vec<&ServiceClient> {
        Vec::new()
    }

    /// Adds to the parameters what is to make two runs different though the same was asked for, for example the digest of a file.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn identify(&self, parameters: &mut BTreeMap<String, String>) -> Result<(), BatchError> {
        let _ = parameters;
        Ok(())
    }

    /// The companies that there is work for, in any order; a company that is named twice counts once. A job without companies
    /// answers [`Planned::Whole`]: it has one part, without a session of its own.
    ///
    /// # Errors
    /// When they cannot be had. What is transient is tried again.
    async fn partitions(&self, run: &Run) -> Result<Planned, BatchError>;

    /// The items that come after `after`, which is where the last chunk ended ([`Chunk::next`]); None at the beginning. Some
    /// tens to some hundreds: they are held in memory.
    ///
    /// # Errors
    /// When they cannot be had. What is transient is tried again.
    async fn read(
        &self,
        work: &Work<'_>,
        after: Option<&str>,
    ) -> Result<Chunk<Self::Item>, BatchError>;

    /// Does what is to be done with one item. It may be called again for one that was done already, with the same key, when it was
    /// killed before that could be written down: a service that is called gets the key as its `Idempotency-Key`, or what
    /// is done is harmless twice.
    ///
    /// # Errors
    /// What is transient is tried again, with all others waiting where nothing gets through. What is not puts this item into
    /// quarantine; see [`BatchError::ends_run`] for what ends the run at once.
    async fn process(
        &self,
        work: &Work<'_>,
        item: &Self::Item,
        key: &str,
    ) -> Result<Outcome, BatchError>;

    /// After the last item of a company, and again after items of it were replayed. It may be called twice, too.
    ///
    /// # Errors
    /// What is transient is tried again; what is not fails the company's part.
    async fn finish(&self, work: &Work<'_>) -> Result<(), BatchError> {
        let _ = work;
        Ok(())
    }

    /// Whether the service that [`process`](Job::process) calls answers other calls. It is asked where an item fails and nothing has
    /// succeeded before: a no, which is the default, takes that for an outage, and waits.
    async fn answers(&self, work: &Work<'_>) -> bool {
        let _ = work;
        false
    }

    /// What the job has to say of a run beside the numbers: printed after them.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn summary(&self, report: &RunReport) -> Result<String, BatchError> {
        let _ = report;
        Ok(String::new())
    }
}

/// One run: a job for a window with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number, for `status`, `stop`, `resume`.
    pub id: i64,
    /// The job's name.
    pub job: String,
    /// What it is about.
    pub window: Window,
    /// The job's parameters, by name.
    pub parameters: BTreeMap<String, String>,
    /// 1; more when a run that was complete has been asked to do it again.
    pub pass: i32,
}

impl Run {
    /// A parameter that the job declares as required, or has a default for.
    #[must_use]
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}

/// The part of a run that is one company's.
#[derive(Clone, Copy, Debug)]
pub struct Work<'r> {
    /// The run.
    pub run: &'r Run,
    /// The company; None where the job has one part for all.
    pub company: Option<CompanyId>,
    /// The session to act in: of this company, and the batch's own account in it.
    pub session: Option<&'r Session>,
}

impl<'r> Work<'r> {
    /// The session to act in.
    ///
    /// # Errors
    /// [`BatchError::Job`] where the job has one part for all companies, and so none.
    pub fn session(&self) -> Result<&'r Session, BatchError> {
        self.session.ok_or_else(|| BatchError::Job("this part has no session".to_owned()))
    }
}
