//! [`Attempt`]: what a browser keeps, sealed, while its person is at the provider.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use shared::Claims;

use crate::domain::person::Provider;
use crate::domain::social::StateFault;
use crate::domain::social::target::Target;

/// How long somebody may take at the provider, in seconds.
pub(crate) const TTL_S: i64 = 600;
/// The bytes of randomness in a state, and in a nonce.
const BYTES: usize = 32;
/// Those, in base64url.
const STATE_CHARS: usize = 43;
/// So much of a state tells the logins apart that a browser has begun.
const NAME_CHARS: usize = 8;

/// The `state` of RFC 6749 section 4.1.1: says which login an answer belongs to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State(String);

impl State {
    pub(crate) fn random() -> Result<Self, Unspecified> {
        random_text().map(Self)
    }

    /// Only what [`State::random`] may have made: it becomes part of a cookie's name.
    pub(crate) fn parse(text: &str) -> Result<Self, StateFault> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let sound = text.len() == STATE_CHARS && text.bytes().all(known);
        if sound { Ok(Self(text.to_owned())) } else { Err(StateFault::Malformed) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// One for each login that is under way: two tabs do not get into each other's way.
    pub(crate) fn cookie_name(&self) -> String {
        format!("__Secure-baton_social_{}", self.0.get(..NAME_CHARS).unwrap_or_default())
    }

    /// Under which name it is sealed: what belongs to one state does not open with another.
    pub(crate) fn seal_name(&self) -> String {
        format!("social login {}", self.0)
    }
}

/// 256 random bits as text.
pub(crate) fn random_text() -> Result<String, Unspecified> {
    let mut bytes = [0_u8; BYTES];
    rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What the answer of the provider is held against.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) provider: Provider,
    /// Comes back in the ID token (OpenID Connect Core section 3.1.2.1).
    pub(crate) nonce: String,
    /// The `code_verifier` of RFC 7636: who has it has begun the login.
    pub(crate) verifier: String,
    /// In seconds since 1970.
    pub(crate) ends_s: i64,
    /// Where to go afterwards.
    pub(crate) target: Option<Target>,
    pub(crate) purpose: Purpose,
}

/// What is to come of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Purpose {
    LogIn,
    /// The identity is added to the account of the person with this token.
    Link(Box<Claims>),
}

impl Attempt {
    /// Whether an answer that comes now from this provider can belong to it.
    pub(crate) fn check(&self, provider: Provider, now_s: i64) -> Result<(), StateFault> {
        if self.provider != provider {
            return Err(StateFault::OtherProvider);
        }
        if self.ends_s <= now_s { Err(StateFault::Expired) } else { Ok(()) }
    }
}

/// The verifier stays hidden.
impl fmt::Debug for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Attempt({}, until {})", self.provider, self.ends_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_what_was_made_here_and_nothing_else() -> Result<(), Unspecified> {
        let (state, other) = (State::random()?, State::random()?);
        assert!(State::parse(state.as_str()).is_ok_and(|parsed| parsed == state));
        assert!(state != other && state.seal_name() != other.seal_name());
        let long = format!("{}a", state.as_str());
        let header = format!("{}\r\nSet-Cookie: a=b", &state.as_str()[..20]);
        for text in ["", "short", &long, &header, &"=".repeat(43), &"한".repeat(43)] {
            assert!(State::parse(text).is_err(), "{text}");
        }
        Ok(())
    }

    #[test]
    fn an_attempt_is_for_one_provider_and_ends() {
        let attempt = Attempt {
            provider: Provider::Google,
            nonce: String::new(),
            verifier: "s3cret".to_owned(),
            ends_s: 1_000,
            target: None,
            purpose: Purpose::LogIn,
        };
        assert_eq!(attempt.check(Provider::Google, 999), Ok(()));
        assert_eq!(attempt.check(Provider::Google, 1_000), Err(StateFault::Expired));
        assert_eq!(attempt.check(Provider::Naver, 999), Err(StateFault::OtherProvider));
        assert!(!format!("{attempt:?}").contains("s3cret"));
    }
}
