//! [`KeyCounts`]: what has happened to an issuer's keys, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::exposition::Family;

/// Counts since the keys were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// Fetches that were begun.
    pub fetches: u64,
    /// Those that gave a good set, or said that it is still the same.
    pub successes: u64,
    /// Those that did not. What is left of `fetches` is under way.
    pub failures: u64,
    /// The successes that were answered 304: the set is still the same (RFC 9110 section 15.4.5).
    pub not_modified: u64,
    /// Look-ups of an unknown key id that led to no fetch, since the issuer was just asked for this id.
    pub refused_as_unknown: u64,
    /// Look-ups of an unknown key id that led to no fetch, since the issuer was just asked for another one.
    pub refused_by_limit: u64,
    /// Seconds since the last fetch that succeeded; none before the first.
    pub age_s: Option<u64>,
}

impl KeyCounts {
    pub(super) fn families(self) -> Vec<Family> {
        let fetches = vec![
            ("fetched", self.successes.saturating_sub(self.not_modified)),
            ("not_modified", self.not_modified),
            ("failed", self.failures),
        ];
        let unknown =
            vec![("just_asked", self.refused_as_unknown), ("limit", self.refused_by_limit)];
        vec![
            Family::counter("jwks_fetches_total", "Fetches of the issuer's keys", 0)
                .by("result", fetches),
            Family::counter("jwks_unknown_kids_total", "Unknown key ids refused at once", 0)
                .by("because", unknown),
            Family::gauge(
                "jwks_age_seconds",
                "Time since the issuer last gave its keys; 0 before the first time",
                self.age_s.unwrap_or_default(),
            ),
        ]
    }
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) fetches: AtomicU64,
    pub(super) successes: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) not_modified: AtomicU64,
    pub(super) refused_as_unknown: AtomicU64,
    pub(super) refused_by_limit: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::Relaxed)
    }

    pub(super) fn successes(&self) -> u64 {
        self.successes.load(Ordering::Relaxed)
    }

    pub(super) fn counts(&self, age: Option<Duration>) -> KeyCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        KeyCounts {
            fetches: count(&self.fetches),
            successes: count(&self.successes),
            failures: count(&self.failures),
            not_modified: count(&self.not_modified),
            refused_as_unknown: count(&self.refused_as_unknown),
            refused_by_limit: count(&self.refused_by_limit),
            age_s: age.map(|age| age.as_secs()),
        }
    }
}
