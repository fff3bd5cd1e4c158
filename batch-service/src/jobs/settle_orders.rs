//! settle-orders: settles the orders paid on a day, company by company, each under that company's session.
//!
//! Whatever is interrupted is gone on with by the next run: a statement is OPEN until its file is written, every
//! call that changes something has a name that is the same in every run, and the orders on a statement are those
//! that order-service has settled under its id.

mod statement;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::NaiveDate;
use futures_util::{StreamExt, stream};
use shared::{Clock, CompanyId, Session, UserId};
use tracing::warn;

use crate::error::BatchError;
use crate::file_api::FileApi;
use crate::money::Sums;
use crate::order_api::{Order, OrderApi, Which};
use crate::progress::Progress;
use crate::report::{CompanyReport, Left, SettlementReport};
use crate::repository::{Settlement, SettlementRepository};
use crate::user_api::UserApi;

/// Its name.
pub const NAME: &str = "settle-orders";

/// Settles orders.
#[derive(Clone, Debug)]
pub struct SettleOrders {
    pub(crate) orders: OrderApi,
    pub(crate) users: UserApi,
    pub(crate) files: FileApi,
    pub(crate) settlements: SettlementRepository,
    pub(crate) account: UserId,
    pub(crate) concurrency: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Progress,
}

/// One company's orders of one day.
struct Work<'j> {
    job: &'j SettleOrders,
    date: NaiveDate,
    company: CompanyId,
    session: Session,
}

impl SettleOrders {
    /// Settles what was paid on this day (in UTC). A company that cannot be finished is reported with what is left,
    /// and does not stop the others.
    ///
    /// # Errors
    /// When the list of companies cannot be had.
    pub async fn run(&self, date: NaiveDate) -> Result<SettlementReport, BatchError> {
        let companies = self.orders.companies_paid_on(date).await?;
        let mut reports = Vec::with_capacity(companies.len());
        for company in companies {
            let session = Session::new(company, self.account);
            let work = Work { job: self, date, company, session };
            reports.push(work.run().await);
        }
        self.progress.finish();
        Ok(SettlementReport { date, companies: reports })
    }
}

impl Work<'_> {
    async fn run(&self) -> CompanyReport {
        let settled = AtomicU64::new(0);
        let done = self.settle(&settled).await;
        // What is known of the statements is reported also when the work broke off.
        let listed = self.job.settlements.list(self.date, self.company).await;
        let (statements, listed) = match listed {
            Ok(statements) => (statements, Ok(())),
            Err(error) => (Vec::new(), Err(BatchError::from(error))),
        };
        let mut sums = Sums::default();
        let summed = statements.iter().try_for_each(|one| sums.add_all(&one.sums));
        let failed = done.and(listed).and(summed.map_err(BatchError::from)).err();
        CompanyReport {
            company: self.company,
            settled: settled.into_inner(),
            orders: statements.iter().map(|one| one.order_count).sum(),
            sums,
            statements: statements.iter().flat_map(|one| one.file_ids.clone()).collect(),
            left: failed.map(|error| self.left(&error)),
        }
    }

    fn left(&self, error: &BatchError) -> Left {
        let (reason, transient) = (error.to_string(), error.is_transient());
        warn!(company = self.company.get(), cause = reason, transient, "a company is not done");
        Left { reason, transient }
    }

    /// Settles what is paid, then writes every statement that is not written, or not with all of its orders.
    async fn settle(&self, settled: &AtomicU64) -> Result<(), BatchError> {
        let orders = self.job.orders.list(&self.session, &Which::PaidOn(self.date)).await?;
        let paid: Vec<&Order> = orders.iter().filter(|order| order.status == "PAID").collect();
        let refused = match paid.is_empty() {
            true => Ok(()),
            false => {
                let settlement = self.settlement().await?;
                self.settle_all(&paid, &self.settlement_id(settlement), settled).await?
            }
        };
        for statement in self.job.settlements.list(self.date, self.company).await? {
            if statement.open || self.is_incomplete(&statement, &orders) {
                self.write(statement).await?;
            }
        }
        refused
    }

    /// The number of the statement to work on: of the one that is open, or of a new one.
    async fn settlement(&self) -> Result<i32, BatchError> {
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

    /// No lease keeps two runs apart, so the slower may have settled an order on a statement that the faster had
    /// written already.
    fn is_incomplete(&self, written: &Settlement, orders: &[Order]) -> bool {
        let id = self.settlement_id(written.number);
        let settled = orders.iter().filter(|order| order.settlement_id.as_ref() == Some(&id));
        i64::try_from(settled.count()).is_ok_and(|settled| settled > written.order_count)
    }

    /// Settles the orders, several at once. After the first failure that may pass, the rest is left for another run.
    /// An order that is refused for good does not stop the others; that is the inner result.
    async fn settle_all(
        &self,
        paid: &[&Order],
        settlement_id: &str,
        settled: &AtomicU64,
    ) -> Result<Result<(), BatchError>, BatchError> {
        let steps = self.job.progress.company(self.company, paid.len());
        let broken = AtomicBool::new(false);
        let one = |order: &&Order| {
            let (id, steps, broken) = (order.id.clone(), steps.clone(), &broken);
            async move {
                if broken.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let result = self.job.orders.settle(&self.session, &id, settlement_id).await;
                broken.fetch_or(
                    result.as_ref().is_err_and(BatchError::is_transient),
                    Ordering::Relaxed,
                );
                settled.fetch_add(u64::from(result?), Ordering::Relaxed);
                steps.step();
                Ok(())
            }
        };
        let calls: Vec<_> = paid.iter().map(one).collect();
        let results = stream::iter(calls).buffer_unordered(self.job.concurrency);
        let failed: Vec<BatchError> =
            results.filter_map(async |result: Result<(), BatchError>| result.err()).collect().await;
        let (transient, lasting): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(BatchError::is_transient);
        match transient.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(refused(&lasting)),
        }
    }
}

fn refused(lasting: &[BatchError]) -> Result<(), BatchError> {
    let Some(first) = lasting.first() else { return Ok(()) };
    let count = u64::try_from(lasting.len()).unwrap_or(u64::MAX);
    Err(BatchError::Refused { count, first: first.to_string() })
}
