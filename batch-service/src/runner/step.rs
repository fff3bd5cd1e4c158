//! [`Step`]: what the parts of one run have in common.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use shared::db::DbError;
use shared::trace::Activity;
use shared::trace::span::Ended as TraceStep;
use shared::{Clock, CompanyId, Session, Timestamp, UserId};
use tracing::warn;

use super::attempts::Attempts;
use super::holds::Holds;
use super::stopping::StopReason;
use crate::job::{Run, SharedJob, Work};
use crate::progress::Progress as Shown;
use crate::repository::id_of;
use crate::repository::parts::{NotSaved, Part, PartRepository, Poison, Progress};

const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A run of more parts is not one trace.
const PARTS_IN_ONE_TRACE: u64 = 50;

/// Whether there is still room for items that are skipped.
pub(crate) enum Skipped {
    Within,
    TooMany(String),
}

/// Something that has succeeded, and may be done again.
#[derive(Clone)]
struct Sign {
    item: String,
    key: String,
}

/// Who acts in a part.
pub(crate) enum Caller {
    Company(CompanyId, Session),
    /// The part is all companies'.
    Nobody,
}

impl Caller {
    pub(crate) fn work<'w>(&'w self, run: &'w Run) -> Work<'w> {
        match self {
            Self::Company(company, session) => {
                Work { run, company: Some(*company), session: Some(session) }
            }
            Self::Nobody => Work { run, company: None, session: None },
        }
    }
}

pub(crate) struct Step {
    pub(crate) job: SharedJob,
    pub(crate) run: Run,
    /// What the keys of all items begin with.
    pub(crate) key_of_run: Context,
    pub(crate) parts: PartRepository,
    pub(crate) attempts: Attempts,
    pub(crate) holds: Holds,
    pub(crate) progress: Shown,
    pub(crate) concurrency: usize,
    pub(crate) account: UserId,
    pub(crate) skip_limit: u64,
    pub(crate) skipped: AtomicU64,
    pub(crate) signs: Signs,
}

/// Of each part in work.
#[derive(Default)]
pub(crate) struct Signs(Mutex<HashMap<Option<CompanyId>, Sign>>);

impl Signs {
    fn lock(&self) -> MutexGuard<'_, HashMap<Option<CompanyId>, Sign>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, company: Option<CompanyId>) -> Option<(Option<CompanyId>, Sign)> {
        let signs = self.lock();
        let own = signs.get(&company).map(|sign| (company, sign.clone()));
        own.or_else(|| signs.iter().next().map(|(other, sign)| (*other, sign.clone())))
    }
}

impl Step {
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.attempts.clock
    }

    /// Who acts in a company's part.
    pub(crate) fn caller(&self, company: Option<CompanyId>) -> Caller {
        match company {
            Some(company) => Caller::Company(company, Session::new(company, self.account)),
            None => Caller::Nobody,
        }
    }

    /// The `Idempotency-Key` of what is done for an item: the same in every process and every attempt.
    pub(crate) fn key(&self, company: Option<CompanyId>, name: &str) -> String {
        let mut digest = self.key_of_run.clone();
        let company = id_of(company).to_string();
        add(&mut digest, [company.as_str(), name]);
        hex(digest.finish().as_ref())
    }

    /// Writes a checkpoint, patiently: a database that comes back finds it.
    pub(crate) async fn save(
        &self,
        part: &mut Part,
        progress: Progress,
        poison: &[Poison],
    ) -> Result<(), NotSaved> {
        let began = self.clock().monotonic();
        let mut pause = Duration::from_millis(50);
        loop {
            let now = self.clock().now();
            let error = match self.parts.save(part, progress.clone(), (poison, now)).await {
                Err(NotSaved::Db(error @ DbError::Unavailable(_))) => error,
                result => return result,
            };
            let waited = self.clock().monotonic().saturating_sub(began);
            let stopping = self.attempts.stop.reason().is_some();
            let patience = if stopping { self.attempts.grace } else { self.attempts.patience };
            if waited > patience {
                return Err(NotSaved::Db(error));
            }
            warn!(cause = %error, "cannot write a checkpoint yet");
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// So many items more were skipped.
    pub(crate) fn skip(&self, count: usize) -> Skipped {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let sum = self.skipped.fetch_add(count, Ordering::Relaxed) + count;
        match count > 0 && sum > self.skip_limit {
            true => Skipped::TooMany(format!(
                "{sum} items are in quarantine, {} may be",
                self.skip_limit
            )),
            false => Skipped::Within,
        }
    }

    /// Keeps the first item of a part that has succeeded, for a sign of life.
    pub(crate) fn remember(&self, company: Option<CompanyId>, (item, key): (&str, &str)) {
        let sign = || Sign { item: item.to_owned(), key: key.to_owned() };
        self.signs.lock().entry(company).or_insert_with(sign);
    }

    /// A part is about to be finished: after that its items are not to be done again.
    pub(crate) fn forget(&self, company: Option<CompanyId>) {
        self.signs.lock().remove(&company);
    }

    /// Does again what has succeeded before, under the same key: for this company, or else for another. Where there is nothing
    /// like that, the job is asked.
    pub(crate) async fn sign_of_life(&self, company: Option<CompanyId>) -> bool {
        let Some((company, sign)) = self.signs.of(company) else {
            return self.job.answers(&self.caller(company).work(&self.run)).await;
        };
        let caller = self.caller(company);
        self.job.process(&caller.work(&self.run), &sign.item, &sign.key).await.is_ok()
    }

    /// What the work on one part is: a step of the run's trace, on the company's behalf. Of many parts each has a trace of its
    /// own that names the run's: nobody could read one with a million steps.
    pub(crate) fn activity_of(&self, part: &Part) -> Option<Activity> {
        let run = Activity::current()?;
        let is_one_of_few = self.progress.all_parts() <= PARTS_IN_ONE_TRACE;
        let own = if is_one_of_few { run.part() } else { run.apart() };
        let own = own.with("run", self.run.id).with("part", part.id);
        Some(match self.caller(part.company) {
            Caller::Company(_, session) => own.on_behalf_of(session),
            Caller::Nobody => own,
        })
    }

    /// Does this as a step of its own of what is being done in this task.
    pub(crate) async fn as_step<T>(&self, name: &'static str, work: impl Future<Output = T>) -> T {
        let Some(activity) = Activity::current().map(|whole| whole.part()) else {
            return work.await;
        };
        let began = self.clock().monotonic();
        let done = activity.clone().run(work).await;
        let took = self.clock().monotonic().saturating_sub(began);
        activity.finish(Step::ended(name, (self.clock().now(), took), false));
        done
    }

    pub(super) fn ended(name: &'static str, at: (Timestamp, Duration), failed: bool) -> TraceStep {
        TraceStep { failed, ..TraceStep::internal(name, at) }
    }

    /// The others need not begin any more.
    pub(crate) fn give_up(&self) {
        self.attempts.stop.request(StopReason::Given);
    }
}

/// Job, window and parameters.
pub(super) fn key_of(run: &Run) -> Context {
    let mut digest = Context::new(&SHA256);
    add(&mut digest, [run.job.as_str(), run.window.label()]);
    let parameters = run.parameters.iter().flat_map(|(name, value)| [name, value]);
    add(&mut digest, parameters.map(String::as_str));
    digest
}

/// The length first: no two lists of texts make the same bytes.
fn add<'t>(digest: &mut Context, texts: impl IntoIterator<Item = &'t str>) {
    for text in texts {
        digest.update(&text.len().to_be_bytes());
        digest.update(text.as_bytes());
    }
}

/// Once for each item: it is worth more than a text for each byte.
fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn each_byte_is_two_small_digits() {
        assert_eq!(hex(&[0x00, 0x0a, 0xf0, 0xff]), "000af0ff");
    }
}
