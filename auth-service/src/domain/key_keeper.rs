//! What can be done with signing keys: make the next one, withdraw all, seal them anew.

use shared::{Algorithm, Timestamp, TokenSigner};

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::key::{KeySchedule, KeyStep, KeyTimes, StoredKey};
use crate::domain::registry::By;
use crate::error::CommandError;
use crate::repository::keys::KeyRepository;
use crate::seal::MasterKeys;

/// Makes keys.
pub(crate) struct KeyKeeper<'k> {
    pub(crate) keys: &'k KeyRepository,
    pub(crate) master_keys: &'k MasterKeys,
    pub(crate) schedule: &'k KeySchedule,
}

impl KeyKeeper<'_> {
    /// Does what is due; says whether anything has changed.
    pub(crate) async fn keep(&self, known: &[KeyTimes], by: By<'_>) -> Result<bool, CommandError> {
        let mut changed = false;
        for step in self.schedule.steps(known, by.now) {
            changed |= match step {
                KeyStep::Make { generation, signs_from } => {
                    self.add((generation, signs_from), by).await?
                }
                KeyStep::Remove(kid) => self.keys.delete(&kid).await?,
            };
        }
        Ok(changed)
    }

    /// Makes the next key now: it signs as soon as verifiers have had the time to fetch it. Gives that moment, or none
    /// when the next key has been made already.
    pub(crate) async fn rotate(&self, by: By<'_>) -> Result<Option<Timestamp>, CommandError> {
        let known = self.readable().await?;
        let Some((generation, signs_from)) = self.schedule.successor(&known, by.now) else {
            return Ok(None);
        };
        let made = self.add((generation, signs_from), by).await?;
        Ok(made.then_some(signs_from))
    }

    /// Withdraws every key at once and signs with a new one: all tokens that were issued so far are void.
    pub(crate) async fn withdraw(&self, by: By<'_>) -> Result<(), CommandError> {
        self.readable().await?;
        self.replace(by).await
    }

    /// The same where nobody can read them any more, since their master key is lost.
    pub(crate) async fn replace(&self, by: By<'_>) -> Result<(), CommandError> {
        let key = self.make((1, by.now), by.now).await?;
        let event = AuditEvent::new(Event::KeysWithdrawn, by.actor, by.now);
        let event = event.because(format!("signing with {} now", key.times.kid));
        self.keys.replace_all(&key, &event).await?;
        event.log();
        Ok(())
    }

    /// Seals all keys with the master key in use. Says how many they are.
    pub(crate) async fn reseal(&self, by: By<'_>) -> Result<usize, CommandError> {
        let mut keys = self.keys.list().await?;
        for key in &mut keys {
            let pkcs8 = self.master_keys.open(&key.times.kid, &key.sealed_private_key)?;
            key.sealed_private_key = self.master_keys.seal(&key.times.kid, &pkcs8)?;
        }
        let event = AuditEvent::new(Event::KeysResealed, by.actor, by.now);
        let event = event.because(format!("{} keys", keys.len()));
        self.keys.update_sealed(&keys, &event).await?;
        event.log();
        Ok(keys.len())
    }

    /// All that are stored. Whoever has another master key than the one that sealed them must not put his own beside
    /// them, or in their place: the servers could not read it.
    async fn readable(&self) -> Result<Vec<KeyTimes>, CommandError> {
        let stored = self.keys.list().await?;
        for key in &stored {
            self.master_keys.open(&key.times.kid, &key.sealed_private_key)?;
        }
        Ok(stored.into_iter().map(|key| key.times).collect())
    }

    async fn add(&self, times: (i64, Timestamp), by: By<'_>) -> Result<bool, CommandError> {
        let key = self.make(times, by.now).await?;
        let event = AuditEvent::new(Event::KeyMade, by.actor, by.now)
            .because(format!("{} signs from {}", key.times.kid, key.times.signs_from));
        let made = self.keys.insert(&key, &event).await?;
        if made {
            event.log();
        }
        Ok(made)
    }

    async fn make(
        &self,
        (generation, signs_from): (i64, Timestamp),
        created_at: Timestamp,
    ) -> Result<StoredKey, CommandError> {
        let algorithm = self.schedule.algorithm;
        let (kid, pkcs8) = tokio::task::spawn_blocking(move || generate(algorithm))
            .await
            .map_err(|_| CommandError::Crypto)??;
        let sealed_private_key = self.master_keys.seal(&kid, &pkcs8)?;
        let times = KeyTimes { kid, algorithm, generation, created_at, signs_from };
        Ok(StoredKey { times, sealed_private_key })
    }
}

/// An RSA key takes a good while.
fn generate(algorithm: Algorithm) -> Result<(String, zeroize::Zeroizing<Vec<u8>>), CommandError> {
    let pkcs8 = TokenSigner::generate(algorithm).map_err(|_| CommandError::Crypto)?;
    let signer = TokenSigner::from_pkcs8(algorithm, &pkcs8).map_err(|_| CommandError::Crypto)?;
    Ok((signer.kid().to_owned(), pkcs8))
}
