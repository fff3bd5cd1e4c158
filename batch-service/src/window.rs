//! [`Window`]: the stretch of time that a run is about.

use chrono_tz::Tz;
use shared::Timestamp;

/// What a job's windows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// An hour.
    Hour,
    /// A day of the calendar.
    Day,
    /// A month of the calendar.
    Month,
    /// There is none: a run is known by its parameters alone.
    Once,
}

/// A stretch of time, from its start to before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    label: String,
    zone: Tz,
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// What it is called: the same window has the same name in every process.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its first moment.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The first moment after it.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }
}
