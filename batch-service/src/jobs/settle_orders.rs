//! settle-orders: settles the orders paid on a day, company by company, each under that company's session.
//!
//! Whatever is interrupted is gone on with by the next run: a statement is OPEN until its file is written, every
//! call that changes something has a name that is the same in every run, and the orders on a statement are those
//! that order-service has settled under its id.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::NaiveDate;
use futures_util::{StreamExt, stream};
use shared::{Clock, CompanyId, Session, UserId};
use tracing::{info, warn};

use crate::error::BatchError;
use crate::file_api::FileApi;
use crate::jobs::statement;
use crate::order_api::{Order, OrderApi, Which};
use crate::progress::Progress;
use crate::report::{CompanyReport, SettlementReport};
use crate::repository::{Settlement, SettlementRepository};
use crate::user_api::{User, UserApi};

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
        let left = done.err().map(|error| error.to_string());
        if let Some(left) = &left {
            warn!(company = self.company.get(), cause = left, "a company is left for the next run");
        }
        // What is known of the statements is reported also when the work broke off.
        let statements = self.job.settlements.list(self.date, self.company).await;
        let statements = statements.unwrap_or_default();
        let mut report = CompanyReport {
            company: self.company,
            settled: settled.into_inner(),
            orders: statements.iter().map(|one| one.order_count).sum(),
            sums: crate::money::Sums::default(),
            statements: statements.iter().filter_map(|one| one.file_id.clone()).collect(),
            left,
        };
        statements.iter().for_each(|one| report.sums.add_all(&one.sums));
        report
    }

    async fn settle(&self, settled: &AtomicU64) -> Result<(), BatchError> {
        self.close_what_is_written().await?;
        let orders = self.job.orders.list(&self.session, &Which::PaidOn(self.date)).await?;
        self.settle_paid(&orders, settled).await?;
        self.check_written(&orders).await
    }

    async fn settle_paid(&self, orders: &[Order], settled: &AtomicU64) -> Result<(), BatchError> {
        let paid: Vec<&Order> = orders.iter().filter(|order| order.status == "PAID").collect();
        let Some(settlement) = self.settlement(!paid.is_empty()).await? else {
            info!(company = self.company.get(), "nothing to settle");
            return Ok(());
        };
        self.settle_all(&paid, &self.settlement_id(&settlement), settled).await?;
        let (text, statement) = self.statement(settlement).await?;
        let file_id = match statement.order_count {
            // All of them were cancelled meanwhile: a statement of nothing is none.
            0 => None,
            _ => Some(self.upload(&statement, text).await?),
        };
        let done = Settlement { open: false, file_id, ..statement };
        self.job.settlements.close(self.date, self.company, &done).await?;
        Ok(())
    }

    /// A run that was killed between writing the file and saying so has left the statement OPEN. It is closed before
    /// anything else is settled: what comes now is not in that file and belongs on the next one.
    async fn close_what_is_written(&self) -> Result<(), BatchError> {
        let last = self.job.settlements.list(self.date, self.company).await?.pop();
        let Some(open) = last.filter(|last| last.open) else { return Ok(()) };
        let name = self.file_name(&open);
        let Some(file) = self.job.files.find_by_name(&self.session, &name).await? else {
            return Ok(());
        };
        let (_, statement) = self.statement(open).await?;
        let done = Settlement { open: false, file_id: Some(file), ..statement };
        self.job.settlements.close(self.date, self.company, &done).await?;
        Ok(())
    }

    /// Every order that is settled under a closed statement's id has to stand on it. There is no lease that keeps two
    /// runs apart; this notices what they may do to each other.
    async fn check_written(&self, orders: &[Order]) -> Result<(), BatchError> {
        for written in self.job.settlements.list(self.date, self.company).await? {
            let id = self.settlement_id(&written);
            let settled = orders.iter().filter(|order| order.settlement_id.as_ref() == Some(&id));
            let missing = i64::try_from(settled.count()).unwrap_or(i64::MAX) - written.order_count;
            if !written.open && missing > 0 {
                return Err(BatchError::Incomplete { number: written.number, missing });
            }
        }
        Ok(())
    }

    /// The statement to work on: the one that is open, or a new one if there are orders for it.
    async fn settlement(&self, has_orders: bool) -> Result<Option<Settlement>, BatchError> {
        let repository = &self.job.settlements;
        let last = repository.list(self.date, self.company).await?.pop();
        let number = match last {
            Some(last) if last.open => return Ok(Some(last)),
            _ if !has_orders => return Ok(None),
            last => last.map_or(1, |last| last.number + 1),
        };
        repository.open(self.date, self.company, (number, self.job.clock.now())).await?;
        Ok(repository.list(self.date, self.company).await?.pop())
    }

    fn file_name(&self, settlement: &Settlement) -> String {
        format!("settlement-{}-{}.csv", self.date, settlement.number)
    }

    fn settlement_id(&self, settlement: &Settlement) -> String {
        format!("{NAME}/{}/{}/{}", self.date, self.company, settlement.number)
    }

    /// Settles the orders, several at once. After the first failure that stands, the rest is left.
    async fn settle_all(
        &self,
        paid: &[&Order],
        settlement_id: &str,
        settled: &AtomicU64,
    ) -> Result<(), BatchError> {
        let steps = self.job.progress.company(self.company, paid.len());
        let broken = AtomicBool::new(false);
        let one = |order: &&Order| {
            let (id, steps, broken) = (order.id.clone(), steps.clone(), &broken);
            async move {
                if broken.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let result = self.job.orders.settle(&self.session, &id, settlement_id).await;
                broken.fetch_or(result.is_err(), Ordering::Relaxed);
                settled.fetch_add(u64::from(result?), Ordering::Relaxed);
                steps.step();
                Ok(())
            }
        };
        let calls: Vec<_> = paid.iter().map(one).collect();
        let mut results = stream::iter(calls).buffer_unordered(self.job.concurrency);
        let mut first: Result<(), BatchError> = Ok(());
        while let Some(result) = results.next().await {
            first = first.and(result);
        }
        first.inspect_err(|_| {
            let done = settled.load(Ordering::Relaxed);
            warn!(company = self.company.get(), done, of = paid.len(), "settling broke off");
        })
    }

    /// The text of the statement, and its numbers: of what order-service has settled under its id.
    async fn statement(&self, settlement: Settlement) -> Result<(String, Settlement), BatchError> {
        let which = Which::SettlementId(self.settlement_id(&settlement));
        let orders = self.job.orders.list(&self.session, &which).await?;
        let buyers = self.buyers(&orders).await?;
        let (text, sums) = statement::write(&orders, &buyers)?;
        let order_count = i64::try_from(orders.len()).unwrap_or(i64::MAX);
        Ok((text, Settlement { order_count, sums, ..settlement }))
    }

    async fn buyers(&self, orders: &[Order]) -> Result<HashMap<UserId, User>, BatchError> {
        let ids: BTreeSet<UserId> = orders.iter().map(|order| order.user_id).collect();
        let ids: Vec<UserId> = ids.into_iter().collect();
        self.job.users.find_all(&self.session, &ids).await
    }

    async fn upload(&self, settlement: &Settlement, text: String) -> Result<String, BatchError> {
        let (name, key) = (self.file_name(settlement), self.settlement_id(settlement));
        self.job.files.upload_csv(&self.session, &name, (&key, text)).await
    }
}
