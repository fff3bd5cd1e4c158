//! What the `main` of every service does: telemetry, settings, start, run. `serve`, `migrate`, `config print`, `--config`,
//! `--check-config` and `--routes` on the command line; exit code 2 for settings that cannot be used, 1 when it failed, 0 after
//! SIGTERM.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Serialize;

use crate::config::{ConfigError, LogLevels};
use crate::routes::Routes;
use crate::server::{self, BoundServer, Listen, Listeners, Signals, StartupError, exit};

/// A service, as its process needs to know it.
pub trait Service {
    /// Its name, for example `order-service`.
    const NAME: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// Its version; `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;

    /// Its settings.
    type Config: Serialize;

    /// Loads them.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the key.
    fn load(file: Option<&Path>) -> Result<Self::Config, ConfigError>;

    /// The log levels in them.
    fn log(config: &Self::Config) -> &LogLevels;

    /// Looks at what can be wrong with the settings and shows only at the start: files that are not there, addresses that are
    /// none. Calls nobody.
    ///
    /// # Errors
    /// A [`StartupError`] that names the setting.
    fn check(config: &Self::Config) -> Result<(), StartupError>;

    /// Its routes.
    fn routes() -> Routes;

    /// Brings the database up to date.
    fn migrate(config: &Self::Config) -> impl Future<Output = Result<(), StartupError>>;

    /// Where it listens.
    fn listen(config: &Self::Config) -> Listen;

    /// The server, on ports that are taken already.
    fn bind(
        config: &Self::Config,
        listeners: Listeners,
    ) -> impl Future<Output = Result<BoundServer, StartupError>>;
}

#[derive(Parser)]
struct Arguments {
    /// TOML file with a section for each service; variables BATON_<SECTION>_<KEY> win over it.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Look whether the settings can be used, and end: 0 if they can, 2 if not. Calls nobody.
    #[arg(long)]
    check_config: bool,
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
    /// Print what can be asked, as OpenAPI 3.1, and end.
    #[cfg(feature = "openapi")]
    Openapi,
    /// The settings.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What can be asked about settings.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print all settings in force, and where each was set. Secrets are hidden.
    Print,
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
    #[cfg(feature = "openapi")]
    if let Some(Command::Openapi) = arguments.command {
        return crate::openapi::print(&S::routes());
    }
    let config = match S::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    let section = section::<S>();
    if arguments.check_config {
        return say_whether_good(section, S::check(&config));
    }
    if let Some(Command::Config(ConfigCommand::Print)) = arguments.command {
        return print_config((section, arguments.config.as_deref()), &config);
    }
    crate::telemetry::start(S::log(&config));
    exit(match arguments.command {
        Some(Command::Migrate) => S::migrate(&config).await,
        _ => serve(&S::listen(&config), |listeners| S::bind(&config, listeners)).await,
    })
}

/// Prints the settings in force with where each was set; secrets are hidden.
pub fn print_config((section, file): (&str, Option<&Path>), config: &impl Serialize) -> ExitCode {
    match crate::config::shown(section, file, config) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => refuse(&error),
    }
}

/// One line on whether settings are good, and exit code 0 or 2.
pub fn say_whether_good(section: &str, checked: Result<(), StartupError>) -> ExitCode {
    match checked {
        Ok(()) => {
            println!("the settings of [{section}] can be used");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("configuration of [{section}]: {error}");
            ExitCode::from(2)
        }
    }
}

/// Prints the table of routes; exit code 1 when something is wrong with it.
pub fn show_routes(routes: &Routes) -> ExitCode {
    print!("{routes}");
    exit(routes.audit())
}

/// clap would take name and version of this crate.
fn arguments<S: Service>() -> Result<Arguments, clap::Error> {
    let command = Arguments::command().name(S::NAME).version(S::VERSION).about(S::ABOUT);
    let section = section::<S>();
    let more = format!(
        "Settings: section [{section}] of the file, variables BATON_{}_<KEY>; deploy/settings.md says what they mean.",
        section.to_uppercase()
    );
    Arguments::from_arg_matches(&command.after_help(more).get_matches())
}

fn section<S: Service>() -> &'static str {
    S::NAME.trim_end_matches("-service")
}

/// Serves until SIGTERM. While a part that the service cannot start without is away, it says so on `/startupz` and `/readyz`,
/// answers everything else with 503, and tries again.
///
/// # Errors
/// Why it cannot start even if all is there, or what went wrong while it served.
pub async fn serve<F, B>(listen: &Listen, bind: F) -> Result<(), StartupError>
where
    F: Fn(Listeners) -> B,
    B: Future<Output = Result<BoundServer, StartupError>>,
{
    let mut signals = Signals::listen();
    match server::start(listen, bind, &mut signals).await? {
        Some(bound) => bound.run_until(signals).await.map_err(StartupError::part("server")),
        None => Ok(()),
    }
}

/// One line for settings that cannot be used, and exit code 2.
pub fn refuse(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(2)
}
