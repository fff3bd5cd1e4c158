//! [`Target`]: where somebody goes after a login. A path of the front end, and never another host.

use serde::{Deserialize, Serialize};

use crate::domain::social::SocialRefusal;

/// The longest, in bytes.
const MAX_BYTES: usize = 1024;

/// A path of the front end, with a query perhaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target(String);

impl Target {
    /// One `/` and not two, no backslash (browsers take it for a slash), nothing that they pass over.
    pub(crate) fn parse(text: &str) -> Result<Self, SocialRefusal> {
        let path = text.starts_with('/') && !text.starts_with("//");
        let passed_over = |character: char| {
            character == '\\' || character.is_control() || character.is_whitespace()
        };
        if path && text.len() <= MAX_BYTES && !text.contains(passed_over) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SocialRefusal::Target)
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_and_leads_to_no_other_host() {
        for good in ["/", "/orders/1", "/orders?next=//other&a=b#part", "/%5Cother", "/한글"] {
            assert!(Target::parse(good).is_ok(), "{good}");
        }
        let long = format!("/{}", "a".repeat(MAX_BYTES));
        let bad = [
            "",
            "orders",
            "//other",
            "///other",
            "/\\other",
            "\\\\other",
            "/a\\b",
            "/\t/other",
            "/\n/other",
            "/\0",
            " /orders",
            "/a b",
            "https://other",
            "javascript:alert(1)",
            &long,
        ];
        for bad in bad {
            assert_eq!(Target::parse(bad), Err(SocialRefusal::Target), "{bad:?}");
        }
    }
}
