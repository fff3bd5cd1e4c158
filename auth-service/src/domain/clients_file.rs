//! Clients as a file: what is declared, and how it differs from what is registered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use shared::{Jwk, KeySet};

use crate::domain::client::Client;
use crate::domain::policy::SessionPolicy;

/// The shortest life of a token that is worth its way, in seconds.
const MIN_TTL_S: u32 = 10;

/// A client as a file declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// The client and its rights.
    pub client: Client,
    /// A file with its secret, which somebody else has made: 32 characters or more.
    pub secret_file: Option<PathBuf>,
}

/// What is wrong with a file of clients.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientsFileError {
    /// Not TOML, or without the list.
    #[error("not a file of clients: {0}")]
    NotClients(String),
    /// A client is declared wrongly.
    #[error("client {id}: {cause}")]
    Client {
        /// Which.
        id: String,
        /// What is wrong.
        cause: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    client: Vec<Value>,
}

/// Reads `[[client]]` tables.
///
/// # Errors
/// A [`ClientsFileError`] that names the client.
pub fn parse(text: &str) -> Result<Vec<Declared>, ClientsFileError> {
    let file: File = toml::from_str(text)
        .map_err(|error| ClientsFileError::NotClients(error.message().to_owned()))?;
    declared(file.client)
}

/// The same from JSON values.
///
/// # Errors
/// As [`parse`].
pub fn declared(clients: Vec<Value>) -> Result<Vec<Declared>, ClientsFileError> {
    let declared: Vec<Declared> = clients.into_iter().map(one).collect::<Result<_, _>>()?;
    let (mut ids, mut accounts) = (BTreeSet::new(), BTreeMap::new());
    for Declared { client, .. } in &declared {
        if !ids.insert(&client.id) {
            return Err(wrong(client, "is declared twice"));
        }
        let Some(account) = &client.service_account else { continue };
        if let Some(other) = accounts.insert(account, &client.id) {
            return Err(wrong(client, &format!("{other} has the service account {account}, too")));
        }
    }
    Ok(declared)
}

fn one(mut value: Value) -> Result<Declared, ClientsFileError> {
    let id = value.get("id").and_then(Value::as_str).unwrap_or("without id").to_owned();
    let wrong = |cause: &dyn fmt::Display| ClientsFileError::Client {
        id: id.clone(),
        cause: cause.to_string(),
    };
    let secret_file = value.as_object_mut().and_then(|members| members.remove("secret_file"));
    let secret_file = secret_file
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| wrong(&format!("secret_file: {error}")))?;
    check_keys(value.get("keys")).map_err(|cause| wrong(&cause))?;
    let client: Client = serde_json::from_value(value).map_err(|error| wrong(&error))?;
    check(&client).map_err(|cause| wrong(&cause))?;
    Ok(Declared { client, secret_file })
}

fn wrong(client: &Client, cause: &str) -> ClientsFileError {
    ClientsFileError::Client { id: client.id.to_string(), cause: cause.to_owned() }
}

/// Looks at the text, for what is read of a key has no place for a private part.
fn check_keys(keys: Option<&Value>) -> Result<(), &'static str> {
    let members = ["d", "p", "q", "dp", "dq", "qi", "k"];
    let keys = keys.and_then(Value::as_array).into_iter().flatten();
    let private = |key: &Value| members.iter().any(|member| key.get(member).is_some());
    if keys.into_iter().any(private) {
        Err("keys: a private key has no place here")
    } else {
        Ok(())
    }
}

/// Rules that no type knows.
///
/// # Errors
/// What is wrong, in words.
pub fn check(client: &Client) -> Result<(), String> {
    let unusable = |key: &&Jwk| KeySet::from_jwks([(*key).clone()]).is_err();
    if client.keys.iter().any(|key| unusable(&key)) {
        return Err("keys: each has kty, kid, alg (ES256, EdDSA, RS256) and its members".to_owned());
    }
    if let SessionPolicy::Assert(bounds) = &client.session_policy
        && bounds.max_ttl_s.is_some_and(|ttl_s| ttl_s < MIN_TTL_S)
    {
        return Err(format!("max_ttl_s is {MIN_TTL_S} at least"));
    }
    for (purpose, handing) in &client.hands_on {
        handing.check().map_err(|cause| format!("hands_on.{purpose}: {cause}"))?;
    }
    let handed_on = client.hands_on.values().flat_map(|own| &own.resources);
    let taken_over = client.takes_over.values().flat_map(|own| &own.resources);
    let names = client.audiences.iter().chain(&client.exchange).chain(&client.serves);
    let names = names.chain(handed_on).chain(taken_over);
    let sound = |name: &String| {
        !name.is_empty() && name.len() <= 200 && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !names.into_iter().all(sound) {
        return Err("the name of a service is 1 to 200 printable ASCII characters".to_owned());
    }
    Ok(())
}

/// A client as it is registered, for the difference.
#[derive(Clone, Debug)]
pub struct Known {
    /// The client and its rights.
    pub client: Client,
    /// Whether a file has declared it.
    pub from_file: bool,
}

/// What would have to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Register it.
    Add(Box<Client>),
    /// Give it other rights.
    Update {
        /// As it is.
        before: Box<Client>,
        /// As it is to be.
        after: Box<Client>,
    },
    /// It was declared once and is no longer.
    Remove(Box<Client>),
}

/// What makes the registered clients those of the file. Clients that no file has declared are left alone, unless the
/// file declares them now.
#[must_use]
pub fn difference(declared: &[Declared], known: &[Known], prune: bool) -> Vec<Change> {
    let find = |client: &Client| known.iter().find(|known| known.client.id == client.id);
    let mut changes: Vec<Change> = declared
        .iter()
        .filter_map(|Declared { client, .. }| match find(client) {
            None => Some(Change::Add(Box::new(client.clone()))),
            Some(known) if known.client == *client && known.from_file => None,
            Some(known) => {
                let (before, after) = (Box::new(known.client.clone()), Box::new(client.clone()));
                Some(Change::Update { before, after })
            }
        })
        .collect();
    if prune {
        let ids: BTreeSet<_> = declared.iter().map(|declared| &declared.client.id).collect();
        let gone = known.iter().filter(|known| known.from_file && !ids.contains(&known.client.id));
        // First, so that a service account can go from one client to another.
        changes.splice(0..0, gone.map(|known| Change::Remove(Box::new(known.client.clone()))));
    }
    changes
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(client) => {
                write!(formatter, "+ {}: {}", client.id, json(client))
            }
            Self::Remove(client) => write!(formatter, "- {}", client.id),
            Self::Update { before, after } => {
                write!(formatter, "~ {}", after.id)?;
                let (before, after) = (json(before), json(after));
                for name in names(&before, &after) {
                    let (old, new) = (&before[&name], &after[&name]);
                    if old != new {
                        write!(formatter, "\n    {name}: {old} -> {new}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

fn json(client: &Client) -> Value {
    // Names as keys only: it cannot fail.
    serde_json::to_value(client).unwrap_or_default()
}

fn names(before: &Value, after: &Value) -> BTreeSet<String> {
    let members = [before, after].into_iter().filter_map(Value::as_object);
    members.flat_map(|members| members.keys().cloned()).collect()
}

#[cfg(test)]
mod tests;
