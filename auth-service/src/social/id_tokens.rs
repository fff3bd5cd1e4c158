//! [`IdTokens`]: the ID tokens of a provider, held against its published keys.

use std::time::Duration;

use shared::token::jws::{JwsType, verify_jws};
use shared::{RemoteKeys, TokenError};

use crate::domain::social::SocialRefusal;
use crate::domain::social::id_token::{Expected, IdToken, IdTokenFault};

/// The longest ID token, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// How long somebody waits for the keys.
const KEYS_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) struct IdTokens {
    keys: RemoteKeys,
    issuers: Vec<String>,
}

impl IdTokens {
    pub(super) fn new(keys: RemoteKeys, issuers: Vec<String>) -> Self {
        Self { keys, issuers }
    }

    pub(super) fn is_issuer(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|own| own == issuer)
    }

    /// Whom the token is about. The issuers are this provider's, whatever `expected` says.
    pub(super) async fn verify(
        &self,
        text: &str,
        expected: Expected<'_>,
    ) -> Result<String, SocialRefusal> {
        let verifying = verify_jws(&self.keys, text, JwsType::NotAnAccessToken, MAX_BYTES);
        let verified = tokio::time::timeout(KEYS_TIMEOUT, verifying).await;
        let verified = verified.map_err(|_| SocialRefusal::Away("keys: too slow".to_owned()))?;
        let payload = verified.map_err(|error| match error {
            TokenError::KeysUnavailable(cause) => SocialRefusal::Away(format!("keys: {cause}")),
            _ => IdTokenFault::Signature.into(),
        })?;
        let token = IdToken::parse(&payload)?;
        token.check(&Expected { issuers: &self.issuers, ..expected })?;
        Ok(token.sub)
    }
}
