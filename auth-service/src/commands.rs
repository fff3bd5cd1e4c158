//! What an operator does at the command line: with clients, keys, tokens and the audit log.

use std::collections::BTreeSet;
use std::path::Path;

use shared::clock::SystemClock;
use shared::{Clock, RevocationKind, Revocations, Secret, Timestamp};

use crate::config::{Config, LoginStore};
use crate::domain::client::{Client, ClientId};
use crate::domain::clients_file;
use crate::domain::explain::{Explanation, Question, explain};
use crate::domain::grant::Terms;
use crate::domain::handoff::explain::HandoffExplanation;
use crate::domain::handoff::redeeming::Known;
use crate::domain::handoff::{self, HandoffName, RootLogin};
use crate::domain::key_keeper::KeyKeeper;
use crate::domain::login::EndedBy;
use crate::domain::registry::{self, By};
use crate::domain::revoking::{self, RevocationAsk};
use crate::handoffs::is_tied_to_login;
use crate::repository::audit::{AuditRepository, AuditRow};
use crate::repository::clients::ClientRepository;
use crate::repository::handoffs::{Found, HandoffRepository};
use crate::repository::keys::KeyRepository;
use crate::repository::revocations::RevocationRepository;
use crate::startup;

pub use crate::error::CommandError;
pub use crate::seal::create_master_key_file;

/// Who does it, in the audit log.
const ACTOR: &str = "the command line";

fn by() -> By<'static> {
    By { actor: ACTOR, now: SystemClock::new().now() }
}

async fn clients(config: &Config) -> Result<ClientRepository, CommandError> {
    Ok(ClientRepository::new(startup::open_database(config).await?))
}

/// Registers a client and gives its secret, which is not stored and cannot be shown again.
///
/// # Errors
/// [`CommandError::ClientExists`] when there is one of this name.
pub async fn create_client(config: &Config, client: &Client) -> Result<Secret, CommandError> {
    clients_file::check(client).map_err(CommandError::Invalid)?;
    registry::create_client(&clients(config).await?, client, by()).await
}

/// Registers a client, or gives the one of this name new rights; and a new secret, the only one from now on.
///
/// # Errors
/// When the database is away.
pub async fn replace_client(config: &Config, client: &Client) -> Result<Secret, CommandError> {
    clients_file::check(client).map_err(CommandError::Invalid)?;
    let clients = clients(config).await?;
    registry::put_client(&clients, (client, false), by()).await?;
    registry::rotate_secret(&clients, (&client.id, 0), by()).await
}

/// Removes a client.
///
/// # Errors
/// [`CommandError::NoSuchClient`] when there is none of this name.
pub async fn delete_client(config: &Config, id: &ClientId) -> Result<(), CommandError> {
    registry::delete_client(&clients(config).await?, id, by()).await
}

/// Gives a client another secret; the one in use stays good for `overlap_s` seconds.
///
/// # Errors
/// [`CommandError::NoSuchClient`] when there is none of this name.
pub async fn rotate_secret(
    config: &Config,
    id: &ClientId,
    overlap_s: u32,
) -> Result<Secret, CommandError> {
    registry::rotate_secret(&clients(config).await?, (id, overlap_s), by()).await
}

/// All clients and their rights.
///
/// # Errors
/// When the database is away.
pub async fn list_clients(config: &Config) -> Result<Vec<Client>, CommandError> {
    let stored = clients(config).await?.list().await?;
    Ok(stored.into_iter().map(|stored| stored.client).collect())
}

/// Makes the registered clients those of the file; says what is different, a line for each.
///
/// # Errors
/// When the file cannot be used or the database is away.
pub async fn apply_clients(
    config: &Config,
    file: &Path,
    (prune, dry_run): (bool, bool),
) -> Result<Vec<String>, CommandError> {
    let declared = clients_file::parse(&read(file)?)?;
    registry::apply(&clients(config).await?, &declared, (prune, dry_run), by()).await
}

/// Says whether a client would get a token, and by which rule, according to a file of clients. It needs no database.
///
/// # Errors
/// When the file cannot be used.
pub fn explain_by_file(
    file: &Path,
    question: &Question,
    token_ttl_s: u32,
) -> Result<Explanation, CommandError> {
    let declared = clients_file::parse(&read(file)?)?;
    let clients = declared.into_iter().map(|declared| declared.client).collect();
    Ok(explained(clients, question, token_ttl_s))
}

/// The same according to the database.
///
/// # Errors
/// When it is away.
pub async fn explain_by_database(
    config: &Config,
    question: &Question,
) -> Result<Explanation, CommandError> {
    Ok(explained(list_clients(config).await?, question, config.token_ttl_s))
}

fn explained(clients: Vec<Client>, question: &Question, token_ttl_s: u32) -> Explanation {
    let client = clients.iter().find(|client| client.id.as_str() == question.client);
    explain(client, question, (token_ttl_s, by().now))
}

fn read(file: &Path) -> Result<String, CommandError> {
    let path = file.display().to_string();
    std::fs::read_to_string(file).map_err(|cause| CommandError::File { path, cause })
}

/// What a signing key is called, and from when on it signs.
#[derive(Clone, Debug)]
pub struct KeyLine {
    /// Its id.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: &'static str,
    /// From when on it signs.
    pub signs_from: Timestamp,
}

/// All published keys, the newest first.
///
/// # Errors
/// When the database is away.
pub async fn list_keys(config: &Config) -> Result<Vec<KeyLine>, CommandError> {
    let keys = KeyRepository::new(startup::open_database(config).await?).list().await?;
    let line = |times: crate::domain::key::KeyTimes| KeyLine {
        kid: times.kid,
        algorithm: times.algorithm.name(),
        signs_from: times.signs_from,
    };
    Ok(keys.into_iter().map(|key| line(key.times)).collect())
}

const WITHDRAWN: &str =
    "withdrew all keys; a new one signs now, and every token issued before is void";

/// What to do with the signing keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTask {
    /// Make the next one; it signs when verifiers have had the time to fetch it.
    Rotate,
    /// Withdraw all at once: every token is void.
    Withdraw,
    /// The same where the master key that sealed them is lost.
    ReplaceLost,
    /// Seal all with the master key in use.
    Reseal,
}

/// Does it; says what was done.
///
/// # Errors
/// When the database is away or the master key is not the one.
pub async fn keep_keys(config: &Config, task: KeyTask) -> Result<String, CommandError> {
    let (master_keys, schedule) = (startup::master_keys(config)?, startup::key_schedule(config));
    let keys = KeyRepository::new(startup::open_database(config).await?);
    let keeper = KeyKeeper { keys: &keys, master_keys: &master_keys, schedule: &schedule };
    Ok(match task {
        KeyTask::Rotate => match keeper.rotate(by()).await? {
            Some(from) => format!("made the next key; it signs from {from}"),
            None => "the next key has been made already".to_owned(),
        },
        KeyTask::Withdraw => keeper.withdraw(by()).await.map(|()| WITHDRAWN.to_owned())?,
        KeyTask::ReplaceLost => keeper.replace(by()).await.map(|()| WITHDRAWN.to_owned())?,
        KeyTask::Reseal => format!("sealed {} keys anew", keeper.reseal(by()).await?),
    })
}

/// Revokes; every verifier that follows the feed knows it within a second. Says what was done.
///
/// # Errors
/// When it names nothing, or the database is away.
pub async fn revoke(config: &Config, ask: &RevocationAsk) -> Result<String, CommandError> {
    let by = by();
    let entry = ask.entry(by.now).map_err(|rule| CommandError::Invalid(rule.to_owned()))?;
    let db = startup::open_database(config).await?;
    let known = ClientRepository::new(db.clone()).list().await?;
    let done =
        revoking::revoke(&RevocationRepository::new(db), (entry, EndedBy::Operator), by).await?;
    let mut said = format!("revoked: {} {}", done.kind.name(), done.value);
    if let Some(before) = done.before.and_then(|before| Timestamp::from_timestamp(before, 0)) {
        said += &format!(", issued until {before}");
    }
    let is_known = known.iter().any(|own| own.client.id.as_str() == done.value);
    if done.kind == RevocationKind::Client && !is_known {
        said += " (no client of this name is registered)";
    }
    Ok(said)
}

/// Says who may use a handoff, for what, how often, until when, and why a use would be refused now. `id` is its id or its
/// name.
///
/// # Errors
/// [`CommandError::NoSuchHandoff`], or when the database is away.
pub async fn explain_handoff(
    config: &Config,
    id: &str,
) -> Result<HandoffExplanation, CommandError> {
    let db = startup::open_database(config).await?;
    let handoffs = HandoffRepository::new(db.clone());
    let found = handoffs.find_with_login(&HandoffName::of_either(id)).await?;
    let Found { handoff, login } =
        found.ok_or_else(|| CommandError::NoSuchHandoff(id.to_owned()))?;
    // Logins that are in Redis are not asked about: where one has ended, that stands with the handoff.
    let is_asked = config.login_store != LoginStore::Redis && is_tied_to_login(&handoff);
    let clients = ClientRepository::new(db.clone()).list().await?;
    let find = |id: &ClientId| clients.iter().map(|own| &own.client).find(|own| own.id == *id);
    let (revoked, now) = (Revocations::new(), by().now);
    revoked.replace(RevocationRepository::new(db).list_after(0).await?);
    let nobody = Client::new(handoff.executor.clone());
    let issuer = config.issuer.clone().unwrap_or_default();
    let known = Known {
        client: find(&handoff.executor).unwrap_or(&nobody),
        handed_on_by: find(&handoff.handed_on_by),
        root_ended: RootLogin::ended_at(login, now).filter(|_| is_asked),
        revoked: &|claims| revoked.hits(claims, now.timestamp()),
        terms: &Terms { issuer, token_ttl_s: config.token_ttl_s },
        now,
    };
    Ok(handoff::explain::explain(&handoff, &known))
}

/// Reads the audit log.
pub struct AuditReader {
    audit: AuditRepository,
    /// The numbers of the last rows that were read.
    seen: BTreeSet<i64>,
}

/// So many rows before the last one may still come: replicas number theirs before they commit them.
const LATECOMERS: i64 = 2_000;

impl AuditReader {
    /// Opens it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(config: &Config) -> Result<Self, CommandError> {
        let audit = AuditRepository::new(startup::open_database(config).await?);
        Ok(Self { audit, seen: BTreeSet::new() })
    }

    /// The last rows, as text.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn last(&mut self, rows: i64) -> Result<Vec<String>, CommandError> {
        // Of those before, which are not shown, it is known that they are there.
        let all = self.audit.list_last(rows.max(LATECOMERS)).await?;
        self.seen = all.iter().map(|row| row.id).collect();
        let first = all.len().saturating_sub(usize::try_from(rows).unwrap_or_default());
        Ok(all.iter().skip(first).map(line).collect())
    }

    /// The rows that have come since.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn next(&mut self) -> Result<Vec<String>, CommandError> {
        let after = self.seen.last().map_or(0, |last| last - LATECOMERS);
        let rows = self.audit.list_after(after, 2 * LATECOMERS).await?;
        self.seen.retain(|id| *id > after);
        let new: Vec<AuditRow> = rows.into_iter().filter(|row| self.seen.insert(row.id)).collect();
        Ok(new.iter().map(line).collect())
    }
}

fn line(row: &AuditRow) -> String {
    let at = row.at().format("%Y-%m-%dT%H:%M:%S%.3fZ");
    let or_dash = |text: &Option<String>| shown(text.as_deref().unwrap_or("-"));
    let (actor, detail) = (shown(&row.actor), shown(&row.detail));
    let (client, session) = (or_dash(&row.client_id), or_dash(&row.session));
    format!("{at} {:<14} by [{actor}] client [{client}] session {session} {detail}", row.event)
}

/// What somebody else has written must not look like a line of ours, or run the other way.
fn shown(text: &str) -> String {
    let unsafe_here = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    text.replace(unsafe_here, " ")
}
