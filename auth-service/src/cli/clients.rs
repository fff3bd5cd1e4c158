//! Clients at the command line.

use std::collections::BTreeSet;

use shared::server::StartupError;

use crate::cli::arguments::{ClientCommand, ClientsCommand, NewClient, SecretCommand};
use crate::commands::{self, CommandError};
use crate::config::Config;
use crate::domain::client::{Client, ClientId};

pub(super) async fn run_one(command: ClientCommand, config: &Config) -> Result<(), CommandError> {
    match command {
        ClientCommand::Create(new) => create(config, new).await?,
        ClientCommand::List => {
            commands::list_clients(config).await?.iter().for_each(print);
        }
        ClientCommand::Delete { id } => commands::delete_client(config, &parsed(&id)?).await?,
    }
    Ok(())
}

pub(super) async fn run_many(command: ClientsCommand, config: &Config) -> Result<(), CommandError> {
    let ClientsCommand::Apply { file, dry_run, prune } = command;
    let changes = commands::apply_clients(config, &file, (prune, dry_run)).await?;
    changes.iter().for_each(|change| println!("{change}"));
    match (changes.len(), dry_run) {
        (0, _) => println!("nothing to change"),
        (count, true) => println!("{count} changes, none made"),
        (count, false) => println!("{count} changes made"),
    }
    Ok(())
}

pub(super) async fn run_secret(
    command: SecretCommand,
    config: &Config,
) -> Result<(), CommandError> {
    let SecretCommand::Rotate { client, overlap_s } = command;
    let secret = commands::rotate_secret(config, &client, overlap_s).await?;
    println!("secret: {} (shown this once)", secret.expose());
    println!("the one before is good for another {overlap_s} s");
    Ok(())
}

async fn create(config: &Config, new: NewClient) -> Result<(), CommandError> {
    let client = Client {
        scopes: new.scope,
        audiences: new.resources.into_iter().collect(),
        session_policy: new.session_policy,
        exchange: new.exchange.into_iter().collect(),
        service_account: new.service_account,
        ..Client::new(parsed(&new.id)?)
    };
    let secret = commands::create_client(config, &client).await?;
    print(&client);
    println!("secret: {} (shown this once)", secret.expose());
    Ok(())
}

fn parsed(id: &str) -> Result<ClientId, CommandError> {
    let parsed = ClientId::parse(id).map_err(StartupError::part("client id"));
    parsed.map_err(CommandError::Startup)
}

fn print(client: &Client) {
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
    let rights = [
        ("scope", client.scopes.to_string()),
        ("resources", list(&client.audiences)),
        ("session policy", client.session_policy.to_string()),
        ("exchange", list(&client.exchange)),
        ("serves", list(&client.serves)),
        (
            "keys",
            client.keys.iter().filter_map(|key| key.kid.clone()).collect::<Vec<_>>().join(" "),
        ),
        (
            "service account",
            client.service_account.as_ref().map_or_else(String::new, ToString::to_string),
        ),
    ];
    println!("{}", client.id);
    for (name, value) in rights.iter().filter(|(_, value)| !value.is_empty()) {
        println!("    {name}: {value}");
    }
}
