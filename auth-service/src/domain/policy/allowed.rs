//! [`Allowed`]: any value, or these.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Any value, or one of these; none at all by default. As JSON `"any"` or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, bound(deserialize = "T: Ord + Deserialize<'de>"))]
pub enum Allowed<T> {
    /// Whichever.
    #[serde(with = "any_word")]
    Any,
    /// One of these.
    Listed(BTreeSet<T>),
}

impl<T> Default for Allowed<T> {
    fn default() -> Self {
        Self::Listed(BTreeSet::new())
    }
}

impl<T: Ord> Allowed<T> {
    pub(crate) fn allows(&self, value: &T) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed.contains(value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Allowed<T> {
    /// `any`, or the values with commas between them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("any"),
            Self::Listed(listed) if listed.is_empty() => formatter.write_str("none"),
            Self::Listed(listed) => {
                let listed: Vec<String> = listed.iter().map(T::to_string).collect();
                formatter.write_str(&listed.join(","))
            }
        }
    }
}

impl<T: Ord + FromStr> FromStr for Allowed<T> {
    type Err = T::Err;

    /// `any`, or values with commas between them.
    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "any" {
            return Ok(Self::Any);
        }
        let listed: Result<BTreeSet<T>, _> = text.split(',').map(str::parse).collect();
        listed.map(Self::Listed)
    }
}

/// The further members that a session may hold, and their values. As JSON `"any"`, or an object in which each
/// name has `"any"` or a list of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AllowedAttributes {
    /// Whichever.
    #[serde(with = "any_word")]
    Any,
    /// These.
    Named(BTreeMap<String, AllowedValues>),
}

/// The values that an attribute may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AllowedValues {
    /// Whichever.
    #[serde(with = "any_word")]
    Any,
    /// One of these, nested ones compared as a whole.
    Listed(Vec<Value>),
}

impl Default for AllowedAttributes {
    fn default() -> Self {
        Self::Named(BTreeMap::new())
    }
}

impl AllowedAttributes {
    pub(crate) fn allow(&self, name: &str, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Named(named) => match named.get(name) {
                None => false,
                Some(AllowedValues::Any) => true,
                Some(AllowedValues::Listed(listed)) => listed.contains(value),
            },
        }
    }
}

impl fmt::Display for AllowedAttributes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("any"),
            Self::Named(named) if named.is_empty() => formatter.write_str("none"),
            Self::Named(named) => {
                let names: Vec<&str> = named.keys().map(String::as_str).collect();
                formatter.write_str(&names.join(","))
            }
        }
    }
}

/// The one word `any`.
mod any_word {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("any")
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "any" => Ok(()),
            _ => Err(D::Error::custom("`any` or a list")),
        }
    }
}
