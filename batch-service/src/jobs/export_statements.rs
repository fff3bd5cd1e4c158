//! export-statements: all that a company's customers have paid in a month, as CSV and as Parquet, at file-service.
//!
//! An item is a file. It is made and sent page by page, so that memory does not grow with the orders. Its key is the upload's: what
//! stands already stands.

mod columns;
mod csv_sheet;
mod line;
mod parquet_sheet;
mod sheet;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use shared::server::StartupError;
use shared::{Clock, ServiceClient, Session};

use crate::error::BatchError;
use crate::file_api::FileApi;
use crate::file_api::sending::{LONGEST, Sent, find_sent, send, sent_while_made};
use crate::job::{Chunk, Declaration, Job, Outcome, Planned, Run, Work};
use crate::order_api::paid::Stretch;
use crate::order_api::{Order, OrderApi};
use crate::pipe::{Inlet, pipe};
use crate::startup::Batch;
use crate::window::Period;
pub(super) use sheet::Sheet;

/// Its name.
pub const NAME: &str = "export-statements";
/// Counted under this name.
pub const EXPORTED: &str = "exported";

/// In the night after a month's last day in UTC.
pub(crate) const DECLARATION: Declaration = Declaration::new(
    NAME,
    "export the orders paid in a month as CSV and Parquet, for each company",
)
.scheduled("0 4 1 * *", Period::Month);

/// What a file is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated (RFC 4180).
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Exports orders.
#[derive(Debug)]
pub struct ExportStatements {
    orders: OrderApi,
    /// Its tokens carry no session, and are good for nothing else.
    companies: OrderApi,
    files: FileApi,
    /// For what may take longer than a call.
    sending: ServiceClient,
    /// How long file-service may take when it has all.
    answer: Duration,
    clock: Arc<dyn Clock>,
}

impl ExportStatements {
    /// The job.
    ///
    /// # Errors
    /// When a service is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn new(batch: &Batch) -> Result<Self, StartupError> {
        Ok(Self {
            orders: batch.order_api("order:read")?,
            companies: batch.order_api("order:settle")?,
            files: FileApi::new(batch.client("file-service", "file:read file:write")?),
            sending: batch.patient_client("file-service", "file:read file:write", LONGEST)?,
            answer: batch.call_timeout(),
            clock: batch.clock(),
        })
    }

    /// What is exported stands for good, so the month has to be over.
    fn stretch(&self, run: &Run) -> Result<Stretch, BatchError> {
        let window = &run.window;
        if window.end() > self.clock.now() {
            return Err(BatchError::Job(format!("{} is not over yet", window.label())));
        }
        Ok((window.start(), window.end()))
    }
}

/// Orders, page by page.
#[async_trait]
pub(super) trait Pages: Sync {
    /// Some, from `cursor` on, and where the next begin.
    async fn page(&self, cursor: Option<&str>) -> Result<(Vec<Order>, Option<String>), BatchError>;
}

/// Those that were paid in a stretch of time.
struct Paid<'p> {
    orders: &'p OrderApi,
    session: &'p Session,
    stretch: Stretch,
}

#[async_trait]
impl Pages for Paid<'_> {
    async fn page(&self, cursor: Option<&str>) -> Result<(Vec<Order>, Option<String>), BatchError> {
        self.orders.paid(self.session, self.stretch, cursor).await
    }
}

/// Reads orders page by page and writes them into the pipe. It ends early, and well, when nobody takes them any more: the
/// request says why.
pub(super) async fn write_pages(
    pages: &dyn Pages,
    mut sheet: Sheet,
    inlet: Inlet,
) -> Result<(), BatchError> {
    let mut cursor: Option<String> = None;
    loop {
        let (orders, next) = pages.page(cursor.as_deref()).await?;
        for order in &orders {
            sheet.add(order)?;
        }
        if inlet.write(sheet.take()?).await.is_err() {
            return Ok(());
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    if inlet.write(sheet.finish()?).await.is_ok() {
        let _ = inlet.finish().await;
    }
    Ok(())
}

#[async_trait]
impl Job for ExportStatements {
    type Item = Format;

    fn declaration(&self) -> Declaration {
        DECLARATION
    }

    fn clients(&self) -> Vec<&ServiceClient> {
        vec![self.orders.client(), self.files.client()]
    }

    async fn partitions(&self, run: &Run) -> Result<Planned, BatchError> {
        Ok(Planned::Companies(self.companies.companies_paid(self.stretch(run)?).await?))
    }

    async fn read(&self, _: &Work<'_>, _: Option<&str>) -> Result<Chunk<Format>, BatchError> {
        let formats = [Format::Csv, Format::Parquet];
        let items = formats.map(|format| (format.name().to_owned(), format));
        Ok(Chunk::new(items.into(), None))
    }

    async fn process(
        &self,
        work: &Work<'_>,
        format: &Format,
        key: &str,
    ) -> Result<Outcome, BatchError> {
        let (session, stretch) = (work.session()?, self.stretch(work.run)?);
        if find_sent(&self.files.client().with_session(session), key).await?.is_some() {
            return Ok(Outcome::one(EXPORTED));
        }
        let name = format!("orders-{}.{}", work.run.window.label(), format.name());
        let file = Sent { name: &name, media_type: format.media_type(), key };
        let (inlet, outlet) = pipe();
        let paid = Paid { orders: &self.orders, session, stretch };
        let writing = write_pages(&paid, Sheet::new(*format)?, inlet);
        let files = self.sending.with_session(session);
        sent_while_made(send(&files, (&file, outlet)), writing, self.answer).await?;
        Ok(Outcome::one(EXPORTED))
    }
}
