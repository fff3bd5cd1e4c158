//! What can be done with clients: register, change, give secrets, take away. At the command line and at `/admin` alike.

use std::path::Path;

use chrono::TimeDelta;
use shared::{Secret, Timestamp};

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::client::{Client, ClientId};
use crate::domain::clients_file::{Change, Declared, Known, difference};
use crate::domain::secret::{MIN_FOREIGN_CHARS, SecretHash, generate_secret};
use crate::error::CommandError;
use crate::repository::clients::{Applied, ClientRepository, StoredClient};

/// How long the secret before a new one is good, unless it is said, in seconds.
pub const DEFAULT_OVERLAP_S: u32 = 24 * 3600;

/// Who does it, and when.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) actor: &'a str,
    pub(crate) now: Timestamp,
}

impl By<'_> {
    fn event(&self, event: Event, client: &ClientId) -> AuditEvent {
        AuditEvent::new(event, self.actor, self.now).about(client.as_str())
    }
}

/// Registers a client with a secret, which cannot be shown again.
pub(crate) async fn create_client(
    clients: &ClientRepository,
    client: &Client,
    by: By<'_>,
) -> Result<Secret, CommandError> {
    let secret = generate_secret().map_err(|_| CommandError::Crypto)?;
    let event = by.event(Event::ClientCreated, &client.id).because(rights(client));
    let new = (client, Some(&SecretHash::of(&secret)));
    if !clients.insert(new, &event).await? {
        return Err(CommandError::ClientExists(client.id.to_string()));
    }
    event.log();
    Ok(secret)
}

/// Registers a client without a secret, or gives the one of this name these rights.
pub(crate) async fn put_client(
    clients: &ClientRepository,
    (client, from_file): (&Client, bool),
    by: By<'_>,
) -> Result<(), CommandError> {
    let event = by.event(Event::ClientChanged, &client.id).because(rights(client));
    clients.upsert((client, from_file), &event).await?;
    event.log();
    Ok(())
}

/// Removes a client; its tokens live on until they expire or are revoked.
pub(crate) async fn delete_client(
    clients: &ClientRepository,
    id: &ClientId,
    by: By<'_>,
) -> Result<(), CommandError> {
    let event = by.event(Event::ClientDeleted, id);
    if !clients.delete(id, &event).await? {
        return Err(CommandError::NoSuchClient(id.to_string()));
    }
    event.log();
    Ok(())
}

/// Gives the client another secret. The one in use stays good for so long; an older one goes at once.
pub(crate) async fn rotate_secret(
    clients: &ClientRepository,
    (id, overlap_s): (&ClientId, u32),
    by: By<'_>,
) -> Result<Secret, CommandError> {
    let secret = generate_secret().map_err(|_| CommandError::Crypto)?;
    let until = by.now + TimeDelta::seconds(i64::from(overlap_s));
    let event = by.event(Event::SecretMade, id).because(format!("the one before until {until}"));
    if !clients.insert_secret((id, &SecretHash::of(&secret)), until, &event).await? {
        return Err(CommandError::NoSuchClient(id.to_string()));
    }
    event.log();
    Ok(secret)
}

/// What makes the registered clients those of the file, done or, in a dry run, only said. All of it is done, or nothing.
pub(crate) async fn apply(
    clients: &ClientRepository,
    declared: &[Declared],
    (prune, dry_run): (bool, bool),
    by: By<'_>,
) -> Result<Vec<String>, CommandError> {
    let stored = clients.list().await?;
    let known: Vec<Known> = stored
        .iter()
        .map(|own| Known { client: own.client.clone(), from_file: own.from_file })
        .collect();
    let changes = difference(declared, &known, prune);
    let mut said: Vec<String> = changes.iter().map(Change::to_string).collect();
    let mut applied = Applied::default();
    for change in &changes {
        match change {
            Change::Remove(client) => {
                applied.removed.push(&client.id);
                applied.events.push(by.event(Event::ClientDeleted, &client.id));
            }
            Change::Add(client) | Change::Update { after: client, .. } => {
                applied.put.push(client);
                let event = by.event(Event::ClientChanged, &client.id);
                applied.events.push(event.because(rights(client)));
            }
        }
    }
    for (id, hash, file) in new_secrets(declared, &stored)? {
        said.push(format!("~ {id}: secret of {file}"));
        applied.events.push(by.event(Event::SecretMade, id).because(file));
        applied.secrets.push((id, hash));
    }
    if !dry_run && !said.is_empty() {
        let others_until = by.now + TimeDelta::seconds(i64::from(DEFAULT_OVERLAP_S));
        clients.apply(&applied, (by.now, others_until)).await?;
        applied.events.iter().for_each(AuditEvent::log);
    }
    Ok(said)
}

/// The secrets that lie in files and are not the ones in use; read before anything is changed.
fn new_secrets<'d>(
    declared: &'d [Declared],
    stored: &[StoredClient],
) -> Result<Vec<(&'d ClientId, SecretHash, String)>, CommandError> {
    let mut new = Vec::new();
    for Declared { client, secret_file } in declared {
        let Some(path) = secret_file else { continue };
        let hash = SecretHash::of(&foreign_secret(path)?);
        let own = stored.iter().find(|stored| stored.client.id == client.id);
        // One that is about to expire, because another took its place, has to come back.
        let newest = own.and_then(|own| own.secrets.first());
        if !newest.is_some_and(|newest| newest.hash == hash && newest.expires_at.is_none()) {
            new.push((&client.id, hash, path.display().to_string()));
        }
    }
    Ok(new)
}

/// A secret that somebody else has made, for example a Kubernetes Secret.
fn foreign_secret(path: &Path) -> Result<Secret, CommandError> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|cause| CommandError::File { path: shown(), cause })?;
    let secret = Secret::new(text.trim());
    if secret.expose().chars().count() < MIN_FOREIGN_CHARS {
        let cause = format!("{}: a secret has {MIN_FOREIGN_CHARS} characters or more", shown());
        return Err(CommandError::Invalid(cause));
    }
    Ok(secret)
}

fn rights(client: &Client) -> String {
    // Names as keys only: it cannot fail.
    serde_json::to_string(client).unwrap_or_default()
}
