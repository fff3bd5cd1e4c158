//! Signing keys: one signs, all are published.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::{Algorithm, Jwk, Jwks, Timestamp, TokenSigner};

/// A signing key as it is stored.
#[derive(Clone)]
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) sealed_private_key: Vec<u8>,
    pub(crate) active: bool,
    pub(crate) created_at: Timestamp,
}

/// The keys in use.
#[derive(Clone)]
pub(crate) struct KeyRing {
    signer: Arc<TokenSigner>,
    /// The published set as it is sent, and its entity tag.
    published: Arc<(String, String)>,
}

impl KeyRing {
    pub(crate) fn new(signer: TokenSigner, public: Vec<Jwk>) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(&Jwks { keys: public })?;
        let hash = digest::digest(&digest::SHA256, json.as_bytes());
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.as_ref()));
        Ok(Self { signer: Arc::new(signer), published: Arc::new((json, etag)) })
    }

    pub(crate) fn signer(&self) -> &TokenSigner {
        &self.signer
    }

    pub(crate) fn jwks_json(&self) -> &str {
        &self.published.0
    }

    pub(crate) fn etag(&self) -> &str {
        &self.published.1
    }
}
