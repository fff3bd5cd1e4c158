//! A runner on a database of its own, and a job that needs no service.

mod leases;
mod quarantine;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tempfile::TempDir;

use super::{Asked, RunReport, Runner, Stop};
use crate::config::Config;
use crate::error::BatchError;
use crate::job::{Chunk, Declaration, Job, Outcome, Planned, Rejected, Run, Work};
use crate::startup::Batch;
use crate::window::Window;

type Failed = Box<dyn std::error::Error>;

struct Bench {
    batch: Batch,
    _folder: TempDir,
}

impl Bench {
    async fn start() -> Result<Self, Failed> {
        let folder = TempDir::new()?;
        let nowhere = "http://127.0.0.1:1/".to_owned();
        let database = format!("sqlite://{}", folder.path().join("batch.db").display());
        let settings = [
            ("database_url", database),
            ("client_secret", "secret".to_owned()),
            ("token_url", nowhere.clone()),
            ("order_url", nowhere.clone()),
            ("user_url", nowhere.clone()),
            ("file_url", nowhere),
            ("lease_s", "1".to_owned()),
        ];
        let batch = Batch::start(&Config::of(settings)?).await?;
        Ok(Self { batch, _folder: folder })
    }

    fn runner(&self) -> Runner {
        self.batch.runner()
    }

    async fn run(&self, asked: &Asked) -> Result<RunReport, BatchError> {
        self.runner().run(asked, &Stop::default()).await
    }
}

/// What becomes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Bad,
    CountsTwice,
    /// It is fine, but this other one with it is refused.
    Refuses(u32),
}

/// Some numbers for each company.
struct Numbers {
    companies: Vec<i64>,
    fates: Mutex<Vec<(u32, Fate)>>,
}

impl Numbers {
    fn new(companies: &[i64], fates: &[(u32, Fate)]) -> Arc<Self> {
        Arc::new(Self { companies: companies.to_vec(), fates: Mutex::new(fates.to_vec()) })
    }

    fn set(&self, fates: &[(u32, Fate)]) {
        *self.fates.lock().unwrap_or_else(PoisonError::into_inner) = fates.to_vec();
    }

    fn fates(&self) -> Vec<(u32, Fate)> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn asked(job: &Arc<Numbers>) -> Asked {
    Asked::new(Arc::clone(job) as Arc<_>, Window::once(), BTreeMap::new())
}

#[async_trait]
impl Job for Numbers {
    type Item = u32;

    fn declaration(&self) -> Declaration {
        Declaration::new("numbers", "counts numbers")
    }

    async fn partitions(&self, _: &Run) -> Result<Planned, BatchError> {
        let companies = self.companies.iter().filter_map(|id| (*id).try_into().ok());
        Ok(Planned::Companies(companies.collect()))
    }

    async fn read(&self, _: &Work<'_>, _: Option<&str>) -> Result<Chunk<u32>, BatchError> {
        let fates = self.fates().into_iter();
        Ok(Chunk::new(fates.map(|(number, _)| (number.to_string(), number)).collect(), None))
    }

    async fn process(&self, _: &Work<'_>, item: &u32, _: &str) -> Result<Outcome, BatchError> {
        let fate = self.fates().into_iter().find(|(number, _)| number == item);
        match fate.map(|(_, fate)| fate) {
            Some(Fate::Bad) => Err(BatchError::Job("bad".to_owned())),
            Some(Fate::CountsTwice) => Ok(Outcome::one("counted").and("counted", 1)),
            Some(Fate::Refuses(other)) => {
                let reason = "refused".to_owned();
                let rejected = Rejected { name: other.to_string(), item: other, reason };
                let outcome = Outcome::one("counted").reject(&rejected);
                outcome.map_err(|error| BatchError::Job(error.to_string()))
            }
            Some(Fate::Fine) | None => Ok(Outcome::one("counted")),
        }
    }
}
