//! settle-orders: settles the orders paid on a day, company by company, each under that company's session.
//!
//! An item is an order. When all of a company's are settled, its statement is written: one that is OPEN until its file is
//! there. The orders on a statement are those that order-service has settled under its id, so that every order stands on
//! exactly one file, whatever was killed in between and however often it is done again.

mod statement;
mod writing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use shared::server::StartupError;
use shared::{Clock, CompanyId, ServiceClient, Session};
use tokio::sync::OnceCell;

use crate::error::BatchError;
use crate::file_api::FileApi;
use crate::job::{Chunk, Declaration, Job, Outcome, Planned, Run, Work};
use crate::money::Sums;
use crate::order_api::{Order, OrderApi, Which};
use crate::report::{CompanyReport, SettlementReport};
use crate::repository::{Settlement, SettlementRepository};
use crate::runner::RunReport;
use crate::startup::Batch;
use crate::user_api::UserApi;
use crate::window::Period;

/// Its name.
pub const NAME: &str = "settle-orders";

/// Counted under these names.
pub const SETTLED: &str = "settled";
const CANCELLED: &str = "not to be settled any more";

/// At half past one: what was paid on the day before in UTC.
pub(crate) const DECLARATION: Declaration =
    Declaration::new(NAME, "settle the orders paid on a day, company by company")
        .scheduled("30 1 * * *", Period::Day);

/// Settles orders.
#[derive(Debug)]
pub struct SettleOrders {
    orders: OrderApi,
    users: UserApi,
    files: FileApi,
    settlements: SettlementRepository,
    clock: Arc<dyn Clock>,
    /// The number of the statement that each company's part is working on.
    numbers: Mutex<HashMap<(i64, CompanyId), Number>>,
}

/// Found out once, by whichever order comes first.
type Number = Arc<OnceCell<i32>>;

/// One company's orders of one day.
struct Day<'j> {
    job: &'j SettleOrders,
    date: NaiveDate,
    company: CompanyId,
    session: &'j Session,
}

impl SettleOrders {
    /// The job.
    ///
    /// # Errors
    /// When a service is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn new(batch: &Batch) -> Result<Self, StartupError> {
        let files = batch.client("file-service", "file:read file:write")?;
        Ok(Self {
            orders: batch.order_api("order:read order:settle")?,
            users: UserApi::new(batch.client("user-service", "user:read")?),
            files: FileApi::new(files),
            settlements: SettlementRepository::new(batch.db().clone()),
            clock: batch.clock(),
            numbers: Mutex::default(),
        })
    }

    fn day<'w>(&'w self, work: &Work<'w>) -> Result<Day<'w>, BatchError> {
        let nobody = || BatchError::Job("settle-orders works for companies".to_owned());
        let company = work.company.ok_or_else(nobody)?;
        Ok(Day { job: self, date: date_of(work.run)?, company, session: work.session()? })
    }

    fn number(&self, work: &Work<'_>, company: CompanyId) -> Number {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(numbers.entry((work.run.id, company)).or_default())
    }
}

impl SettleOrders {
    /// What a run has done, with the statements of each company.
    ///
    /// # Errors
    /// When the batch's own database is away.
    pub async fn report(&self, run: RunReport) -> Result<SettlementReport, BatchError> {
        let label = &run.run.window;
        let date = label.parse().map_err(|_| BatchError::Job(format!("`{label}` is no day")))?;
        let mut companies = Vec::with_capacity(run.by_company.len());
        for (company, counts) in &run.by_company {
            let Ok(company) = CompanyId::try_from(*company) else { continue };
            let statements = self.settlements.list(date, company).await?;
            let mut sums = Sums::default();
            statements.iter().try_for_each(|one| sums.add_all(&one.sums))?;
            let failed = run.failed.iter().find(|(id, _)| *id == company.get());
            companies.push(CompanyReport {
                company,
                settled: counts.get(SETTLED).copied().unwrap_or_default(),
                orders: statements.iter().map(|one| one.order_count).sum(),
                sums,
                statements: statements.iter().flat_map(|one| one.file_ids.clone()).collect(),
                left: failed.map(|(_, reason)| reason.clone()),
            });
        }
        Ok(SettlementReport { date, run, companies })
    }
}

#[async_trait]
impl Job for SettleOrders {
    type Item = String;

    fn declaration(&self) -> Declaration {
        DECLARATION
    }

    fn clients(&self) -> Vec<&ServiceClient> {
        vec![self.orders.client(), self.users.client(), self.files.client()]
    }

    async fn partitions(&self, run: &Run) -> Result<Planned, BatchError> {
        let companies = self.orders.companies_paid_on(date_of(run)?).await?;
        Ok(Planned::Companies(companies))
    }

    async fn read(
        &self,
        work: &Work<'_>,
        after: Option<&str>,
    ) -> Result<Chunk<String>, BatchError> {
        let which = Which::PaidOn(date_of(work.run)?);
        let (orders, next) = self.orders.page(work.session()?, &which, after).await?;
        let paid = orders.into_iter().filter(|order| order.status == "PAID");
        let items = paid.map(|order| (order.id.clone(), order.id)).collect();
        Ok(Chunk::new(items, next))
    }

    async fn process(
        &self,
        work: &Work<'_>,
        order_id: &String,
        key: &str,
    ) -> Result<Outcome, BatchError> {
        let day = self.day(work)?;
        let number = self.number(work, day.company);
        let number = *number.get_or_try_init(|| day.open_statement()).await?;
        let order = (order_id.as_str(), day.settlement_id(number));
        let order = (order.0, order.1.as_str());
        let settled = self.orders.settle(day.session, order, key).await?;
        Ok(Outcome::one(if settled { SETTLED } else { CANCELLED }))
    }

    async fn answers(&self, work: &Work<'_>) -> bool {
        self.read(work, None).await.is_ok()
    }

    async fn summary(&self, report: &RunReport) -> Result<String, BatchError> {
        Ok(self.report(report.clone()).await?.to_string())
    }

    /// Writes every statement that is not written, or not with all of its orders.
    async fn finish(&self, work: &Work<'_>) -> Result<(), BatchError> {
        let day = self.day(work)?;
        let orders = self.orders.list(day.session, &Which::PaidOn(day.date)).await?;
        for statement in self.settlements.list(day.date, day.company).await? {
            if statement.open || day.is_incomplete(&statement, &orders) {
                day.write(statement).await?;
            }
        }
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.remove(&(work.run.id, day.company));
        Ok(())
    }
}

impl Day<'_> {
    /// The number of the statement to work on: of the one that is open, or of a new one.
    async fn open_statement(&self) -> Result<i32, BatchError> {
        let repository = &self.job.settlements;
        let last = repository.list(self.date, self.company).await?.pop();
        let number = match last {
            Some(last) if last.open => return Ok(last.number),
            last => last.map_or(1, |last| last.number + 1),
        };
        repository.open(self.date, self.company, (number, self.job.clock.now())).await?;
        Ok(number)
    }

    fn settlement_id(&self, number: i32) -> String {
        format!("{NAME}/{}/{}/{number}", self.date, self.company)
    }

    /// A process that was fenced off may have settled an order on a statement that was written meanwhile.
    fn is_incomplete(&self, written: &Settlement, orders: &[Order]) -> bool {
        let id = self.settlement_id(written.number);
        let settled = orders.iter().filter(|order| order.settlement_id.as_ref() == Some(&id));
        i64::try_from(settled.count()).is_ok_and(|settled| settled > written.order_count)
    }
}

fn date_of(run: &Run) -> Result<NaiveDate, BatchError> {
    let label = run.window.label();
    run.window.date().ok_or_else(|| BatchError::Job(format!("`{label}` is no day")))
}
