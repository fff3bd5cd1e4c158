//! `cargo run`: all services in one process, and the main job over a file of orders.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use batch_service::startup::Batch;
use clap::{Parser, Subcommand};
use shared::clock::SystemClock;
use shared::config::LogLevels;
use shared::{Clock, Secret};
use standalone::options::Options;
use standalone::services::Services;
use standalone::settlement::{self, MainJobError};

/// Not everything could be done; another run may do the rest (EX_TEMPFAIL of sysexits.h).
const TRY_AGAIN: u8 = 75;

/// All services of baton in one process. Without a command: imports orders, settles them, prints a report, ends.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A CSV file of orders, in place of the sample.
    #[arg(long, global = true)]
    orders: Option<PathBuf>,
    /// Fixed ports from this one on, in place of free ones.
    #[arg(long, global = true, value_name = "FIRST", value_parser = clap::value_parser!(u16).range(1..=65_432))]
    ports: Option<u16>,
    /// Where everything is kept.
    #[arg(long, global = true, default_value = ".baton")]
    data: PathBuf,
    /// Log levels, for example `info`.
    #[arg(long, global = true, default_value = "error", value_parser = log_levels)]
    log: LogLevels,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Do the same, then keep all services up until Ctrl-C.
    Serve,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::telemetry::start(&arguments.log);
    let mut options = Options::embedded(&arguments.data);
    options.first_port = arguments.ports;
    match run(&arguments, &options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(TRY_AGAIN),
        Err(error) => {
            eprintln!("{error}");
            match error {
                MainJobError::Run(_, ended) => ExitCode::from(ended.exit_code()),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn log_levels(text: &str) -> Result<LogLevels, String> {
    LogLevels::try_from(text.to_owned())
}

async fn run(arguments: &Arguments, options: &Options) -> Result<bool, MainJobError> {
    let clock = SystemClock::new();
    let services = Services::start(options).await?;
    let result = with_services(&services, arguments, (options, &clock)).await;
    services.stop().await;
    result
}

async fn with_services(
    services: &Services,
    arguments: &Arguments,
    (options, clock): (&Options, &SystemClock),
) -> Result<bool, MainJobError> {
    let batch = settlement::start_batch(services, options).await?;
    let started_ms = clock.monotonic().as_millis();
    println!("five services ready in {started_ms} ms, data in {}", options.data_dir.display());
    let complete = main_job(&batch, options, arguments.orders.as_deref()).await?;
    batch.finish().await;
    if let Some(Command::Serve) = arguments.command {
        let demo = settlement::demo_client()?;
        print_welcome(services, &services.register(&demo).await?);
        shared::server::termination().await;
    }
    Ok(complete)
}

async fn main_job(
    batch: &Batch,
    options: &Options,
    orders: Option<&Path>,
) -> Result<bool, MainJobError> {
    let imported = settlement::import(batch, options, orders).await?;
    print!("{imported}");
    let reports = settlement::settle(batch, &imported).await?;
    reports.iter().for_each(|report| print!("\n{report}"));
    println!("\n{}", batch.calls());
    Ok(reports.iter().all(|report| report.is_complete()))
}

fn print_welcome(services: &Services, secret: &Secret) {
    let named = [
        ("auth-service", &services.auth),
        ("user-service", &services.user),
        ("order-service", &services.order),
        ("file-service", &services.file),
    ];
    println!();
    for (name, service) in named {
        println!(
            "{name:<14} {}  health http://{}/readyz",
            service.url(),
            service.management_address
        );
    }
    let (auth, secret) = (services.auth.url(), secret.expose());
    let (user, order, file) = (services.user.url(), services.order.url(), services.file.url());
    println!(
        r#"
Sign up at {auth}/account (the mail with the code is at {user}/mailbox).
Try, in another terminal (the token is good for five minutes; another company's session sees other orders):

TOKEN=$(curl -s {auth}/oauth2/token -d grant_type=client_credentials -d client_id=demo -d client_secret={secret} --data-urlencode 'session={{"companyId":100,"userId":1000}}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s -w '\n' '{order}/api/orders?limit=2' -H "Authorization: Bearer $TOKEN"
curl -s -w '\n' {file}/api/files -H "Authorization: Bearer $TOKEN"   # GET {file}/api/files/<id> gives the statement itself

Ctrl-C ends."#
    );
}
