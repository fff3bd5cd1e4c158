//! `cargo run`: all services in one process, and the main job over a file of orders.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shared::clock::SystemClock;
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
    #[arg(long, global = true, value_name = "FIRST")]
    ports: Option<u16>,
    /// Where everything is kept.
    #[arg(long, global = true, default_value = ".baton")]
    data: PathBuf,
    /// Log levels, for example `info`.
    #[arg(long, global = true, default_value = "error")]
    log: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Import the orders, then keep all services up until Ctrl-C.
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
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments, options: &Options) -> Result<bool, MainJobError> {
    let clock = SystemClock::new();
    let services = Services::start(options).await?;
    let started_ms = clock.monotonic().as_millis();
    println!("five services ready in {started_ms} ms, data in {}", options.data_dir.display());
    let result = match arguments.command {
        None => main_job(&services, arguments, options).await,
        Some(Command::Serve) => serve(&services, arguments, options).await,
    };
    services.stop().await;
    result
}

async fn main_job(
    services: &Services,
    arguments: &Arguments,
    options: &Options,
) -> Result<bool, MainJobError> {
    let batch = settlement::start_batch(services, options).await?;
    let imported = settlement::import(&batch, arguments.orders.as_deref()).await?;
    print!("{imported}");
    let reports = settlement::settle(&batch, &imported).await?;
    reports.iter().for_each(|report| print!("\n{report}"));
    println!("\n{}", batch.calls());
    Ok(reports.iter().all(|report| report.is_complete()))
}

async fn serve(
    services: &Services,
    arguments: &Arguments,
    options: &Options,
) -> Result<bool, MainJobError> {
    let batch = settlement::start_batch(services, options).await?;
    print!("{}", settlement::import(&batch, arguments.orders.as_deref()).await?);
    let demo = settlement::client_for_all_companies("demo", "order:read user:read file:read")?;
    let secret = services.register(&demo).await?;
    print_welcome(services, &secret);
    shared::server::termination().await;
    Ok(true)
}

fn print_welcome(services: &Services, secret: &Secret) {
    let named = [
        ("auth-service", &services.auth),
        ("user-service", &services.user),
        ("order-service", &services.order),
        ("file-service", &services.file),
    ];
    for (name, service) in named {
        println!(
            "{name:<14} {}  health http://{}/readyz",
            service.url(),
            service.management_address
        );
    }
    let (auth, order, secret) = (services.auth.url(), services.order.url(), secret.expose());
    println!(
        r#"
Try, in another terminal:

TOKEN=$(curl -s {auth}/oauth2/token -d grant_type=client_credentials -d client_id=demo -d client_secret={secret} -d resource=order-service --data-urlencode 'session={{"companyId":100,"userId":1000}}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s '{order}/api/orders?limit=2' -H "Authorization: Bearer $TOKEN"
curl -s {order}/api/session -H "Authorization: Bearer $TOKEN"

Ctrl-C ends."#
    );
}
