//! The process: telemetry, config, startup, run.

use std::path::PathBuf;
use std::process::ExitCode;

use batch_service::BatchError;
use batch_service::config::Config;
use batch_service::jobs::JOBS;
use batch_service::startup::{self, Batch};
use chrono::NaiveDate;
use clap::{Parser, Subcommand};
use shared::process;
use shared::server::exit;

/// Not everything could be done; another run may do the rest (EX_TEMPFAIL of sysexits.h).
const TRY_AGAIN: u8 = 75;

/// Jobs that work for many companies in turn, each under its own session.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// TOML file with a section [batch]; variables BATON_BATCH_... win over it.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a job.
    #[command(subcommand)]
    Run(Job),
    /// List the jobs.
    List,
    /// Bring the database up to date, and end.
    Migrate,
}

#[derive(Subcommand)]
enum Job {
    /// Take over paid orders from a CSV file.
    ImportOrders {
        /// The file.
        #[arg(long)]
        file: PathBuf,
    },
    /// Settle the orders paid on a day, company by company.
    SettleOrders {
        /// The day, in UTC.
        #[arg(long)]
        date: NaiveDate,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::List) {
        JOBS.iter().for_each(|job| println!("{:<16} {}", job.name, job.about));
        return ExitCode::SUCCESS;
    }
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return process::refuse(&error),
    };
    shared::telemetry::start(&config.log);
    match arguments.command {
        Command::Run(job) => run(job, &config).await,
        Command::Migrate | Command::List => exit(startup::migrate(&config).await),
    }
}

async fn run(job: Job, config: &Config) -> ExitCode {
    let batch = match Batch::start(config).await {
        Ok(batch) => batch,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = match job {
        Job::ImportOrders { file } => import_orders(&batch, &file).await,
        Job::SettleOrders { date } => settle_orders(&batch, date).await,
    };
    println!("{}", batch.calls());
    ended.unwrap_or_else(|error| {
        eprintln!("{error}");
        if error.is_transient() { ExitCode::from(TRY_AGAIN) } else { ExitCode::FAILURE }
    })
}

async fn import_orders(batch: &Batch, file: &std::path::Path) -> Result<ExitCode, BatchError> {
    let report = batch.import_orders()?.run(file).await?;
    print!("{report}");
    Ok(ExitCode::SUCCESS)
}

async fn settle_orders(batch: &Batch, date: NaiveDate) -> Result<ExitCode, BatchError> {
    let report = batch.settle_orders()?.run(date).await?;
    print!("{report}");
    Ok(match report.is_complete() {
        true => ExitCode::SUCCESS,
        false if report.may_go_on() => ExitCode::from(TRY_AGAIN),
        false => ExitCode::FAILURE,
    })
}
