//! What is in quarantine, tried again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use futures_util::{StreamExt, stream};
use tracing::warn;

use super::attempts::NotDone;
use super::part::poison_of;
use super::step::Step;
use super::stopping::Stop;
use super::{Asked, Runner};
use crate::error::BatchError;
use crate::job::{Outcome, add_counts};
use crate::repository::company_of;
use crate::repository::quarantine::Quarantined;
use crate::repository::runs::RunRecord;

/// Tried before it is written down.
const LOT: i64 = 100;

/// Tries of an item.
const REPLAYS: u32 = 3;

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Items that were processed now.
    pub cleared: u64,
    /// Items that are still in quarantine.
    pub left: u64,
}

impl Runner {
    /// Processes what a run has put into quarantine, under the same keys, and finishes the companies' parts again. What fails
    /// again stays.
    ///
    /// # Errors
    /// When the runner's own database is away, or some process works on the run.
    pub async fn replay(
        &self,
        asked: &Asked,
        run: &RunRecord,
        stop: &Stop,
    ) -> Result<Replayed, BatchError> {
        if self.in_work(run.id).await?.0 > 0 {
            return Err(BatchError::InWork(run.id));
        }
        let mut step = self.step(asked, run, stop).await?;
        step.attempts.most = step.attempts.most.min(REPLAYS);
        let (mut replayed, mut after) = (Replayed::default(), 0);
        loop {
            let lot = self.quarantine.list(Some(run.id), (after, LOT)).await?;
            let Some(last) = lot.last() else { break };
            after = last.id;
            replayed.cleared += self.replay_lot(&step, &lot).await?;
            if stop.reason().is_some() {
                break;
            }
        }
        replayed.left = self.quarantine.count_open(run.id).await?;
        step.skipped.store(replayed.left, Ordering::Relaxed);
        step.progress.finish();
        Ok(replayed)
    }

    /// Nothing is cleared before the part of its company is finished: a replay that breaks off is done again.
    async fn replay_lot(&self, step: &Step, lot: &[Quarantined]) -> Result<u64, BatchError> {
        let mut outcomes = Vec::with_capacity(lot.len());
        let calls: Vec<_> = lot.iter().map(|entry| replay_one(step, entry)).collect();
        // All of them first: a call that is not polled may hold the connection that the next statement waits for.
        let results: Vec<_> =
            stream::iter(calls).buffer_unordered(step.concurrency).collect().await;
        for (entry, result) in results {
            match result {
                Ok(outcome) => match refused_again(entry, &outcome) {
                    Some(reason) => {
                        self.quarantine.tried(entry.id, (reason, self.clock.now())).await?;
                    }
                    None => outcomes.push((entry, outcome)),
                },
                Err(
                    NotDone::Poison { error, .. } | NotDone::EndsRun(error) | NotDone::Away(error),
                ) => {
                    let (reason, now) = (error.to_string(), self.clock.now());
                    self.quarantine.tried(entry.id, (&reason, now)).await?;
                }
                Err(NotDone::Stopped) => {}
            }
        }
        let companies: BTreeSet<i64> = outcomes.iter().map(|(entry, _)| entry.company_id).collect();
        let mut finished = BTreeSet::new();
        for company in companies {
            if finish_again(step, company).await {
                finished.insert(company);
            }
        }
        let mut cleared = 0;
        for (entry, outcome) in outcomes {
            if finished.contains(&entry.company_id) {
                let refused = poison_of(outcome.rejected, 1);
                let (counts, refused) = (counts(outcome.counts), (&refused[..], self.clock.now()));
                cleared += u64::from(self.quarantine.clear(entry, &counts, refused).await?);
            }
        }
        step.progress.items(cleared);
        Ok(cleared)
    }
}

async fn replay_one<'e>(
    step: &Step,
    entry: &'e Quarantined,
) -> (&'e Quarantined, Result<Outcome, NotDone>) {
    let company = company_of(entry.company_id);
    let (caller, key) = (step.caller(company), step.key(company, &entry.name));
    let work = caller.work(&step.run);
    let once = || step.job.process(&work, &entry.item, &key);
    // Somebody waits for it: each failure counts.
    (entry, step.attempts.item(once, || async { true }).await)
}

async fn finish_again(step: &Step, company_id: i64) -> bool {
    let company = company_of(company_id);
    let caller = step.caller(company);
    let work = caller.work(&step.run);
    match step.attempts.step(|| step.job.finish(&work)).await {
        Ok(()) => true,
        Err(cause) => {
            warn!(company = company_id, ?cause, "replayed, but cannot finish this company yet");
            false
        }
    }
}

/// Why, when what was tried is what is refused.
fn refused_again<'o>(entry: &Quarantined, outcome: &'o Outcome) -> Option<&'o str> {
    let same = outcome.rejected.iter().find(|(name, ..)| *name == entry.name);
    same.map(|(.., reason)| reason.as_str())
}

fn counts(counts: Vec<(Cow<'static, str>, u64)>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    add_counts(&mut sums, counts);
    sums
}
