//! expire-files: deletes the files that have expired, company by company.

use std::sync::Arc;

use async_trait::async_trait;
use shared::server::StartupError;
use shared::{Clock, ServiceClient, Timestamp};

use crate::error::BatchError;
use crate::file_api::FileApi;
use crate::job::{Chunk, Declaration, Job, Outcome, Planned, Run, Work};
use crate::startup::Batch;
use crate::window::Period;

/// Its name.
pub const NAME: &str = "expire-files";
/// Counted under this name.
pub const DELETED: &str = "deleted";

/// Five minutes past each hour: what had expired when it began.
pub(crate) const DECLARATION: Declaration =
    Declaration::new(NAME, "delete the files that have expired, company by company")
        .scheduled("5 * * * *", Period::Hour);

/// Deletes files.
#[derive(Debug)]
pub struct ExpireFiles {
    files: FileApi,
    /// Its tokens carry no session, and are good for nothing else.
    companies: FileApi,
    clock: Arc<dyn Clock>,
}

impl ExpireFiles {
    /// The job.
    ///
    /// # Errors
    /// When a service is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn new(batch: &Batch) -> Result<Self, StartupError> {
        Ok(Self {
            files: FileApi::new(batch.client("file-service", "file:read file:write")?),
            companies: FileApi::new(batch.client("file-service", "file:expire")?),
            clock: batch.clock(),
        })
    }

    /// Nothing expires early because somebody has named an hour that is still to come.
    fn before(&self, run: &Run) -> Timestamp {
        run.window.end().min(self.clock.now())
    }
}

#[async_trait]
impl Job for ExpireFiles {
    /// The file's id.
    type Item = String;

    fn declaration(&self) -> Declaration {
        DECLARATION
    }

    fn clients(&self) -> Vec<&ServiceClient> {
        vec![self.files.client()]
    }

    async fn partitions(&self, run: &Run) -> Result<Planned, BatchError> {
        let companies = self.companies.companies_with_expired(self.before(run)).await?;
        Ok(Planned::Companies(companies))
    }

    async fn read(
        &self,
        work: &Work<'_>,
        after: Option<&str>,
    ) -> Result<Chunk<String>, BatchError> {
        let before = self.before(work.run);
        let (ids, next) = self.files.expired(work.session()?, before, after).await?;
        Ok(Chunk::new(ids.into_iter().map(|id| (id.clone(), id)).collect(), next))
    }

    async fn process(&self, work: &Work<'_>, id: &String, _: &str) -> Result<Outcome, BatchError> {
        self.files.delete(work.session()?, id).await?;
        Ok(Outcome::one(DELETED))
    }
}
