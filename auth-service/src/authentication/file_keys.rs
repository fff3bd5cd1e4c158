//! [`FileKeys`]: public keys in a file, which somebody else may replace.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use shared::token::key_set::{KeySource, KeysUnavailable, VerifyingKey};
use shared::{Clock, KeySet};
use tracing::warn;

/// The file is read again when it is this old, and for a key that is not known after the shorter time.
const MAX_AGE: Duration = Duration::from_secs(60);
const MIN_AGE: Duration = Duration::from_secs(1);

pub(crate) struct FileKeys {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    keys: ArcSwap<KeySet>,
    read_at_ms: AtomicU64,
}

/// The file is none of public keys.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {cause}")]
pub(crate) struct NoKeys {
    path: String,
    cause: String,
}

impl FileKeys {
    pub(crate) fn open(path: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, NoKeys> {
        let keys = Self { path, clock, keys: ArcSwap::default(), read_at_ms: AtomicU64::new(0) };
        keys.read()?;
        Ok(keys)
    }

    fn read(&self) -> Result<(), NoKeys> {
        let wrong = |cause: &dyn std::fmt::Display| NoKeys {
            path: self.path.display().to_string(),
            cause: cause.to_string(),
        };
        self.read_at_ms.store(self.now_ms(), Ordering::Relaxed);
        let json = std::fs::read(&self.path).map_err(|error| wrong(&error))?;
        self.keys.store(Arc::new(KeySet::parse(&json).map_err(|error| wrong(&error))?));
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    /// The keys that were there stay while the file is not to be read.
    fn read_if_older_than(&self, age: Duration) {
        let read_at = Duration::from_millis(self.read_at_ms.load(Ordering::Relaxed));
        if self.clock.monotonic().saturating_sub(read_at) > age
            && let Err(error) = self.read()
        {
            warn!(cause = %error, "cannot read the keys of a trusted issuer; the last ones stay");
        }
    }
}

#[async_trait]
impl KeySource for FileKeys {
    fn find_now(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        self.read_if_older_than(MAX_AGE);
        self.keys.load().find(kid)
    }

    async fn find(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, KeysUnavailable> {
        if let Some(key) = self.find_now(kid) {
            return Ok(Some(key));
        }
        self.read_if_older_than(MIN_AGE);
        Ok(self.keys.load().find(kid))
    }
}
