//! The main job: take over orders from a CSV file, then settle every day on which one was paid.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth_service::domain::client::{Client, ClientId, NotAClientId};
use auth_service::domain::policy::NotAPolicy;
use auth_service::domain::purpose::{NotAPurpose, Purpose};
use batch_service::BatchError;
use batch_service::chrono_tz::Tz;
use batch_service::job::SharedJob;
use batch_service::jobs::import_orders::{self, ImportOrders};
use batch_service::jobs::order_exports;
use batch_service::jobs::settle_orders::SettleOrders;
use batch_service::report::{ImportReport, SettlementReport};
use batch_service::runner::{Asked, Ended, RunReport, Stop};
use batch_service::startup::Batch;
use batch_service::window::{Period, Window};
use shared::server::StartupError;

use crate::options::Options;
use crate::services::{self, Services};

/// The name of the batch at auth-service.
const CLIENT_ID: &str = "batch-service";
/// The sample that ships with the project.
const SAMPLE: &[u8] = include_bytes!("../sample/orders.csv");

/// Why the main job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum MainJobError {
    /// A service cannot start.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// The client of the batch cannot be registered.
    #[error(transparent)]
    Command(#[from] auth_service::commands::CommandError),
    /// A job failed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A job has not come to its end.
    #[error("{0}: {1}")]
    Run(String, Ended),
    /// The sample cannot be written.
    #[error("cannot write {0}: {1}")]
    Sample(PathBuf, std::io::Error),
    /// A client's name is none.
    #[error(transparent)]
    ClientId(#[from] NotAClientId),
    /// A client's session policy is none.
    #[error(transparent)]
    Policy(#[from] NotAPolicy),
    /// The name of a purpose is none.
    #[error(transparent)]
    Purpose(#[from] NotAPurpose),
    /// A client's scopes are none.
    #[error("{0}")]
    Scope(#[from] shared::scopes::NotAScope),
}

/// A client that may act for every company.
///
/// # Errors
/// When the name or the scopes are none.
pub fn client_for_all_companies(id: &str, scope: &str) -> Result<Client, MainJobError> {
    let services = ["order-service", "user-service", "file-service"];
    Ok(Client {
        scopes: scope.parse()?,
        audiences: services.into_iter().map(str::to_owned).collect(),
        session_policy: "assert:any".parse()?,
        ..Client::new(ClientId::parse(id)?)
    })
}

/// A client to try things out with: it may read, and call the examples of `shared`.
///
/// # Errors
/// Never in practice: its name and its scopes are constants.
pub fn demo_client() -> Result<Client, MainJobError> {
    let scope = "order:read user:read file:read example:settle";
    let mut client = client_for_all_companies("demo", scope)?;
    client.audiences.insert("example-service".to_owned());
    Ok(client)
}

/// A batch that works with these services, with a secret of its own for this run.
///
/// # Errors
/// When a database is away.
pub async fn start_batch(services: &Services, options: &Options) -> Result<Batch, MainJobError> {
    let scope = "order:read order:settle order:import order:export user:read user:import user:dormancy \
                 file:read file:write file:expire";
    let mut client = client_for_all_companies(CLIENT_ID, scope)?;
    let purpose = Purpose::parse(order_exports::NAME)?;
    client.takes_over.insert(purpose, services::exports_taken_over()?);
    let secret = services.register(&client).await?;
    let config = services.batch_config(options, (CLIENT_ID, secret))?;
    Ok(Batch::start(&config).await?)
}

/// Takes over the orders of the file, or of the sample. A file that was taken over before is looked at again.
///
/// # Errors
/// When the file cannot be read or a service stays away.
pub async fn import(
    batch: &Batch,
    options: &Options,
    file: Option<&Path>,
) -> Result<ImportReport, MainJobError> {
    let file = match file {
        Some(file) => file.to_owned(),
        None => sample(options)?,
    };
    let job: SharedJob = Arc::new(ImportOrders::new(batch)?);
    let file = file.display().to_string();
    let mut parameters = BTreeMap::from([(import_orders::FILE.to_owned(), file)]);
    job.identify(&mut parameters).await?;
    let report = run(batch, Asked::new(job, Window::once(), parameters)).await?;
    let bad = batch.runner().quarantined(Some(report.run.id), (0, u32::MAX)).await?;
    Ok(import_orders::report(&report, bad))
}

/// The sample, as a file.
fn sample(options: &Options) -> Result<PathBuf, MainJobError> {
    let path = options.data_dir.join("sample-orders.csv");
    std::fs::write(&path, SAMPLE).map_err(|cause| MainJobError::Sample(path.clone(), cause))?;
    Ok(path)
}

/// Settles every day on which an order of the import was paid.
///
/// # Errors
/// When order-service stays away.
pub async fn settle(
    batch: &Batch,
    imported: &ImportReport,
) -> Result<Vec<SettlementReport>, MainJobError> {
    let job = Arc::new(SettleOrders::new(batch)?);
    let mut reports = Vec::with_capacity(imported.paid_on.len());
    for date in &imported.paid_on {
        let window = Window::parse(Period::Day, Tz::UTC, &date.to_string());
        let window = window.map_err(|error| BatchError::Job(error.to_string()))?;
        let asked = Asked::new(Arc::clone(&job) as SharedJob, window, BTreeMap::new());
        reports.push(job.report(run(batch, asked).await?).await?);
    }
    Ok(reports)
}

/// A run that is complete looks again for what there is to be done; one that was left is gone on with.
async fn run(batch: &Batch, asked: Asked) -> Result<RunReport, MainJobError> {
    let asked = Asked { again: true, resume: true, ..asked };
    let report = batch.runner().run(&asked, &Stop::default()).await?;
    match report.ended {
        Ended::Complete => Ok(report),
        ended => Err(MainJobError::Run(report.run.job, ended)),
    }
}
