//! [`KeyRing`]: the signing keys, opened once, and the set of public keys as it is sent.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::token::key_set::{KeySource, KeysUnavailable, VerifyingKey};
use shared::{Jwk, Jwks, KeySet, Timestamp, TokenSigner};

use crate::domain::key::{KeySchedule, KeyTimes, StoredKey};
use crate::mirror::Mirror;
use crate::seal::MasterKeys;

/// The keys in use. Which of them signs is a question of time alone, so nobody has to be awake when one takes over.
#[derive(Default)]
pub(crate) struct KeyRing {
    schedule: Option<KeySchedule>,
    /// Of all that are stored, also of those that could not be opened.
    stored: Vec<KeyTimes>,
    unread: Vec<String>,
    /// Of those that are here.
    times: Vec<KeyTimes>,
    /// At the same places as `times`.
    signers: Vec<Arc<TokenSigner>>,
    public: KeySet,
    jwks_json: String,
    etag: String,
    /// Raised when a key has gone.
    generation: u64,
}

impl KeyRing {
    /// The ring of these keys. Those that it has already are not opened again; those that cannot be opened are left out.
    pub(crate) fn updated(
        &self,
        stored: &[StoredKey],
        (master_keys, schedule): (&MasterKeys, KeySchedule),
    ) -> Self {
        let mut unread = Vec::new();
        let (mut times, mut signers) = (Vec::new(), Vec::new());
        for key in stored {
            match self.signer(&key.times.kid).or_else(|| open(key, master_keys)) {
                Some(signer) => {
                    times.push(key.times.clone());
                    signers.push(signer);
                }
                None => unread.push(key.times.kid.clone()),
            }
        }
        let lost = self.times.iter().any(|old| !times.iter().any(|new| new.kid == old.kid));
        let public: Vec<Jwk> = signers.iter().map(|signer| signer.public_key().clone()).collect();
        // Of texts only: it cannot fail.
        let jwks_json = serde_json::to_string(&Jwks { keys: public.clone() }).unwrap_or_default();
        let hash = digest::digest(&digest::SHA256, jwks_json.as_bytes());
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.as_ref()));
        Self {
            schedule: Some(schedule),
            stored: stored.iter().map(|key| key.times.clone()).collect(),
            unread,
            times,
            signers,
            public: KeySet::from_jwks(public).unwrap_or_default(),
            jwks_json,
            etag,
            generation: self.generation + u64::from(lost),
        }
    }

    fn signer(&self, kid: &str) -> Option<Arc<TokenSigner>> {
        self.signers.iter().find(|signer| signer.kid() == kid).cloned()
    }

    /// The key that signs now.
    pub(crate) fn signing(&self, now: Timestamp) -> Option<&Arc<TokenSigner>> {
        let place = self.schedule.as_ref()?.signing(&self.times, now)?;
        self.signers.get(place)
    }

    /// Of all keys that are stored.
    pub(crate) fn stored(&self) -> &[KeyTimes] {
        &self.stored
    }

    /// The keys that are stored and could not be opened.
    pub(crate) fn unread(&self) -> &[String] {
        &self.unread
    }

    pub(crate) fn jwks_json(&self) -> &str {
        &self.jwks_json
    }

    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }
}

fn open(key: &StoredKey, master_keys: &MasterKeys) -> Option<Arc<TokenSigner>> {
    let pkcs8 = master_keys.open(&key.times.kid, &key.sealed_private_key).ok()?;
    TokenSigner::from_pkcs8(key.times.algorithm, &pkcs8).ok().map(Arc::new)
}

/// The server verifies its own tokens with what is in memory.
pub(crate) struct OwnKeys(pub(crate) Arc<Mirror>);

#[async_trait]
impl KeySource for OwnKeys {
    fn find_now(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        self.0.key_ring().public.find(kid)
    }

    async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysUnavailable> {
        Ok(self.find_now(kid))
    }

    fn generation(&self) -> u64 {
        self.0.key_ring().generation
    }
}
