//! The process: telemetry, config, startup, run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use file_service::config::Config;
use file_service::startup;
use shared::server::{StartupError, exit};

/// Files of a company: streamed up and down, listed, deleted.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// TOML file with a section [file]; variables BATON_FILE_... win over it.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM (the default).
    Serve,
    /// Bring the database up to date, and end.
    Migrate,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    shared::telemetry::start(&config.log);
    exit(run(arguments.command.unwrap_or(Command::Serve), &config).await)
}

async fn run(command: Command, config: &Config) -> Result<(), StartupError> {
    match command {
        Command::Migrate => startup::migrate(config).await,
        Command::Serve => {
            let server = startup::bind(config).await?;
            server.run_until_signal().await.map_err(StartupError::part("server"))
        }
    }
}
