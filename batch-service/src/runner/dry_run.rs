//! What a run would do.

use shared::CompanyId;

use super::attempts::NotDone;
use super::step::Step;
use super::stopping::Stop;
use super::{Asked, Ended, Runner};
use crate::error::BatchError;
use crate::job::{Planned, Run};

/// Rejected items that are named.
const NAMED: usize = 20;

/// What a run would process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Items.
    pub items: u64,
    /// Items of each company; of None where the job has one part for all.
    pub by_company: Vec<(Option<CompanyId>, u64)>,
    /// The first of those that could not be processed: name, reason.
    pub rejected: Vec<(String, String)>,
}

impl Runner {
    /// Reads what a run would process, and does nothing with it. Nothing is written down.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn dry_run(&self, asked: &Asked, stop: &Stop) -> Result<Found, BatchError> {
        let run = Run {
            id: 0,
            job: asked.job.declaration().name.to_owned(),
            window: asked.window.clone(),
            parameters: asked.parameters.clone(),
            pass: 1,
        };
        let step = self.step_of(asked, (run, 0), stop);
        let planned = step.attempts.step(|| step.job.partitions(&step.run)).await;
        let companies = match planned.map_err(told)? {
            Planned::Companies(companies) => companies.into_iter().map(Some).collect(),
            Planned::Whole => vec![None],
        };
        let mut found = Found::default();
        for company in companies {
            let items = read_all(&step, company, &mut found.rejected).await.map_err(told)?;
            found.items += items;
            found.by_company.push((company, items));
        }
        Ok(found)
    }
}

async fn read_all(
    step: &Step,
    company: Option<CompanyId>,
    rejected: &mut Vec<(String, String)>,
) -> Result<u64, NotDone> {
    let caller = step.caller(company);
    let work = caller.work(&step.run);
    let (mut items, mut after): (u64, Option<String>) = (0, None);
    loop {
        let chunk = step.attempts.step(|| step.job.read(&work, after.as_deref())).await?;
        items += u64::try_from(chunk.items.len()).unwrap_or_default();
        let room = NAMED.saturating_sub(rejected.len());
        rejected.extend(chunk.rejected.into_iter().take(room).map(|one| (one.name, one.reason)));
        after = chunk.next;
        if after.is_none() {
            return Ok(items);
        }
    }
}

fn told(not_done: NotDone) -> BatchError {
    match not_done {
        NotDone::Poison { error, .. } | NotDone::Away(error) | NotDone::EndsRun(error) => error,
        NotDone::Stopped => BatchError::Job(Ended::Stopped.to_string()),
    }
}
