//! [`AnyJob`]: any [`Job`], whatever its items are. The runner holds them as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use shared::ServiceClient;

use super::{Chunk, Declaration, Job, Outcome, Planned, Rejected, Run, Work};
use crate::error::BatchError;
use crate::runner::RunReport;

/// A job of any kind.
pub type SharedJob = Arc<dyn AnyJob>;

/// [`Job`] without its type of items. Every job is one.
#[async_trait]
pub trait AnyJob: Send + Sync {
    fn declaration(&self) -> Declaration;
    fn clients(&self) -> Vec<&ServiceClient>;
    async fn identify(&self, parameters: &mut BTreeMap<String, String>) -> Result<(), BatchError>;
    async fn partitions(&self, run: &Run) -> Result<Planned, BatchError>;
    async fn read(&self, work: &Work<'_>, after: Option<&str>)
    -> Result<Chunk<String>, BatchError>;
    async fn process(&self, work: &Work<'_>, item: &str, key: &str) -> Result<Outcome, BatchError>;
    async fn finish(&self, work: &Work<'_>) -> Result<(), BatchError>;
    async fn answers(&self, work: &Work<'_>) -> bool;
    async fn summary(&self, report: &RunReport) -> Result<String, BatchError>;
}

#[async_trait]
impl<J: Job> AnyJob for J {
    fn declaration(&self) -> Declaration {
        Job::declaration(self)
    }

    fn clients(&self) -> Vec<&ServiceClient> {
        Job::clients(self)
    }

    async fn identify(&self, parameters: &mut BTreeMap<String, String>) -> Result<(), BatchError> {
        Job::identify(self, parameters).await
    }

    async fn partitions(&self, run: &Run) -> Result<Planned, BatchError> {
        Job::partitions(self, run).await
    }

    async fn read(
        &self,
        work: &Work<'_>,
        after: Option<&str>,
    ) -> Result<Chunk<String>, BatchError> {
        let chunk = Job::read(self, work, after).await?;
        let mut items = Vec::with_capacity(chunk.items.len());
        for (name, item) in chunk.items {
            items.push((name, serde_json::to_string(&item).map_err(unwritable)?));
        }
        let mut rejected = Vec::with_capacity(chunk.rejected.len());
        for Rejected { name, item, reason } in chunk.rejected {
            let item = serde_json::to_string(&item).map_err(unwritable)?;
            rejected.push(Rejected { name, item, reason });
        }
        Ok(Chunk { items, rejected, next: chunk.next })
    }

    async fn process(&self, work: &Work<'_>, item: &str, key: &str) -> Result<Outcome, BatchError> {
        let item = serde_json::from_str(item).map_err(unwritable)?;
        Job::process(self, work, &item, key).await
    }

    async fn finish(&self, work: &Work<'_>) -> Result<(), BatchError> {
        Job::finish(self, work).await
    }

    async fn answers(&self, work: &Work<'_>) -> bool {
        Job::answers(self, work).await
    }

    async fn summary(&self, report: &RunReport) -> Result<String, BatchError> {
        Job::summary(self, report).await
    }
}

/// Also for one that an older release has written and this one does not understand.
fn unwritable(error: serde_json::Error) -> BatchError {
    BatchError::Job(format!("an item is not what the job takes: {error}"))
}
