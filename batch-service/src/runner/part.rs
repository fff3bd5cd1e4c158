//! The work on one part: read, write down, process, write down, until it is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tracing::warn;

use super::attempts::NotDone;
use super::step::{Caller, Skipped, Step};
use crate::error::BatchError;
use crate::job::{Chunk, Outcome, Work, add_counts};
use crate::repository::id_of;
use crate::repository::parts::{NotSaved, Part, PartState, Place, Poison, Progress};

/// Why the work on a part has ended before the part has.
#[derive(Debug)]
pub(crate) enum Left {
    Fenced,
    /// Nothing gets through, or the repository stays away.
    Away(String),
    EndsRun(String),
    Stopped,
}

impl From<NotDone> for Left {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Poison { error, .. } | NotDone::EndsRun(error) => {
                Self::EndsRun(error.to_string())
            }
            NotDone::Away(error) => Self::Away(error.to_string()),
            NotDone::Stopped => Self::Stopped,
        }
    }
}

/// What came of the items of a chunk.
#[derive(Default)]
struct Processed {
    done: i64,
    counts: BTreeMap<String, u64>,
    poison: Vec<Poison>,
    remaining: Vec<(String, String)>,
    left: Option<Left>,
}

/// One part in the hands of this process.
pub(crate) struct PartWork {
    step: Arc<Step>,
    part: Part,
    caller: Caller,
}

impl PartWork {
    pub(crate) fn new(step: Arc<Step>, part: Part) -> Self {
        let caller = step.caller(part.company);
        Self { step, part, caller }
    }

    /// Works until the part is done or has failed.
    pub(crate) async fn run(mut self) -> Result<(), Left> {
        while self.part.progress.state == PartState::Open {
            let place = self.part.progress.place.clone();
            let moved = match place {
                Place::Read(after) => self.begin(after).await,
                Place::Process { items, next } => self.process(items, next).await,
                Place::Finish => self.finish().await,
            };
            match moved {
                Err(NotDone::Poison { error, .. }) => self.fail(&error).await?,
                Err(other) => return Err(other.into()),
                Ok(Err(left)) => return Err(left),
                Ok(Ok(())) => {}
            }
        }
        Ok(())
    }

    fn work(&self) -> Work<'_> {
        self.caller.work(&self.step.run)
    }

    async fn begin(&mut self, after: Option<String>) -> Result<Result<(), Left>, NotDone> {
        let chunk = self.read(after.as_deref()).await?;
        let next = self.part.progress.clone();
        Ok(self.go_on(next, chunk, Vec::new()).await)
    }

    async fn read(&self, after: Option<&str>) -> Result<Chunk<String>, NotDone> {
        self.step.holds.pass("before-read").await;
        let work = self.work();
        let chunk = self.step.attempts.step(|| self.step.job.read(&work, after)).await?;
        self.step.holds.pass("after-read").await;
        Ok(chunk)
    }

    /// Processes these items, while the next are read, and writes down both.
    async fn process(
        &mut self,
        items: Vec<(String, String)>,
        next: Option<String>,
    ) -> Result<Result<(), Left>, NotDone> {
        let ahead = async {
            match &next {
                Some(after) => self.read(Some(after)).await.map(Some),
                None => Ok(None),
            }
        };
        let process = self.step.as_step("chunk", self.process_all(&items));
        let (processed, ahead) = futures_util::future::join(process, ahead).await;
        let mut progress = self.part.progress.clone();
        progress.items += processed.done;
        add_counts(&mut progress.counts, processed.counts);
        if let Some(left) = processed.left {
            progress.place = Place::Process { items: processed.remaining, next };
            let saved = self.save(progress, processed.poison).await;
            return Ok(saved.and(Err(left)));
        }
        match ahead {
            Ok(Some(chunk)) => Ok(self.go_on(progress, chunk, processed.poison).await),
            Ok(None) => {
                progress.place = Place::Finish;
                Ok(self.save(progress, processed.poison).await)
            }
            Err(not_read) => {
                progress.place = Place::Read(next);
                match self.save(progress, processed.poison).await {
                    Ok(()) => Err(not_read),
                    failed => Ok(failed),
                }
            }
        }
    }

    /// Writes down what will be processed next.
    async fn go_on(
        &mut self,
        mut progress: Progress,
        chunk: Chunk<String>,
        mut poison: Vec<Poison>,
    ) -> Result<(), Left> {
        for rejected in chunk.rejected {
            let (name, item, reason) = (rejected.name, rejected.item, rejected.reason);
            poison.push(Poison { name, item, reason, attempts: 0 });
        }
        progress.place = match (chunk.items.is_empty(), chunk.next) {
            (true, None) => Place::Finish,
            (true, next) => Place::Read(next),
            (false, next) => Place::Process { items: chunk.items, next },
        };
        self.save(progress, poison).await
    }

    async fn process_all(&self, items: &[(String, String)]) -> Processed {
        let calls: Vec<_> = items.iter().map(|(name, item)| self.process_one(name, item)).collect();
        let mut results = stream::iter(calls).buffer_unordered(self.step.concurrency);
        let mut processed = Processed::default();
        while let Some((name, item, result)) = results.next().await {
            processed.note((name, item), result);
        }
        processed
    }

    async fn process_one<'i>(
        &self,
        name: &'i str,
        item: &'i str,
    ) -> (&'i str, &'i str, Result<Outcome, NotDone>) {
        let key = self.step.key(self.part.company, name);
        let work = self.work();
        let once = || async {
            self.step.holds.pass("before-item").await;
            let outcome = self.step.job.process(&work, item, &key).await;
            self.step.holds.pass("after-item").await;
            outcome
        };
        let result =
            self.step.attempts.item(once, || self.step.sign_of_life(self.part.company)).await;
        match &result {
            Ok(_) => self.step.remember(self.part.company, (item, &key)),
            Err(NotDone::Away(_) | NotDone::EndsRun(_)) => self.step.give_up(),
            Err(_) => {}
        }
        (name, item, result)
    }

    async fn finish(&mut self) -> Result<Result<(), Left>, NotDone> {
        self.step.forget(self.part.company);
        self.step.holds.pass("before-finish").await;
        let work = self.work();
        self.step.attempts.step(|| self.step.job.finish(&work)).await?;
        self.step.holds.pass("after-finish").await;
        let mut progress = self.part.progress.clone();
        progress.state = PartState::Done;
        let saved = self.save(progress, Vec::new()).await;
        Ok(saved.inspect(|()| self.step.progress.part_done()))
    }

    /// Something is wrong with this part, and will be: the others go on.
    async fn fail(&mut self, error: &BatchError) -> Result<(), Left> {
        let company = id_of(self.part.company);
        warn!(run = self.part.run_id, company, cause = %error, "a part has failed");
        let mut progress = self.part.progress.clone();
        (progress.state, progress.reason) = (PartState::Failed, error.to_string());
        let saved = self.save(progress, Vec::new()).await;
        saved.inspect(|()| self.step.progress.part_failed())
    }

    /// Writes a checkpoint, and says how many items have come to what.
    async fn save(&mut self, mut progress: Progress, poison: Vec<Poison>) -> Result<(), Left> {
        self.step.holds.pass("before-checkpoint").await;
        let done = progress.items - self.part.progress.items;
        progress.skipped += i64::try_from(poison.len()).unwrap_or(i64::MAX);
        self.step.save(&mut self.part, progress, &poison).await.map_err(|error| match error {
            NotSaved::Fenced => Left::Fenced,
            NotSaved::Db(error) => Left::Away(error.to_string()),
        })?;
        self.step.holds.pass("after-checkpoint").await;
        self.step.progress.items(u64::try_from(done).unwrap_or_default());
        self.step.progress.quarantined(u64::try_from(poison.len()).unwrap_or_default());
        match self.step.skip(poison.len()) {
            Skipped::Within => Ok(()),
            Skipped::TooMany(reason) => Err(Left::EndsRun(reason)),
        }
    }
}

/// What was refused, on its way to quarantine.
pub(super) fn poison_of(rejected: Vec<(String, String, String)>, attempts: i32) -> Vec<Poison> {
    let poison = |(name, item, reason)| Poison { name, item, reason, attempts };
    rejected.into_iter().map(poison).collect()
}

impl Processed {
    fn note(&mut self, (name, item): (&str, &str), result: Result<Outcome, NotDone>) {
        match result {
            Ok(outcome) => {
                self.done += 1;
                add_counts(&mut self.counts, outcome.counts);
                self.poison.extend(poison_of(outcome.rejected, 1));
            }
            Err(NotDone::Poison { error, attempts }) => self.poison.push(Poison {
                name: name.to_owned(),
                item: item.to_owned(),
                reason: error.to_string(),
                attempts: i32::try_from(attempts).unwrap_or(i32::MAX),
            }),
            Err(other) => {
                self.remaining.push((name.to_owned(), item.to_owned()));
                let left = Left::from(other);
                // That the others were stopped is a consequence.
                if !matches!(self.left, Some(Left::Away(_) | Left::EndsRun(_))) {
                    self.left = Some(left);
                }
            }
        }
    }
}
