//! What the `main` of every service does: telemetry, settings, start, run. `serve`, `migrate` and `--config` on the
//! command line; exit code 2 for settings that cannot be used, 1 for a part that is away, 0 after SIGTERM.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigError;
use crate::server::{BoundServer, StartupError, exit};

/// A service, as its process needs to know it.
pub trait Service {
    /// Its settings.
    type Config;

    /// Loads them.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the key.
    fn load(file: Option<&Path>) -> Result<Self::Config, ConfigError>;

    /// The log levels in them.
    fn log(config: &Self::Config) -> &str;

    /// Brings the database up to date.
    fn migrate(config: &Self::Config) -> impl Future<Output = Result<(), StartupError>>;

    /// A server that listens.
    fn bind(config: &Self::Config) -> impl Future<Output = Result<BoundServer, StartupError>>;
}

/// A service of baton. Its settings are described in its src/config.rs.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// TOML file with a section for each service; variables BATON_<SECTION>_<KEY> win over it.
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

/// Runs the service as its command line and its settings say.
pub async fn run<S: Service>() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match S::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    crate::telemetry::start(S::log(&config));
    exit(match arguments.command {
        Some(Command::Migrate) => S::migrate(&config).await,
        Some(Command::Serve) | None => serve(S::bind(&config).await).await,
    })
}

/// Serves until SIGTERM, if the server could be bound.
///
/// # Errors
/// Why it could not, or what went wrong while it served.
pub async fn serve(bound: Result<BoundServer, StartupError>) -> Result<(), StartupError> {
    bound?.run_until_signal().await.map_err(StartupError::part("server"))
}

/// One line for settings that cannot be used, and exit code 2.
pub fn refuse(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(2)
}
