//! The command line: serve, or do one thing and end.

mod arguments;
mod clients;
mod handoffs;
mod policy;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use shared::RevocationKind;
use shared::process::{self, ConfigCommand};
use shared::server::exit;

use crate::cli::arguments::{
    Arguments, AuditCommand, Command, HandoffCommand, KeyCommand, PolicyCommand, RevokeArguments,
};
use crate::commands::{self, AuditReader, CommandError, KeyTask};
use crate::config::Config;
use crate::domain::revoking::RevocationAsk;
use crate::{routes, startup};

/// Our section of the settings.
const SECTION: &str = "auth";
/// How often `audit tail --follow` looks for new rows.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// Does what the command line says. Exit code 2 for settings that cannot be used, 1 when it failed.
pub async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.routes {
        return process::show_routes(&routes::routes());
    }
    let command = arguments.command.unwrap_or(Command::Serve);
    if matches!(command, Command::Openapi) {
        return shared::openapi::print(&routes::routes());
    }
    if let Some(done) = without_settings(&command) {
        return exit(done);
    }
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return process::refuse(&error),
    };
    if let Command::Config(ConfigCommand::Print) = command {
        return process::print_config((SECTION, arguments.config.as_deref()), &config);
    }
    let needs_key = arguments.check_config
        || matches!(
            command,
            Command::Serve | Command::Keys(KeyCommand::Rotate { .. } | KeyCommand::Reseal)
        );
    if let Err(error) = if needs_key { config.require_master_key() } else { Ok(()) } {
        return process::refuse(&error);
    }
    if arguments.check_config {
        return process::say_whether_good(SECTION, startup::check(&config));
    }
    shared::telemetry::start(&config.log);
    exit(run(command, &config).await)
}

/// What needs no settings, done.
fn without_settings(command: &Command) -> Option<Result<(), CommandError>> {
    match command {
        Command::MasterKey { path } => Some(make_master_key(path)),
        Command::Policy(PolicyCommand::Explain(explain)) => policy::explain_offline(explain),
        _ => None,
    }
}

async fn run(command: Command, config: &Config) -> Result<(), CommandError> {
    match command {
        Command::Serve => serve(config).await?,
        Command::Config(ConfigCommand::Print) => {}
        Command::Migrate => startup::migrate(config).await?,
        Command::MasterKey { path } => make_master_key(&path)?,
        // Printed already: it needs no settings.
        Command::Openapi => {}
        Command::Client(command) => clients::run_one(command, config).await?,
        Command::Clients(command) => clients::run_many(command, config).await?,
        Command::Secret(command) => clients::run_secret(command, config).await?,
        Command::Keys(command) => keys(command, config).await?,
        Command::Policy(PolicyCommand::Explain(explain)) => {
            policy::explain(&explain, config).await?;
        }
        Command::Handoffs(HandoffCommand::Explain { id, json }) => {
            handoffs::explain(config, (&id, json)).await?;
        }
        Command::Revoke(revoke) => {
            println!("{}", commands::revoke(config, &ask(revoke)?).await?);
        }
        Command::Audit(AuditCommand::Tail { rows, follow }) => tail(config, rows, follow).await?,
    }
    Ok(())
}

async fn serve(config: &Config) -> Result<(), CommandError> {
    let bind = |listeners| startup::bind_to(listeners, config);
    Ok(process::serve(&config.listen(), bind).await?)
}

fn make_master_key(path: &Path) -> Result<(), CommandError> {
    let made = commands::create_master_key_file(path)?;
    let what = if made { "made" } else { "there already, left as it is" };
    println!("{}: {what}", path.display());
    Ok(())
}

async fn keys(command: KeyCommand, config: &Config) -> Result<(), CommandError> {
    let task = match command {
        KeyCommand::List => {
            for key in commands::list_keys(config).await? {
                println!("{} {} signs from {}", key.kid, key.algorithm, key.signs_from);
            }
            return Ok(());
        }
        KeyCommand::Rotate { lost_master_key: true, .. } => KeyTask::ReplaceLost,
        KeyCommand::Rotate { now: true, .. } => KeyTask::Withdraw,
        KeyCommand::Rotate { .. } => KeyTask::Rotate,
        KeyCommand::Reseal => KeyTask::Reseal,
    };
    println!("{}", commands::keep_keys(config, task).await?);
    Ok(())
}

fn ask(revoke: RevokeArguments) -> Result<RevocationAsk, CommandError> {
    let RevokeArguments { target, issued_before } = revoke;
    let named = [
        (RevocationKind::Jti, target.jti),
        (RevocationKind::Sid, target.sid),
        (RevocationKind::Handoff, target.handoff),
        (RevocationKind::Sub, target.sub),
        (RevocationKind::User, target.user),
        (RevocationKind::Client, target.client),
        (RevocationKind::Company, target.company),
        (RevocationKind::All, target.all.then(String::new)),
    ];
    let named = named.into_iter().find_map(|(kind, value)| Some((kind, value?)));
    // clap has seen to it that there is one.
    let (kind, value) = named.ok_or_else(|| CommandError::Invalid("nothing named".to_owned()))?;
    Ok(RevocationAsk { kind, value, issued_before })
}

async fn tail(config: &Config, rows: i64, follow: bool) -> Result<(), CommandError> {
    let mut audit = AuditReader::open(config).await?;
    print(&audit.last(rows).await?)?;
    if !follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        print(&audit.next().await?)?;
    }
}

/// Whoever reads may have had enough: `audit tail | head`.
fn print(lines: &[String]) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    let written = lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    written.map_err(|error| CommandError::Invalid(format!("cannot print: {error}")))
}
