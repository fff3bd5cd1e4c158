//! [`Metrics`]: what has happened in a cache, and in the calls made with its tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus::core::Collector;

use super::exposition::Exposition;
use crate::client::token_source::TokenFetchError;

/// What is counted at every call is counted in so many places, so that threads do not write to the same one.
const STRIPES: usize = 16;

/// The place of the next thread that comes.
static NEXT_STRIPE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STRIPE: usize = NEXT_STRIPE.fetch_add(1, Ordering::Relaxed) % STRIPES;
}

/// Upper bounds of the age at which tokens are used.
pub(super) const AGES_MS: [u64; 9] =
    [1_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];
/// Upper bounds of the time that a fetch takes.
pub(super) const FETCHES_MS: [u64; 9] = [5, 10, 25, 50, 100, 250, 1_000, 5_000, 30_000];

/// Why fetches fail: the values of the label `class`.
pub(super) const CLASSES: [&str; 4] = ["unavailable", "refused", "client_refused", "nonsense"];

/// Counts since the cache was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Tokens fetched.
    pub fetched: u64,
    /// Fetches that failed.
    pub failed: u64,
    /// Requests answered with a token that was held.
    pub hits: u64,
    /// Requests that found none and waited for a fetch, or were told why there is none.
    pub waits: u64,
    /// Requests that wait just now.
    pub waiting: u64,
    /// Keys that are held just now.
    pub entries: u64,
    /// Keys that had to make room for others.
    pub evicted: u64,
    /// Tokens dropped because a service has rejected them.
    pub rejected: u64,
    /// Calls tried again after a failure; after a 401 for the token does not count.
    pub retried: u64,
}

/// A count for each upper bound, and one for what is beyond. In a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Histogram {
    counts: [AtomicU64; 10],
    sum_ms: AtomicU64,
}

impl Histogram {
    fn add(&self, bounds_ms: &[u64; 9], time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let place = bounds_ms.iter().position(|bound| ms <= *bound).unwrap_or(bounds_ms.len());
        add(&self.counts[place]);
        self.sum_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> [u64; 10] {
        std::array::from_fn(|place| read(&self.counts[place]))
    }

    pub(super) fn sum_ms(&self) -> u64 {
        read(&self.sum_ms)
    }
}

#[derive(Default)]
pub(crate) struct Metrics {
    pub(super) ages: [Histogram; STRIPES],
    pub(super) fetches: Histogram,
    failures: [AtomicU64; CLASSES.len()],
    fetched: AtomicU64,
    waits: AtomicU64,
    waiting: AtomicU64,
    entries: AtomicU64,
    evicted: AtomicU64,
    rejected: AtomicU64,
    retried: AtomicU64,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// One who waits, until it is dropped.
pub(super) struct Waiting<'a>(&'a Metrics);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(super) fn used(&self, age: Duration) {
        self.ages[STRIPE.with(|stripe| *stripe)].add(&AGES_MS, age);
    }

    pub(super) fn wait(&self) -> Waiting<'_> {
        add(&self.waits);
        add(&self.waiting);
        Waiting(self)
    }

    pub(super) fn fetched(&self, took: Duration) {
        add(&self.fetched);
        self.fetches.add(&FETCHES_MS, took);
    }

    pub(super) fn failed(&self, error: &TokenFetchError, took: Duration) {
        let class = match error {
            TokenFetchError::Unavailable { .. } | TokenFetchError::Deadline { .. } => 0,
            TokenFetchError::Refused { .. } if error.refuses_the_client() => 2,
            TokenFetchError::Refused { .. } | TokenFetchError::Handoff(_) => 1,
            TokenFetchError::Nonsense(_) => 3,
        };
        add(&self.failures[class]);
        self.fetches.add(&FETCHES_MS, took);
    }

    pub(super) fn added(&self) {
        add(&self.entries);
    }

    pub(super) fn removed(&self) {
        self.entries.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn entries(&self) -> usize {
        usize::try_from(read(&self.entries)).unwrap_or(usize::MAX)
    }

    pub(super) fn evicted(&self) {
        add(&self.evicted);
    }

    pub(super) fn rejected(&self) {
        add(&self.rejected);
    }

    pub(crate) fn retried(&self) {
        add(&self.retried);
    }

    pub(super) fn failures(&self) -> [u64; CLASSES.len()] {
        std::array::from_fn(|class| read(&self.failures[class]))
    }

    pub(super) fn counts(&self) -> TokenCounts {
        TokenCounts {
            fetched: read(&self.fetched),
            failed: self.failures().iter().sum(),
            hits: self.ages.iter().flat_map(Histogram::counts).sum(),
            waits: read(&self.waits),
            waiting: read(&self.waiting),
            entries: read(&self.entries),
            evicted: read(&self.evicted),
            rejected: read(&self.rejected),
            retried: read(&self.retried),
        }
    }

    pub(super) fn collector(self: Arc<Self>) -> Result<Box<dyn Collector>, prometheus::Error> {
        Ok(Box::new(Exposition::new(self)?))
    }
}
