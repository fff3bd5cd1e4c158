//! [`Secret`]: a text that cannot be printed by accident.

use std::fmt;
use std::path::Path;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

/// A secret, for example of a client. `Debug` hides it; it is wiped from memory when dropped.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

/// Why a setting gives no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Neither the secret nor its file is set.
    #[error("not set")]
    Missing,
    /// The file cannot be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
}

impl Secret {
    /// Takes the text in.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret of a setting: itself, or what the file holds.
    ///
    /// # Errors
    /// [`SecretError`] when there is neither, or the file cannot be read.
    pub fn of(text: Option<&Self>, file: Option<&Path>) -> Result<Self, SecretError> {
        match (text, file) {
            (Some(secret), _) => Ok(secret.clone()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path);
                let path = path.display().to_string();
                let unreadable = |cause| SecretError::Unreadable { path, cause };
                Ok(Self::new(text.map_err(unreadable)?.trim()))
            }
            (None, None) => Err(SecretError::Missing),
        }
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first 8 bytes of its SHA-256, in hexadecimal: tells two secrets apart without giving them away.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = digest::digest(&digest::SHA256, self.0.as_bytes());
        hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// As it is shown among settings: hidden. It cannot be written anywhere by serializing it.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(crate::config::HIDDEN)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_does_not_print() {
        let shown = format!("{:?} {0:#?}", Secret::new("s3cret"));
        assert!(!shown.contains("s3cret"), "{shown}");
        let written = serde_json::to_string(&Secret::new("s3cret")).unwrap_or_default();
        assert_eq!(written, "\"(hidden)\"");
    }
}
