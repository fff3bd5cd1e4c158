//! The job that is measured: orders by their numbers, each of which is settled by a call, or by nothing at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use batch_service::BatchError;
use batch_service::config::Config;
use batch_service::job::{Chunk, Declaration, Job, Outcome, Planned, Run, Work};
use batch_service::runner::{Asked, Ended, RunReport, Stop};
use batch_service::startup::Batch;
use batch_service::window::Window;
use clap::Args;
use serde_json::{Value, json};
use shared::{CompanyId, ServiceClient};

use super::{CONCURRENCY, SERVICE};
use crate::auth::{CLIENT, SCOPE};
use crate::harness::Failure;

/// Orders in one chunk: as many as in a page of order-service.
const CHUNK: u32 = 200;

/// How much there is to be done.
#[derive(Clone, Copy, Args)]
pub struct Size {
    pub companies: i64,
    /// Of each company.
    pub orders: u32,
}

impl Size {
    pub fn items(self) -> f64 {
        self.companies as f64 * f64::from(self.orders)
    }
}

/// Where a job's calls go to.
pub struct Services {
    pub order_url: String,
    pub token_url: String,
    pub secret: String,
}

struct Settling {
    size: Size,
    /// None: settling is doing nothing.
    client: Option<ServiceClient>,
}

#[async_trait]
impl Job for Settling {
    type Item = String;

    fn declaration(&self) -> Declaration {
        Declaration::new("settling", "settle orders that are made up")
    }

    fn clients(&self) -> Vec<&ServiceClient> {
        self.client.iter().collect()
    }

    async fn partitions(&self, _: &Run) -> Result<Planned, BatchError> {
        let companies = 1..=self.size.companies;
        Ok(Planned::Companies(companies.filter_map(|id| CompanyId::try_from(id).ok()).collect()))
    }

    async fn read(
        &self,
        work: &Work<'_>,
        after: Option<&str>,
    ) -> Result<Chunk<String>, BatchError> {
        let company = work.session()?.company_id().get();
        let first: u32 = after.and_then(|after| after.parse().ok()).unwrap_or(0);
        let end = (first + CHUNK).min(self.size.orders);
        let ids = (first..end).map(|number| format!("{company:016x}{number:016x}"));
        let items = ids.map(|id| (id.clone(), id)).collect();
        Ok(Chunk::new(items, (end < self.size.orders).then(|| end.to_string())))
    }

    async fn process(
        &self,
        work: &Work<'_>,
        item: &String,
        key: &str,
    ) -> Result<Outcome, BatchError> {
        if let Some(client) = &self.client {
            let client = client.with_session(work.session()?);
            let call = client.post(&path(item)).json(&body()).idempotency_key(key);
            let settled: Result<Value, _> = call.fetch().await;
            settled.map_err(|cause| BatchError::Call { service: SERVICE, cause })?;
        }
        Ok(Outcome::one("settled"))
    }
}

/// Where an order is settled.
pub fn path(order: &str) -> String {
    format!("/api/orders/{order}/settle")
}

/// What is sent there.
pub fn body() -> Value {
    json!({"settlementId": "settle-orders/2026-11-25/1/1"})
}

/// A batch with its runner.
pub struct Runs {
    batch: Batch,
    calls: bool,
}

impl Runs {
    pub async fn start(database_url: &str, services: Option<&Services>) -> Result<Self, Failure> {
        let nowhere = || "http://127.0.0.1:1".to_owned();
        let url =
            |of: fn(&Services) -> &String| services.map_or_else(nowhere, |all| of(all).clone());
        let config = Config::of([
            ("database_url", database_url.to_owned()),
            ("token_url", url(|services| &services.token_url)),
            ("client_id", CLIENT.to_owned()),
            ("client_secret", url(|services| &services.secret)),
            ("order_url", url(|services| &services.order_url)),
            ("user_url", nowhere()),
            ("file_url", nowhere()),
            ("concurrency", CONCURRENCY.to_string()),
        ])?;
        Ok(Self { batch: Batch::start(&config).await?, calls: services.is_some() })
    }

    /// How many seconds one run takes, from its beginning to its end. `name` makes it another than those before.
    pub async fn timed(&self, name: &str, size: Size) -> Result<f64, Failure> {
        let client = self.calls.then(|| self.batch.client(SERVICE, SCOPE)).transpose()?;
        let parameters = BTreeMap::from([("run".to_owned(), name.to_owned())]);
        let job = Arc::new(Settling { size, client });
        let asked = Asked::new(job, Window::once(), parameters);
        let began = Instant::now();
        let report = self.batch.runner().run(&asked, &Stop::default()).await?;
        check(&report, size)?;
        Ok(began.elapsed().as_secs_f64())
    }
}

/// What is fast because it has left something out is not fast.
fn check(report: &RunReport, size: Size) -> Result<(), Failure> {
    let settled = report.count("settled") as f64;
    if report.ended == Ended::Complete && settled == size.items() {
        return Ok(());
    }
    Err(report.to_string().into())
}
