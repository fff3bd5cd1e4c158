//! The process: telemetry, config, startup, run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use auth_service::commands::{self, CommandError};
use auth_service::config::Config;
use auth_service::domain::client::{Client, ClientId};
use auth_service::domain::policy::SessionPolicy;
use auth_service::{routes, startup};
use clap::{Args, Parser, Subcommand};
use shared::Scopes;
use shared::process;
use shared::server::{StartupError, exit};

/// An authorization server whose tokens carry a caller's session.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// TOML file with a section [auth]; variables BATON_AUTH_... win over it.
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
    /// Make a master key in a new file; needs no configuration.
    MasterKey {
        /// The file.
        path: PathBuf,
    },
    /// Clients: the services that may ask for tokens.
    #[command(subcommand)]
    Client(ClientCommand),
}

#[derive(Subcommand)]
enum ClientCommand {
    /// Register a client; prints its secret, once.
    Create(NewClient),
    /// List all clients and their rights.
    List,
}

#[derive(Args)]
struct NewClient {
    /// Its name, for example order-service.
    id: String,
    /// What its tokens may be used for, separated by spaces.
    #[arg(long, default_value = "")]
    scope: Scopes,
    /// A service that its tokens may be for; can be repeated.
    #[arg(long = "resource", required = true)]
    resources: Vec<String>,
    /// On whose behalf it may act: none, fixed:{session}, assert:any or assert:100,200.
    #[arg(long, default_value = "none")]
    session_policy: SessionPolicy,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.routes {
        return process::show_routes(&routes::routes());
    }
    if let Some(Command::MasterKey { path }) = &arguments.command {
        return exit(make_master_key(path));
    }
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return process::refuse(&error),
    };
    let serves = matches!(arguments.command, None | Some(Command::Serve));
    if let Err(error) = if serves { config.require_master_key() } else { Ok(()) } {
        return process::refuse(&error);
    }
    shared::telemetry::start(&config.log);
    exit(run(arguments.command.unwrap_or(Command::Serve), &config).await)
}

async fn run(command: Command, config: &Config) -> Result<(), CommandError> {
    match command {
        Command::Serve => process::serve(startup::bind(config).await).await?,
        Command::Migrate => startup::migrate(config).await?,
        Command::MasterKey { path } => make_master_key(&path)?,
        Command::Client(ClientCommand::Create(new)) => create_client(config, new).await?,
        Command::Client(ClientCommand::List) => {
            for client in commands::list_clients(config).await? {
                print_client(&client);
            }
        }
    }
    Ok(())
}

fn make_master_key(path: &Path) -> Result<(), CommandError> {
    let made = commands::create_master_key_file(path)?;
    let what = if made { "made" } else { "there already, left as it is" };
    println!("{}: {what}", path.display());
    Ok(())
}

async fn create_client(config: &Config, new: NewClient) -> Result<(), CommandError> {
    let id = ClientId::parse(&new.id).map_err(StartupError::part("client id"))?;
    let audiences = new.resources.into_iter().collect();
    let session_policy = new.session_policy;
    let client = Client { id, scopes: new.scope, audiences, session_policy };
    let secret = commands::create_client(config, &client).await?;
    print_client(&client);
    println!("secret: {} (shown this once)", secret.expose());
    Ok(())
}

fn print_client(client: &Client) {
    let audiences: Vec<&str> = client.audiences.iter().map(String::as_str).collect();
    println!(
        "{}: scope \"{}\", resources {}, session policy {}",
        client.id.as_str(),
        client.scopes,
        audiences.join(" "),
        client.session_policy
    );
}
