//! A client: a service that may ask for tokens.

use std::collections::BTreeSet;

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::{Scopes, Secret};

use crate::domain::policy::SessionPolicy;

/// The longest client id, in bytes.
const MAX_ID_BYTES: usize = 100;
/// The bytes of randomness in a client secret.
const SECRET_BYTES: usize = 32;

/// The name of a client: printable ASCII without space and colon (a colon would end it in HTTP Basic).
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// A client and its rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub id: ClientId,
    /// What its tokens may be used for.
    pub scopes: Scopes,
    /// The services that its tokens may be for.
    pub audiences: BTreeSet<String>,
    /// On whose behalf it may act.
    pub session_policy: SessionPolicy,
}

/// SHA-256 of a client secret, as it is stored. The secret itself is known to the client alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretHash(String);

impl SecretHash {
    pub(crate) fn of(secret: &Secret) -> Self {
        let hash = digest::digest(&digest::SHA256, secret.expose().as_bytes());
        Self(URL_SAFE_NO_PAD.encode(hash.as_ref()))
    }

    /// A hash that no secret has: an unknown client is compared with it, so that it takes as long as a known one.
    pub(crate) fn of_nobody() -> Self {
        Self("-".repeat(43))
    }

    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn matches(&self, secret: &Secret) -> bool {
        let given = Self::of(secret);
        constant_time::verify_slices_are_equal(self.0.as_bytes(), given.0.as_bytes()).is_ok()
    }
}

/// A new client secret: 256 random bits.
pub(crate) fn generate_secret() -> Result<Secret, aws_lc_rs::error::Unspecified> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; SECRET_BYTES]);
    rand::fill(bytes.as_mut())?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_its_own_hash_only() -> Result<(), aws_lc_rs::error::Unspecified> {
        let (one, other) = (generate_secret()?, generate_secret()?);
        assert!(SecretHash::of(&one).matches(&one));
        assert!(!SecretHash::of(&one).matches(&other));
        assert!(!SecretHash::of_nobody().matches(&one));
        Ok(())
    }

    #[test]
    fn a_name_that_cannot_travel_is_refused() {
        for text in ["", "a b", "a:b", "ä", "a\n", &"x".repeat(101)] {
            assert_eq!(ClientId::parse(text), Err(NotAClientId), "{text}");
        }
        assert!(ClientId::parse("batch-service").is_ok());
    }
}
