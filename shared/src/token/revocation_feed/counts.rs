//! [`FeedCounts`]: how a feed fares, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::exposition::Family;

/// Counts since the feed was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// Revocations that are held just now.
    pub entries: u64,
    /// Requests that were answered well.
    pub answers: u64,
    /// Requests that were not.
    pub failures: u64,
    /// Entries of kinds that this version does not know. What they revoke is let in.
    pub unknown: u64,
    /// Times that all was replaced, since the issuer had lost its place.
    pub resets: u64,
    /// How old this knowledge is; none before the first answer.
    pub staleness: Option<Duration>,
}

impl FeedCounts {
    /// `age` stands for how old the knowledge is while there is none.
    pub(super) fn families(self, age: Duration) -> Vec<Family> {
        let requests = vec![("answered", self.answers), ("failed", self.failures)];
        vec![
            Family::gauge("revocations_held", "Revocations in force", self.entries),
            Family::counter("revocation_feed_requests_total", "Requests for revocations", 0)
                .by("result", requests),
            Family::counter(
                "revocation_feed_unknown_total",
                "Revocations of a kind that this version does not know",
                self.unknown,
            ),
            Family::counter(
                "revocation_feed_resets_total",
                "Times that the issuer began its feed anew",
                self.resets,
            ),
            Family::gauge(
                "revocation_feed_staleness_seconds",
                "How old the knowledge of revocations is; before the first answer, the feed itself",
                self.staleness.unwrap_or(age).as_secs(),
            ),
        ]
    }
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) answers: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) resets: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn counts(&self, entries: usize, staleness: Option<Duration>) -> FeedCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FeedCounts {
            entries: u64::try_from(entries).unwrap_or(u64::MAX),
            answers: count(&self.answers),
            failures: count(&self.failures),
            unknown: count(&self.unknown),
            resets: count(&self.resets),
            staleness,
        }
    }
}
