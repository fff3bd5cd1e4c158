//! order-exports: writes the files of orders that users have asked for, each in the session that was handed on with it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::client::token_source::HandoffRefusal;
use shared::client::{CallError, SessionClient};
use shared::server::StartupError;
use shared::{Clock, ServiceClient};
use tracing::{info, warn};

use crate::error::BatchError;
use crate::file_api::FileApi;
use crate::file_api::sending::{LONGEST, Sent, find_sent, send, sent_while_made};
use crate::job::{Chunk, Declaration, Job, Outcome, Planned, Run, Work};
use crate::jobs::export_statements::{Format, Pages, Sheet, write_pages};
use crate::order_api::exports::{DueExport, ExportApi, Finish};
use crate::order_api::{Order, OrderApi};
use crate::pipe::pipe;
use crate::startup::Batch;
use crate::window::Period;

/// Its name, and what sessions are handed on for.
pub const NAME: &str = "order-exports";
/// Counted under this name.
pub const EXPORTED: &str = "exported";
/// The same where nobody may act for the user any more.
pub const CLOSED: &str = "closed";

/// A quarter past each hour: what is due then.
pub(crate) const DECLARATION: Declaration =
    Declaration::new(NAME, "write the files of orders that users have asked for, each in his name")
        .scheduled("15 * * * *", Period::Hour);

/// Writes exports.
#[derive(Debug)]
pub struct OrderExports {
    orders: OrderApi,
    files: FileApi,
    /// For what may take longer than a call.
    sending: ServiceClient,
    /// On the batch's own behalf.
    exports: ExportApi,
    /// How long file-service may take when it has all.
    answer: Duration,
    clock: Arc<dyn Clock>,
}

impl OrderExports {
    /// The job.
    ///
    /// # Errors
    /// When a service is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn new(batch: &Batch) -> Result<Self, StartupError> {
        Ok(Self {
            orders: batch.order_api("order:read")?,
            files: FileApi::new(batch.client("file-service", "file:read file:write")?),
            sending: batch.patient_client("file-service", "file:read file:write", LONGEST)?,
            exports: ExportApi::new(batch.client("order-service", "order:export")?),
            answer: batch.call_timeout(),
            clock: batch.clock(),
        })
    }

    /// The same where the token has ended in the middle: the next try is told why there is no other one.
    async fn file(&self, export: &DueExport) -> Result<String, BatchError> {
        let file = self.try_file(export).await;
        match file {
            Err(error) if error.refuses_the_token() => {}
            file => return file,
        }
        match self.try_file(export).await {
            // It is known at the service, and not yet where tokens are made: later it is, and nobody else is to wait for that.
            Err(error) if error.refuses_the_token() => {
                let cause = CallError::Unexpected(error.to_string());
                Err(BatchError::call("the handoff's services")(cause))
            }
            file => file,
        }
    }

    /// The file, written now or by a process before this one, in whichever run.
    async fn try_file(&self, export: &DueExport) -> Result<String, BatchError> {
        let key = &format!("{NAME}-{}", export.id);
        let files = self.files.client().with_handoff_for(&export.handoff, NAME);
        if let Some(id) = find_sent(&files, key).await? {
            return Ok(id);
        }
        self.write(export, key).await?;
        let written = find_sent(&files, key).await?;
        written.ok_or_else(|| BatchError::Job("the file that was written is not there".to_owned()))
    }

    async fn write(&self, export: &DueExport, key: &str) -> Result<(), BatchError> {
        let orders = self.orders.client().with_handoff_for(&export.handoff, NAME);
        let files = self.sending.with_handoff_for(&export.handoff, NAME);
        let name = format!("orders-{}.csv", export.id);
        let file = Sent { name: &name, media_type: Format::Csv.media_type(), key };
        let (inlet, outlet) = pipe();
        let own = Own { api: &self.orders, orders, export };
        let writing = write_pages(&own, Sheet::new(Format::Csv)?, inlet);
        sent_while_made(send(&files, (&file, outlet)), writing, self.answer).await
    }

    /// Whoever asked sees how it has ended, and that nobody acts for him any more. The first end counts: where a process before
    /// this one has finished it, that is how it has ended.
    async fn finish(
        &self,
        work: &Work<'_>,
        (export, finish): (&DueExport, &Finish),
    ) -> Result<Outcome, BatchError> {
        let finished = self.exports.finish(work.session()?, &export.id, finish).await?;
        if finished.file_id.is_none() {
            return Ok(Outcome::one(CLOSED));
        }
        if let Err(cause) = self.exports.client().end_handoff(&export.handoff).await {
            warn!(%cause, export = export.id, "what was handed on is not needed any more, and will expire");
        }
        Ok(Outcome::one(EXPORTED))
    }
}

/// The orders that an export is about.
struct Own<'o> {
    api: &'o OrderApi,
    orders: SessionClient,
    export: &'o DueExport,
}

#[async_trait]
impl Pages for Own<'_> {
    async fn page(&self, cursor: Option<&str>) -> Result<(Vec<Order>, Option<String>), BatchError> {
        self.api.exported(&self.orders, self.export, cursor).await
    }
}

/// How it ends where nobody will ever act for its user again. None: that is not so, or not known.
fn closed(refusal: &HandoffRefusal, is_past: bool) -> Option<Finish> {
    let (reason, ended_by) = match refusal {
        HandoffRefusal::Ended { by } => (refusal, Some(by.clone())),
        // Of what has expired long ago nothing is known any more.
        HandoffRefusal::NotYours if is_past => (&HandoffRefusal::Expired, None),
        refusal if refusal.is_for_good() => (refusal, None),
        _ => return None,
    };
    Some(Finish::Closed { reason: reason.word().to_owned(), ended_by })
}

#[async_trait]
impl Job for OrderExports {
    type Item = DueExport;

    fn declaration(&self) -> Declaration {
        DECLARATION
    }

    fn clients(&self) -> Vec<&ServiceClient> {
        vec![self.exports.client()]
    }

    async fn partitions(&self, _: &Run) -> Result<Planned, BatchError> {
        Ok(Planned::Companies(self.exports.companies().await?))
    }

    async fn read(
        &self,
        work: &Work<'_>,
        after: Option<&str>,
    ) -> Result<Chunk<DueExport>, BatchError> {
        let (due, next) = self.exports.due(work.session()?, after).await?;
        Ok(Chunk::new(due.into_iter().map(|export| (export.id.clone(), export)).collect(), next))
    }

    async fn process(
        &self,
        work: &Work<'_>,
        export: &DueExport,
        _: &str,
    ) -> Result<Outcome, BatchError> {
        let error = match self.file(export).await {
            Ok(file_id) => return self.finish(work, (export, &Finish::Done { file_id })).await,
            Err(error) => error,
        };
        let is_past = self.clock.now() > export.handed_on_until;
        let Some(closed) = error.handoff_refusal().and_then(|why| closed(why, is_past)) else {
            return Err(error);
        };
        info!(cause = %error, export = export.id, "nobody may act for user {} any more", export.user_id);
        self.finish(work, (export, &closed)).await
    }
}
