//! Files that were looked up a moment ago. What is kept of a file never changes but that the file is deleted: whoever takes
//! one from here has to open its object as well, which goes before the deletion is answered. Where it cannot go then (the
//! process dies between the row and the object, the storage is away), others believe in the file for as long as [`MEMORY`]
//! and no longer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use shared::{Clock, Tenant};

use crate::domain::file::{FileId, StoredFile};

/// How long a look-up is good for.
const MEMORY: Duration = Duration::from_secs(1);
/// A file takes about half a KiB.
const MOST: usize = 4096;

struct Seen {
    file: Arc<StoredFile>,
    at: Duration,
}

/// See the [module](self).
pub(crate) struct RecentFiles {
    clock: Arc<dyn Clock>,
    seen: Cache<(Tenant, FileId), Arc<Seen>>,
}

impl RecentFiles {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, seen: Cache::new(MOST) }
    }

    pub(crate) fn find(&self, tenant: Tenant, id: FileId) -> Option<Arc<StoredFile>> {
        let seen = self.seen.get(&(tenant, id))?;
        let age = self.clock.monotonic().saturating_sub(seen.at);
        (age < MEMORY).then(|| Arc::clone(&seen.file))
    }

    /// What this look-up gives is kept as of the moment in which it began.
    pub(crate) async fn keep<E>(
        &self,
        tenant: Tenant,
        looking_up: impl Future<Output = Result<StoredFile, E>>,
    ) -> Result<Arc<StoredFile>, E> {
        let at = self.clock.monotonic();
        let file = Arc::new(looking_up.await?);
        let seen = Seen { file: Arc::clone(&file), at };
        self.seen.insert((tenant, file.id), Arc::new(seen));
        Ok(file)
    }

    pub(crate) fn forget(&self, tenant: Tenant, id: FileId) {
        self.seen.remove(&(tenant, id));
    }
}

impl fmt::Debug for RecentFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RecentFiles({})", self.seen.len())
    }
}
