//! [`ClientSettings`]: how a client proves itself, as an operator says it.

use std::path::Path;

use crate::client::token_source::ClientProof;
use crate::secret::{Secret, SecretError};

/// Settings that say how a client proves to a token endpoint who it is: one of three.
#[derive(Clone, Copy, Debug)]
pub struct ClientSettings<'s> {
    /// `client_id`: what the token endpoint knows it by. An assertion says that itself.
    pub client_id: &'s str,
    /// `client_secret`.
    pub secret: Option<&'s Secret>,
    /// `client_secret_file`: a file that holds it. It is read once.
    pub secret_file: Option<&'s Path>,
    /// `client_assertion_file`: a file with a token that says who the client is, as Kubernetes projects it (RFC 7523). It is
    /// read for each request, since it is replaced while the process runs.
    pub assertion_file: Option<&'s Path>,
}

/// Why settings give no proof.
#[derive(Debug, thiserror::Error)]
pub enum ClientSettingsError {
    /// None of the three is set, or more than one.
    #[error("set one of `client_secret`, `client_secret_file` and `client_assertion_file`")]
    NotOne,
    /// The file with the secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl ClientSettings<'_> {
    /// Whether one of the three is set, and no other.
    #[must_use]
    pub fn is_one(&self) -> bool {
        let set =
            [self.secret.is_some(), self.secret_file.is_some(), self.assertion_file.is_some()];
        set.into_iter().filter(|set| *set).count() == 1
    }

    /// The proof.
    ///
    /// # Errors
    /// [`ClientSettingsError`] when it is not one of the three, or the secret's file cannot be read.
    pub fn proof(&self) -> Result<ClientProof, ClientSettingsError> {
        if !self.is_one() {
            return Err(ClientSettingsError::NotOne);
        }
        if let Some(path) = self.assertion_file {
            return Ok(ClientProof::projected_token(path));
        }
        Ok(ClientProof::secret(self.client_id, &Secret::of(self.secret, self.secret_file)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_three_is_a_proof_and_nothing_else_is() {
        let secret = Secret::new("s3cret");
        let file = Some(Path::new("token"));
        let none = ClientSettings {
            client_id: "shop",
            secret: None,
            secret_file: None,
            assertion_file: None,
        };
        assert!(matches!(none.proof(), Err(ClientSettingsError::NotOne)));
        let both = ClientSettings { secret: Some(&secret), assertion_file: file, ..none };
        assert!(matches!(both.proof(), Err(ClientSettingsError::NotOne)));
        let assertion = ClientSettings { assertion_file: file, ..none };
        assert!(assertion.proof().is_ok_and(|proof| format!("{proof:?}").contains("file token")));
        assert!(ClientSettings { secret: Some(&secret), ..none }.proof().is_ok());
        let missing = ClientSettings { secret_file: Some(Path::new("no/such/file")), ..none };
        assert!(matches!(missing.proof(), Err(ClientSettingsError::Secret(_))));
    }
}
