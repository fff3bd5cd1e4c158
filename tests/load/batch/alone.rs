//! A run in a process of its own: what memory it needs at the most, and how long it takes.

use clap::Args;

use super::job::{Runs, Services, Size};
use crate::harness::Failure;
use crate::process::output_of;

/// What the process is told.
#[derive(Args)]
pub struct Alone {
    database_url: String,
    #[command(flatten)]
    size: Size,
    /// The services that are called, if any: order-service, the token endpoint, the client's secret.
    #[arg(num_args = 3)]
    services: Vec<String>,
}

/// What came of it.
#[derive(Clone, Copy)]
pub struct Came {
    pub peak_mib: f64,
    pub seconds: f64,
}

impl Alone {
    /// The run, and what it took.
    pub async fn print(&self) -> Result<(), Failure> {
        let services = match &self.services[..] {
            [order_url, token_url, secret] => Some(Services {
                order_url: order_url.clone(),
                token_url: token_url.clone(),
                secret: secret.clone(),
            }),
            _ => None,
        };
        let runs = Runs::start(&self.database_url, services.as_ref()).await?;
        let seconds = runs.timed("alone", self.size).await?;
        println!("{} {seconds}", peak_mib()?);
        Ok(())
    }
}

/// Starts the process on a SQLite database of its own, and waits for its end.
pub fn run_alone(size: Size, services: Option<&Services>) -> Result<Came, Failure> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}", folder.path().join("batch.db").display());
    let (companies, orders) = (size.companies.to_string(), size.orders.to_string());
    let mut arguments = vec!["server", "batch-alone", &database, &companies, &orders];
    if let Some(Services { order_url, token_url, secret }) = services {
        arguments.extend([order_url.as_str(), token_url, secret]);
    }
    let printed = output_of(&arguments)?;
    let (peak, seconds) = printed.trim().split_once(' ').ok_or("no figures")?;
    Ok(Came { peak_mib: peak.parse()?, seconds: seconds.parse()? })
}

/// The most memory that this process has ever held.
fn peak_mib() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line.ok_or("no VmHWM")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
