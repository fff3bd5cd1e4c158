//! Days and moments, within what both databases keep and compare alike.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use shared::Timestamp;

use crate::error::BadField;

const FIRST_YEAR: i32 = 1970;
const LAST_YEAR: i32 = 9999;

/// The first and the last microsecond of a stretch of time.
pub(crate) type Stretch = (NaiveDateTime, NaiveDateTime);

/// A day in UTC, from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day(NaiveDate);

impl Day {
    /// Reads `2026-07-17`.
    pub(crate) fn parse(field: &'static str, text: &str) -> Result<Self, BadField> {
        let date = text.parse::<NaiveDate>().ok().filter(|date| is_in_range(date.year()));
        date.map(Self).ok_or(BadField(field, "a day from 1970-01-01 to 9999-12-31"))
    }

    /// Its first and its last microsecond. Not the first of the next day: there is none after the last.
    pub(crate) fn bounds(self) -> Stretch {
        let midnight = self.0.and_time(NaiveTime::MIN);
        (midnight, midnight + TimeDelta::days(1) - TimeDelta::microseconds(1))
    }
}

/// From one moment to before another one.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Stretch {
    (from.naive_utc(), to.naive_utc() - TimeDelta::microseconds(1))
}

/// Reads a moment (RFC 3339), or a day, which is its first one.
pub(crate) fn moment(field: &'static str, text: &str) -> Result<Timestamp, BadField> {
    if let Ok(at) = text.parse() {
        return recordable(field, at);
    }
    Ok(Day::parse(field, text)?.bounds().0.and_utc())
}

/// A moment that came in, cut to the microseconds that a database keeps.
pub(crate) fn recordable(field: &'static str, at: Timestamp) -> Result<Timestamp, BadField> {
    let at = Timestamp::from_timestamp_micros(at.timestamp_micros());
    at.filter(|at| is_in_range(at.year())).ok_or(BadField(field, "a moment from 1970 to 9999"))
}

fn is_in_range(year: i32) -> bool {
    (FIRST_YEAR..=LAST_YEAR).contains(&year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_those_that_a_database_keeps() -> Result<(), BadField> {
        for text in ["1970-01-01", "2024-02-29", "9999-12-31"] {
            let (first, last) = Day::parse("paidOn", text)?.bounds();
            assert_eq!(first.to_string(), format!("{text} 00:00:00"));
            assert_eq!(last.to_string(), format!("{text} 23:59:59.999999"));
        }
        let bad = [
            "",
            "today",
            "2026-02-29",
            "1969-12-31",
            "-9999-01-01",
            "+10000-01-01",
            "262143-12-31",
            "+262142-12-31",
            "-262143-01-01",
            "2026-07-17\0",
        ];
        for text in bad {
            assert!(Day::parse("paidOn", text).is_err(), "{text:?}");
        }
        Ok(())
    }

    #[test]
    fn a_moment_is_cut_to_microseconds_and_may_not_leave_the_calendar() {
        let moment = |text: &str| {
            let at = text.parse().unwrap_or(Timestamp::MIN_UTC);
            recordable("paidAt", at).map(|at| at.to_rfc3339())
        };
        let good = [
            ("2026-07-17T09:30:00.1234567+09:00", "2026-07-17T00:30:00.123456+00:00"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999+00:00"),
        ];
        for (text, kept) in good {
            assert_eq!(moment(text).as_deref(), Ok(kept), "{text}");
        }
        for text in ["1969-12-31T23:59:59Z", "9999-12-31T23:59:60Z", "-0001-01-01T00:00:00Z"] {
            assert!(moment(text).is_err(), "{text}");
        }
        assert!(recordable("paidAt", Timestamp::MAX_UTC).is_err());
    }
}
