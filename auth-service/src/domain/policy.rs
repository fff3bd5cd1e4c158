//! [`SessionPolicy`]: on whose behalf a client may act. Deny is the default, for each member of a session by itself.

mod allowed;
mod legacy;

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use shared::{CompanyId, Session, UserId};

pub use allowed::{Allowed, AllowedAttributes};

/// On whose behalf a client may ask for tokens. As JSON or TOML: `"none"`, `{"fixed": {session}}` or
/// `{"assert": {"companies": "any", ...}}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionPolicy {
    /// On nobody's: its tokens carry no session.
    #[default]
    None,
    /// Always on this one's.
    Fixed(#[serde(deserialize_with = "session")] Session),
    /// On that of whoever it names, within these bounds.
    Assert(Box<Bounds>),
}

/// What a session may hold that a client names by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Its company: one of these.
    pub companies: Allowed<CompanyId>,
    /// Its user: one of these. Any, where it is not said.
    #[serde(default = "any")]
    pub users: Allowed<UserId>,
    /// Each of its roles is one of these. None, where it is not said.
    #[serde(default)]
    pub roles: Allowed<String>,
    /// Each of its further members is one of these, with one of these values. None, where it is not said.
    #[serde(default)]
    pub attributes: AllowedAttributes,
    /// Such a token lives no longer than this, in seconds; the server's own limit stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl_s: Option<u32>,
}

fn any<T>() -> Allowed<T> {
    Allowed::Any
}

/// A session in a file is an object of its own, not a text; it keeps to the same rules.
fn session<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Session, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Session::parse(&value.to_string()).map_err(D::Error::custom)
}

/// The rule that refuses a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// Policy `none`.
    #[error("this client may not act on anybody's behalf (policy none)")]
    NoSession,
    /// Policy `fixed`, and another session was asked for.
    #[error("this client acts on behalf of one fixed session only (policy fixed)")]
    OtherThanFixed,
    /// Policy `assert`, and the company is not allowed.
    #[error("this client may not act for company {0} (policy assert.companies)")]
    Company(CompanyId),
    /// The user is not allowed.
    #[error("this client may not act for user {0} (policy assert.users)")]
    User(UserId),
    /// A role is not allowed. Which one is for the log: the text is repeated in an answer.
    #[error("this client may not assert every role asked for (policy assert.roles)")]
    Role(String),
    /// An attribute, or its value, is not allowed.
    #[error("this client may not assert every attribute asked for (policy assert.attributes)")]
    Attribute(String),
}

/// For whom a token is asked, and given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MaybeAsked {
    /// For the client itself.
    Nobody,
    /// For this caller.
    Session(Session),
}

/// The session that a token gets, and how long it may live at the most.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) session: MaybeAsked,
    pub(crate) max_ttl_s: Option<u32>,
}

impl SessionPolicy {
    /// The session that the token gets when this one is asked for.
    pub(crate) fn decide(&self, asked: MaybeAsked) -> Result<Decision, SessionRefusal> {
        use MaybeAsked::{Nobody, Session};
        let unlimited = |session| Ok(Decision { session, max_ttl_s: None });
        match (self, asked) {
            (Self::None | Self::Assert(_), Nobody) => unlimited(Nobody),
            (Self::None, Session(_)) => Err(SessionRefusal::NoSession),
            (Self::Fixed(session), Nobody) => unlimited(Session(session.clone())),
            (Self::Fixed(session), Session(asked)) if *session == asked => {
                unlimited(Session(asked))
            }
            (Self::Fixed(_), Session(_)) => Err(SessionRefusal::OtherThanFixed),
            (Self::Assert(bounds), Session(asked)) => {
                bounds.check(&asked)?;
                Ok(Decision { session: Session(asked), max_ttl_s: bounds.max_ttl_s })
            }
        }
    }

    /// The rule by which a session that was asked for is allowed, in words.
    pub(crate) fn rule(&self) -> String {
        match self {
            Self::None => "policy none: the client acts for itself".to_owned(),
            Self::Fixed(session) => format!("policy fixed: {}", session.as_json()),
            Self::Assert(bounds) => format!(
                "policy assert: companies {}, users {}, roles {}, attributes {}",
                bounds.companies, bounds.users, bounds.roles, bounds.attributes
            ),
        }
    }
}

impl Bounds {
    /// What the short form `assert:100,200` means: these companies, any user, no roles, no attributes.
    fn of_companies(companies: Allowed<CompanyId>) -> Self {
        let (roles, attributes) = Default::default();
        Self { companies, users: Allowed::Any, roles, attributes, max_ttl_s: None }
    }

    fn check(&self, asked: &Session) -> Result<(), SessionRefusal> {
        if !self.companies.allows(&asked.company_id()) {
            return Err(SessionRefusal::Company(asked.company_id()));
        }
        if !self.users.allows(&asked.user_id()) {
            return Err(SessionRefusal::User(asked.user_id()));
        }
        if let Some(role) = asked.roles().iter().find(|role| !self.roles.allows(*role)) {
            return Err(SessionRefusal::Role(role.clone()));
        }
        match asked.attributes().find(|(name, value)| !self.attributes.allow(name, value)) {
            Some((name, _)) => Err(SessionRefusal::Attribute(name.to_owned())),
            None => Ok(()),
        }
    }
}

/// Not a session policy.
#[derive(Debug, thiserror::Error)]
#[error(
    "a session policy is `none`, `fixed:{{session}}`, `assert:any`, `assert:100,200` or JSON like \
     {{\"assert\": {{\"companies\": [100], \"users\": \"any\", \"roles\": [\"clerk\"]}}}}"
)]
pub struct NotAPolicy;

impl FromStr for SessionPolicy {
    type Err = NotAPolicy;

    /// Reads the forms of the command line.
    fn from_str(text: &str) -> Result<Self, NotAPolicy> {
        if text.starts_with('{') {
            return serde_json::from_str(text).map_err(|_| NotAPolicy);
        }
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            Some(("fixed", session)) => {
                Session::parse(session).map(Self::Fixed).map_err(|_| NotAPolicy)
            }
            Some(("assert", companies)) => {
                let companies = companies.parse().map_err(|_| NotAPolicy)?;
                Ok(Self::Assert(Box::new(Bounds::of_companies(companies))))
            }
            _ => Err(NotAPolicy),
        }
    }
}

impl fmt::Display for SessionPolicy {
    /// The short form of the command line where there is one, else JSON.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("none"),
            Self::Fixed(session) => write!(formatter, "fixed:{}", session.as_json()),
            Self::Assert(bounds) if **bounds == Bounds::of_companies(bounds.companies.clone()) => {
                write!(formatter, "assert:{}", bounds.companies)
            }
            Self::Assert(_) => {
                formatter.write_str(&serde_json::to_string(self).unwrap_or_default())
            }
        }
    }
}

impl SessionPolicy {
    /// Reads the form in which it is stored.
    pub(crate) fn from_json(text: &str) -> Result<Self, NotAPolicy> {
        let current = serde_json::from_str(text).ok();
        current.or_else(|| legacy::policy(text)).ok_or(NotAPolicy)
    }
}

#[cfg(test)]
mod tests;
