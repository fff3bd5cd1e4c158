//! Client secrets: generated, stored as a hash, two alive at the most.

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::{Secret, Timestamp};

/// The bytes of randomness in a client secret.
const SECRET_BYTES: usize = 32;
/// The shortest secret that is taken from somebody else, in characters: as long as a generated one, nearly.
pub(crate) const MIN_FOREIGN_CHARS: usize = 32;
/// So many secrets of a client live at once: the one in use, and the one that takes its place.
pub(crate) const MAX_LIVE: usize = 2;

/// SHA-256 of a client secret, as it is stored. The secret itself is known to the client alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretHash(String);

impl SecretHash {
    pub(crate) fn of(secret: &Secret) -> Self {
        let hash = digest::digest(&digest::SHA256, secret.expose().as_bytes());
        Self(URL_SAFE_NO_PAD.encode(hash.as_ref()))
    }

    /// A hash that no secret has.
    fn of_nobody() -> Self {
        Self("-".repeat(43))
    }

    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn is(&self, given: &Self) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), given.0.as_bytes()).is_ok()
    }
}

/// A secret of a client, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredSecret {
    pub(crate) id: String,
    pub(crate) hash: SecretHash,
    pub(crate) created_at: Timestamp,
    /// None: until it is replaced.
    pub(crate) expires_at: Option<Timestamp>,
}

impl StoredSecret {
    pub(crate) fn is_alive_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// Whether this is one of the client's secrets. A client that does not exist has none; it takes as long to say so, for
/// there are always two comparisons.
pub(crate) fn matches(stored: &[StoredSecret], given: &Secret, now: Timestamp) -> bool {
    let (given, nobody) = (SecretHash::of(given), SecretHash::of_nobody());
    let mut found = false;
    for place in 0..MAX_LIVE {
        let alive = stored.get(place).filter(|secret| secret.is_alive_at(now));
        found |= alive.map_or(&nobody, |secret| &secret.hash).is(&given);
    }
    found
}

/// A new client secret: 256 random bits.
pub(crate) fn generate_secret() -> Result<Secret, aws_lc_rs::error::Unspecified> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; SECRET_BYTES]);
    rand::fill(bytes.as_mut())?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    #[test]
    fn a_secret_is_good_until_it_expires_and_another_never_is()
    -> Result<(), aws_lc_rs::error::Unspecified> {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
        let (one, two, other) = (generate_secret()?, generate_secret()?, generate_secret()?);
        let stored = |secret: &Secret, expires_at| StoredSecret {
            id: String::new(),
            hash: SecretHash::of(secret),
            created_at: now,
            expires_at,
        };
        let both = [stored(&one, None), stored(&two, Some(now + TimeDelta::seconds(5)))];
        assert!(matches(&both, &one, now) && matches(&both, &two, now));
        assert!(!matches(&both, &two, now + TimeDelta::seconds(5)));
        assert!(!matches(&both, &other, now) && !matches(&[], &one, now));
        Ok(())
    }
}
