//! What an operator does: make and list clients.

use shared::clock::SystemClock;
use shared::{Clock, Secret};

use crate::config::Config;
use crate::domain::client::{Client, SecretHash, generate_secret};
use crate::repository::clients::ClientRepository;
use crate::startup;

pub use crate::error::CommandError;
pub use crate::seal::create_master_key_file;

/// Registers a client and gives its secret, which is not stored and cannot be shown again.
///
/// # Errors
/// [`CommandError::ClientExists`] when there is one of this name.
pub async fn create_client(config: &Config, client: &Client) -> Result<Secret, CommandError> {
    let clients = ClientRepository::new(startup::open_database(config).await?);
    let secret = generate_secret().map_err(|_| CommandError::Crypto)?;
    let now = SystemClock::new().now();
    if !clients.insert(client, &SecretHash::of(&secret), now).await? {
        return Err(CommandError::ClientExists(client.id.as_str().to_owned()));
    }
    Ok(secret)
}

/// Registers a client, or gives the one of this name new rights and a new secret.
///
/// # Errors
/// When the database is away.
pub async fn replace_client(config: &Config, client: &Client) -> Result<Secret, CommandError> {
    let clients = ClientRepository::new(startup::open_database(config).await?);
    let secret = generate_secret().map_err(|_| CommandError::Crypto)?;
    clients.replace(client, &SecretHash::of(&secret), SystemClock::new().now()).await?;
    Ok(secret)
}

/// All clients and their rights.
///
/// # Errors
/// When the database is away.
pub async fn list_clients(config: &Config) -> Result<Vec<Client>, CommandError> {
    Ok(ClientRepository::new(startup::open_database(config).await?).list().await?)
}
