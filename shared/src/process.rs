//! What the `main` of every service does: telemetry, settings, start, run. `serve`, `migrate`, `--config` and
//! `--routes` on the command line; exit code 2 for settings that cannot be used, 1 for a part that is away, 0 after SIGTERM.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{ConfigError, LogLevels};
use crate::routes::Routes;
use crate::server::{BoundServer, StartupError, exit};

/// A service, as its process needs to know it.
pub trait Service {
    /// Its name, for example `order-service`.
    const NAME: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// Its version; `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;

    /// Its settings.
    type Config;

    /// Loads them.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the key.
    fn load(file: Option<&Path>) -> Result<Self::Config, ConfigError>;

    /// The log levels in them.
    fn log(config: &Self::Config) -> &LogLevels;

    /// Its routes.
    fn routes() -> Routes;

    /// Brings the database up to date.
    fn migrate(config: &Self::Config) -> impl Future<Output = Result<(), StartupError>>;

    /// A server that listens.
    fn bind(config: &Self::Config) -> impl Future<Output = Result<BoundServer, StartupError>>;
}

#[derive(Parser)]
struct Arguments {
    /// TOML file with a section for each service; variables BATON_<SECTION>_<KEY> win over it.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Print method, path and policy of every route, and end.
    #[arg(long)]
    routes: bool,
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
    let arguments = match arguments::<S>() {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    if arguments.routes {
        return show_routes(&S::routes());
    }
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

/// Prints the table of routes; exit code 1 when something is wrong with it.
pub fn show_routes(routes: &Routes) -> ExitCode {
    print!("{routes}");
    exit(routes.audit())
}

/// clap would take name and version of this crate.
fn arguments<S: Service>() -> Result<Arguments, clap::Error> {
    let command = Arguments::command().name(S::NAME).version(S::VERSION).about(S::ABOUT);
    let section = S::NAME.trim_end_matches("-service");
    let more = format!(
        "Settings: section [{section}] of the file, variables BATON_{}_<KEY>; src/config.rs says what they mean.",
        section.to_uppercase()
    );
    Arguments::from_arg_matches(&command.after_help(more).get_matches())
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
