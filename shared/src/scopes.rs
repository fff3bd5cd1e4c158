//! [`Scopes`]: what a token may be used for (RFC 6749 section 3.3).

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::strict_json::Text;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// A set of scope tokens. The order in which they are written, and repetitions, do not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Scopes(
    /// Sorted, each once.
    Vec<String>,
);

/// A scope token holds a character that RFC 6749 section 3.3 does not allow.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is made of printable ASCII without space, quotation mark and backslash")]
pub struct NotAScope;

impl Scopes {
    /// Whether the scope is in the set.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own == scope)
    }

    /// Whether every scope of this set is in the other.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// Whether there is no scope.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromStr for Scopes {
    type Err = NotAScope;

    /// Reads the space-separated form of RFC 6749 section 3.3.
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        text.split(' ').filter(|scope| !scope.is_empty()).map(scope_token).collect()
    }
}

fn scope_token(text: &str) -> Result<String, NotAScope> {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if !text.is_empty() && text.bytes().all(allowed) { Ok(text.to_owned()) } else { Err(NotAScope) }
}

impl FromIterator<String> for Scopes {
    fn from_iter<I: IntoIterator<Item = String>>(scopes: I) -> Self {
        let mut scopes: Vec<String> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl fmt::Display for Scopes {
    /// The space-separated form of RFC 6749 section 3.3.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                formatter.write_str(" ")?;
            }
            formatter.write_str(scope)?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Scopes {
    /// An array of scopes, as we write it, or the space-separated string of RFC 9068 section 2.2.3.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArrayOrText)
    }
}

struct ArrayOrText;

impl<'de> Visitor<'de> for ArrayOrText {
    type Value = Scopes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of scopes, or scopes with spaces between them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scopes, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scopes, A::Error> {
        let mut scopes = Vec::with_capacity(items.size_hint().unwrap_or(4).min(64));
        while let Some(Text(scope)) = items.next_element()? {
            scopes.push(scope_token(&scope).map_err(A::Error::custom)?);
        }
        Ok(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_do_not_matter() {
        let scopes: Result<Scopes, _> = "b a  b".parse();
        assert_eq!(scopes.map(|scopes| scopes.to_string()), Ok("a b".to_owned()));
    }

    #[test]
    fn a_scope_is_the_whole_word() {
        let scopes: Result<Scopes, _> = "order:read".parse();
        let contains = |scope| scopes.as_ref().is_ok_and(|scopes| scopes.contains(scope));
        assert!(contains("order:read"));
        for other in ["", "order", "order:read2", "Order:Read"] {
            assert!(!contains(other), "{other}");
        }
    }

    #[test]
    fn characters_outside_the_grammar_are_refused() {
        for text in ["a\"b", "a\\b", "a\tb", "ä", "a\u{7f}"] {
            assert_eq!(text.parse::<Scopes>(), Err(NotAScope), "{text}");
        }
    }
}
