//! [`Purpose`]: what something is handed on for; and within which bounds, as both clients declare them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use shared::Scopes;

use crate::domain::client::ClientId;

/// The longest name of a purpose, in bytes.
const MAX_BYTES: usize = 100;
/// A handoff is good for so many uses at the most: each is written down with it.
pub(crate) const MOST_USES: u32 = 100;
/// No handoff lives longer, in seconds.
pub(crate) const LONGEST_AGE_S: u32 = 90 * 24 * 3600;
const DEFAULT_AGE_S: u32 = 24 * 3600;

/// What something is handed on for, for example `order-exports`: small letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Purpose(String);

/// Not the name of a purpose.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a purpose is 1 to {MAX_BYTES} small letters, digits, dots, underscores and hyphens")]
pub struct NotAPurpose;

impl Purpose {
    /// Reads it.
    ///
    /// # Errors
    /// [`NotAPurpose`].
    pub fn parse(text: &str) -> Result<Self, NotAPurpose> {
        let sound =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let length = (1..=MAX_BYTES).contains(&text.len());
        if length && text.bytes().all(sound) { Ok(Self(text.to_owned())) } else { Err(NotAPurpose) }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Purpose {
    type Error = NotAPurpose;

    fn try_from(text: String) -> Result<Self, NotAPurpose> {
        Self::parse(&text)
    }
}

impl From<Purpose> for String {
    fn from(purpose: Purpose) -> Self {
        purpose.0
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a client may hand on for a purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handing {
    /// To whom: one of these clients.
    pub executors: BTreeSet<ClientId>,
    /// For which services.
    pub resources: BTreeSet<String>,
    /// To be used for what, at the most.
    pub scope: Scopes,
    /// How often, at the most; 1 where it is not said.
    #[serde(default = "once")]
    pub max_uses: u32,
    /// How long, at the most, in seconds from when it is handed on; a day where it is not said.
    #[serde(default = "a_day")]
    pub max_age_s: u32,
    /// Whether it may go on when the user logs out. No, where it is not said.
    #[serde(default)]
    pub may_outlive_logout: bool,
}

/// What a client takes over for a purpose, whoever hands it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taking {
    /// For which services.
    pub resources: BTreeSet<String>,
    /// To be used for what, at the most.
    pub scope: Scopes,
}

fn once() -> u32 {
    1
}

fn a_day() -> u32 {
    DEFAULT_AGE_S
}

impl Handing {
    /// Whether it can be used at all.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.executors.is_empty() || self.resources.is_empty() {
            return Err("executors and resources name one at least".to_owned());
        }
        if !(1..=MOST_USES).contains(&self.max_uses) {
            return Err(format!("max_uses is 1 to {MOST_USES}"));
        }
        if !(1..=LONGEST_AGE_S).contains(&self.max_age_s) {
            return Err(format!("max_age_s is 1 to {LONGEST_AGE_S}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_misread_is_refused() {
        for text in ["", "Order", "a b", "a\n", "ä", "a/b", &"x".repeat(101)] {
            assert_eq!(Purpose::parse(text), Err(NotAPurpose), "{text}");
        }
        assert!(Purpose::parse("order-exports.2026_v1").is_ok());
    }

    #[test]
    fn what_can_never_be_used_is_not_declared() -> Result<(), Box<dyn std::error::Error>> {
        let good: Handing = serde_json::from_value(serde_json::json!({
            "executors": ["batch"], "resources": ["orders"], "scope": "order:read"
        }))?;
        assert_eq!((good.max_uses, good.max_age_s), (1, 86_400));
        assert!(good.check().is_ok() && !good.may_outlive_logout);
        for bad in [
            Handing { executors: BTreeSet::new(), ..good.clone() },
            Handing { resources: BTreeSet::new(), ..good.clone() },
            Handing { max_uses: 0, ..good.clone() },
            Handing { max_uses: MOST_USES + 1, ..good.clone() },
            Handing { max_age_s: 0, ..good.clone() },
            Handing { max_age_s: LONGEST_AGE_S + 1, ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        Ok(())
    }
}
