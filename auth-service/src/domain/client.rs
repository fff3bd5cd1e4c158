//! A client: a service that may ask for tokens, and its rights.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use shared::{Jwk, Scopes};

use crate::domain::policy::SessionPolicy;
use crate::domain::purpose::{Handing, Purpose, Taking};

/// The longest client id, in bytes.
const MAX_ID_BYTES: usize = 100;

/// The name of a client: printable ASCII without space and colon (a colon would end it in HTTP Basic).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// Not a client id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client id is 1 to {MAX_ID_BYTES} printable ASCII characters without colon")]
pub struct NotAClientId;

impl ClientId {
    /// Reads it.
    ///
    /// # Errors
    /// [`NotAClientId`].
    pub fn parse(text: &str) -> Result<Self, NotAClientId> {
        let length = (1..=MAX_ID_BYTES).contains(&text.len());
        let sound = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if length && sound { Ok(Self(text.to_owned())) } else { Err(NotAClientId) }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, for who keeps it as a key.
    pub(crate) fn text(&self) -> &String {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = NotAClientId;

    fn try_from(text: String) -> Result<Self, NotAClientId> {
        Self::parse(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A client and its rights, as it is declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its name.
    pub id: ClientId,
    /// What its tokens may be used for. In a file: a text with spaces, or a list.
    #[serde(default, rename = "scope")]
    pub scopes: Scopes,
    /// The services that its tokens may be for.
    #[serde(default, rename = "resources")]
    pub audiences: BTreeSet<String>,
    /// On whose behalf it may act.
    #[serde(default)]
    pub session_policy: SessionPolicy,
    /// The services for which it may exchange a token that it has received (RFC 8693).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exchange: BTreeSet<String>,
    /// What it may hand on to other clients, by purpose: the right to act in the session of a token that it has received.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hands_on: BTreeMap<Purpose, Handing>,
    /// What it takes over from other clients, by purpose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub takes_over: BTreeMap<Purpose, Taking>,
    /// The names under which tokens are for it. Where none is declared: its id.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub serves: BTreeSet<String>,
    /// The public keys with which it signs assertions (`private_key_jwt`); each with `kid` and `alg`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Jwk>,
    /// The Kubernetes service account whose pods are this client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccount>,
}

impl Client {
    /// A client that may do nothing yet.
    #[must_use]
    pub fn new(id: ClientId) -> Self {
        Self {
            id,
            scopes: Scopes::default(),
            audiences: BTreeSet::new(),
            session_policy: SessionPolicy::None,
            exchange: BTreeSet::new(),
            hands_on: BTreeMap::new(),
            takes_over: BTreeMap::new(),
            serves: BTreeSet::new(),
            keys: Vec::new(),
            service_account: None,
        }
    }

    /// Whether a token with these audiences is for this client.
    pub(crate) fn is_among(&self, audiences: &[String]) -> bool {
        let own = |audience: &String| {
            if self.serves.is_empty() {
                audience == self.id.as_str()
            } else {
                self.serves.contains(audience)
            }
        };
        audiences.iter().any(own)
    }
}

/// A service account of a trusted issuer: `cluster/namespace:name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceAccount {
    /// The name of the trusted issuer in the settings.
    pub issuer: String,
    /// Namespace and name, with a colon between them as in `system:serviceaccount:namespace:name`.
    pub account: String,
}

/// Not a service account.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a service account is `issuer/namespace:name`, and `issuer/namespace:default!` for the account that all pods have"
)]
pub struct NotAServiceAccount;

impl FromStr for ServiceAccount {
    type Err = NotAServiceAccount;

    /// `default` is what every pod of a namespace is when nobody has said otherwise: it has to be meant, with a `!`.
    fn from_str(text: &str) -> Result<Self, NotAServiceAccount> {
        let (issuer, account) = text.split_once('/').ok_or(NotAServiceAccount)?;
        let (account, meant) = match account.strip_suffix('!') {
            Some(account) => (account, true),
            None => (account, false),
        };
        let (namespace, name) = account.split_once(':').ok_or(NotAServiceAccount)?;
        let sound = |word: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            !word.is_empty() && word.bytes().all(allowed)
        };
        let all_sound = [issuer, namespace, name].into_iter().all(sound);
        if !all_sound || meant != (name == "default") {
            return Err(NotAServiceAccount);
        }
        Ok(Self { issuer: issuer.to_owned(), account: account.to_owned() })
    }
}

impl TryFrom<String> for ServiceAccount {
    type Error = NotAServiceAccount;

    fn try_from(text: String) -> Result<Self, NotAServiceAccount> {
        text.parse()
    }
}

impl From<ServiceAccount> for String {
    fn from(account: ServiceAccount) -> Self {
        account.to_string()
    }
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meant = if self.account.ends_with(":default") { "!" } else { "" };
        write!(formatter, "{}/{}{meant}", self.issuer, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_travel_is_refused() {
        for text in ["", "a b", "a:b", "ä", "a\n", &"x".repeat(101)] {
            assert_eq!(ClientId::parse(text), Err(NotAClientId), "{text}");
        }
        assert!(ClientId::parse("batch-service").is_ok());
    }

    #[test]
    fn the_account_that_every_pod_has_must_be_meant() {
        for text in ["prod/shop:order", "prod/shop:default!"] {
            let account: Result<ServiceAccount, _> = text.parse();
            assert_eq!(account.map(|account| account.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", "prod", "prod/shop", "shop:order", "prod/shop:default", "prod/shop:order!", "p/:x"]
        {
            assert_eq!(text.parse::<ServiceAccount>(), Err(NotAServiceAccount), "{text}");
        }
    }

    #[test]
    fn a_token_is_for_a_client_under_its_declared_names_or_else_its_id() -> Result<(), NotAClientId>
    {
        let mut client = Client::new(ClientId::parse("order-service")?);
        let audiences = |name: &str| vec!["x".to_owned(), name.to_owned()];
        assert!(client.is_among(&audiences("order-service")));
        client.serves.insert("orders".to_owned());
        assert!(client.is_among(&audiences("orders")));
        assert!(!client.is_among(&audiences("order-service")) && !client.is_among(&[]));
        Ok(())
    }
}
