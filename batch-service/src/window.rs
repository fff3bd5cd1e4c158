//! [`Window`]: the stretch of time that a run is about.

mod local;

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Tz;
use shared::Timestamp;

/// What a job's windows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// An hour of the zone's clock: from where it shows a whole hour, or is set to another time, to where that happens next.
    Hour,
    /// A day of the calendar: 23 or 25 hours long where the clock is set.
    Day,
    /// A month of the calendar.
    Month,
    /// There is none: a run is known by its parameters alone.
    Once,
}

/// A stretch of time, from its start to before its end. The windows of a period lie end to end: no moment is in two, none is in
/// none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    label: String,
    period: Period,
    zone: Tz,
    start: Timestamp,
    end: Timestamp,
}

/// The text names no window of the period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {} in {zone}", .period.expected())]
pub struct NotAWindow {
    text: String,
    period: Period,
    zone: Tz,
}

impl Window {
    /// The one window of [`Period::Once`]: all of time.
    #[must_use]
    pub fn once() -> Self {
        let label = "once".to_owned();
        let (start, end) = (local::EARLIEST, local::LATEST);
        Self { label, period: Period::Once, zone: Tz::UTC, start, end }
    }

    /// The window that `text` names: a label, or an hour with another offset than the zone's.
    ///
    /// # Errors
    /// When it names none. The hour or day that a zone leaves out is none.
    pub fn parse(period: Period, zone: Tz, text: &str) -> Result<Self, NotAWindow> {
        let window = match period {
            Period::Hour => hour_of(text).map(|start| Self::hour(zone, start)),
            Period::Day => date_of(text).map(|date| Self::day(zone, date)),
            Period::Month => date_of(&format!("{text}-01")).map(|first| Self::month(zone, first)),
            Period::Once => (text == "once").then(Self::once),
        };
        let named = |window: &Self| match period {
            Period::Hour => hour_of(text) == Some(window.start),
            Period::Day | Period::Month | Period::Once => window.label == text,
        };
        window
            .filter(|window| window.start < window.end && named(window))
            .ok_or_else(|| NotAWindow { text: text.to_owned(), period, zone })
    }

    /// The last whole window that ended at `at` or before it.
    #[must_use]
    pub fn before(period: Period, zone: Tz, at: Timestamp) -> Self {
        let at = at.clamp(local::EARLIEST, local::LATEST);
        let mut window = Self::around(period, zone, at);
        while window.end > at || window.start == window.end {
            let Some(previous) = window.previous() else { break };
            window = previous;
        }
        window
    }

    /// The one before it; None when there is none ([`Period::Once`], 1970).
    #[must_use]
    pub fn previous(&self) -> Option<Self> {
        let mut window = self.clone();
        loop {
            window = window.step_back()?;
            // A zone that crossed the date line left out a day.
            if window.start < window.end {
                return Some(window);
            }
        }
    }

    /// What it is called: the same window has the same name in every process.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What kind it is of.
    #[must_use]
    pub fn period(&self) -> Period {
        self.period
    }

    /// The zone that its hour, day or month is of.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
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

    /// The day that it is ([`Period::Day`]).
    #[must_use]
    pub fn date(&self) -> Option<NaiveDate> {
        if self.period == Period::Day { date_of(&self.label) } else { None }
    }

    /// The first day of the month that it is ([`Period::Month`]).
    #[must_use]
    pub fn month_start(&self) -> Option<NaiveDate> {
        if self.period == Period::Month { date_of(&format!("{}-01", self.label)) } else { None }
    }

    /// The window that `at` lies in, or one not far after it.
    fn around(period: Period, zone: Tz, at: Timestamp) -> Self {
        let date = at.with_timezone(&zone).date_naive();
        match period {
            Period::Hour => Self::hour(zone, at),
            // Where the clock goes back over midnight, a moment may be in the day after the one that the clock shows.
            Period::Day => Self::day(zone, date.succ_opt().unwrap_or(date)),
            Period::Month => Self::month(zone, date.with_day(1).unwrap_or(date)),
            Period::Once => Self::once(),
        }
    }

    fn step_back(&self) -> Option<Self> {
        if self.start <= local::EARLIEST {
            return None;
        }
        let month_before = |first: NaiveDate| first.pred_opt()?.with_day(1);
        Some(match self.period {
            Period::Hour => Self::hour(self.zone, self.start - chrono::TimeDelta::seconds(1)),
            Period::Day => Self::day(self.zone, self.date()?.pred_opt()?),
            Period::Month => Self::month(self.zone, month_before(self.month_start()?)?),
            Period::Once => return None,
        })
    }

    /// The hour that `at` lies in.
    fn hour(zone: Tz, at: Timestamp) -> Self {
        let (start, end) = local::hour_around(zone, at);
        let shown = start.with_timezone(&zone).format("%Y-%m-%dT%H:%M%:z").to_string();
        let label = shown.strip_suffix("+00:00").map_or(shown.clone(), |time| format!("{time}Z"));
        Self { label, period: Period::Hour, zone, start, end }
    }

    fn day(zone: Tz, date: NaiveDate) -> Self {
        let (start, end) = (local::start_of_day(zone, date), local::day_after(zone, date));
        Self { label: date.to_string(), period: Period::Day, zone, start, end }
    }

    fn month(zone: Tz, first: NaiveDate) -> Self {
        let next = first.checked_add_months(chrono::Months::new(1)).unwrap_or(first);
        let (start, end) = (local::start_of_day(zone, first), local::start_of_day(zone, next));
        let label = first.format("%Y-%m").to_string();
        Self { label, period: Period::Month, zone, start, end }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl Period {
    fn expected(self) -> &'static str {
        match self {
            Self::Hour => "an hour with its offset (like 2026-11-01T01:00-04:00)",
            Self::Day => "a day (like 2026-07-17)",
            Self::Month => "a month (like 2026-07)",
            Self::Once => "`once`, the only window of this job,",
        }
    }
}

/// `2026-07-17`, in this form alone.
fn date_of(text: &str) -> Option<NaiveDate> {
    let date: NaiveDate = text.parse().ok()?;
    let known = (1970..=9998).contains(&date.year());
    (known && date.to_string() == text).then_some(date)
}

/// `2026-11-01T01:00-04:00` or `2026-11-01T05:00Z`.
fn hour_of(text: &str) -> Option<Timestamp> {
    let form = "%Y-%m-%dT%H:%M%:z";
    let numeric = text.strip_suffix('Z').map_or(text.to_owned(), |time| format!("{time}+00:00"));
    let moment = DateTime::parse_from_str(&numeric, form).ok()?;
    let known = (1970..=9998).contains(&moment.year());
    (known && moment.format(form).to_string() == numeric).then(|| moment.to_utc())
}

#[cfg(test)]
mod tests;
