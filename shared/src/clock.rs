//! The one source of "now". Whatever depends on time takes a [`Clock`], so that a test can stop it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// A moment in UTC, to the microsecond.
pub type Timestamp = DateTime<Utc>;

/// The moment that [`Clock::unix_micros`] names.
pub(crate) fn from_unix_micros(micros: i64) -> Timestamp {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// Tells the time in the two ways programs need it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock: what a token's `exp` is held against. It may jump when the machine is set.
    fn now(&self) -> Timestamp;

    /// The same as a number: microseconds since 1970. For where it is asked for at every request.
    fn unix_micros(&self) -> i64 {
        self.now().timestamp_micros()
    }

    /// Time since an arbitrary start; it never jumps. Lifetimes of cached things are measured with it.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clock.
#[derive(Clone, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }

    /// The same, in the shape that verifiers and caches take.
    #[must_use]
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self::new())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        from_unix_micros(self.unix_micros())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn unix_micros(&self) -> i64 {
        // Before 1970 there is no token that could be good.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}
