//! [`Shards`]: all entries, in several maps, so that those who look up different keys do not wait for each other.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::entry::Entry;
use super::metrics::Metrics;
use crate::client::token_source::TokenRequest;

/// When room is needed in a large cache, this part of it is made free at once: finding the oldest means looking at all.
const FREED_AT_ONCE: usize = 128;

/// Maps that all entries are spread over.
const SHARDS: usize = 16;

/// A request brings its hash along.
#[derive(Default)]
struct Brought(u64);

impl Hasher for Brought {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

type Map = HashMap<TokenRequest, Arc<Entry>, BuildHasherDefault<Brought>>;

/// In a cache line of its own: a lock that is taken here must not slow down its neighbour.
#[derive(Default)]
#[repr(align(128))]
struct Shard(RwLock<Map>);

pub(super) struct Shards {
    shards: [Shard; SHARDS],
    capacity: usize,
    shrinking: Mutex<()>,
    metrics: Arc<Metrics>,
}

impl Shard {
    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Map> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shards {
    pub(super) fn new(capacity: NonZeroUsize, metrics: Arc<Metrics>) -> Self {
        let (shards, capacity) = (Default::default(), capacity.get());
        Self { shards, capacity, shrinking: Mutex::default(), metrics }
    }

    /// A map takes other bits of the hash than these to place its keys.
    fn shard(&self, request: &TokenRequest) -> &Shard {
        &self.shards[usize::from(request.hash().to_le_bytes()[4]) % SHARDS]
    }

    /// The header that is held, and whether it is time to renew its token.
    pub(super) fn serve(
        &self,
        request: &TokenRequest,
        now: Duration,
    ) -> Option<(HeaderValue, bool)> {
        let shard = self.shard(request).read();
        let entry = shard.get(request)?;
        let (header, age, due) = entry.read(now, |held| {
            (held.header.clone(), now.saturating_sub(held.fetched_at), now >= held.renew_at)
        })?;
        entry.touch(now);
        self.metrics.used(age);
        Some((header, due))
    }

    pub(super) fn find(&self, request: &TokenRequest) -> Option<Arc<Entry>> {
        self.shard(request).read().get(request).map(Arc::clone)
    }

    pub(super) fn find_or_insert(&self, request: &TokenRequest, now: Duration) -> Arc<Entry> {
        if let Some(entry) = self.find(request) {
            entry.touch(now);
            return entry;
        }
        let entry = self.insert(request, now);
        self.shrink();
        entry
    }

    fn insert(&self, request: &TokenRequest, now: Duration) -> Arc<Entry> {
        let mut shard = self.shard(request).write();
        let entry = shard.entry(request.clone()).or_insert_with(|| {
            self.metrics.added();
            Arc::default()
        });
        entry.touch(now);
        Arc::clone(entry)
    }

    /// Evicts what has not been used for longest, until there is room.
    pub(super) fn shrink(&self) {
        if self.metrics.entries() <= self.capacity {
            return;
        }
        let _alone = self.shrinking.lock().unwrap_or_else(PoisonError::into_inner);
        let excess = self.metrics.entries().saturating_sub(self.capacity);
        if excess == 0 {
            return;
        }
        let mut wanted = excess + self.capacity / FREED_AT_ONCE;
        let mut uses = self.select(|entry| Some(entry.last_used()));
        uses.sort_unstable_by_key(|(last_used, _)| *last_used);
        // The last is the one for which room is made.
        uses.pop();
        for (_, request) in uses {
            if wanted == 0 {
                break;
            }
            if self.remove(&request) {
                wanted -= 1;
                self.metrics.evicted();
            }
        }
    }

    pub(super) fn remove(&self, request: &TokenRequest) -> bool {
        let mut shard = self.shard(request).write();
        let gone = shard.get(request).is_some_and(|entry| entry.evict());
        if gone {
            shard.remove(request);
            self.metrics.removed();
        }
        gone
    }

    /// The requests whose entries say something.
    pub(super) fn select<T>(&self, what: impl Fn(&Entry) -> Option<T>) -> Vec<(T, TokenRequest)> {
        let mut selected = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            let some =
                shard.iter().filter_map(|(request, entry)| Some((what(entry)?, request.clone())));
            selected.extend(some);
        }
        selected
    }
}
