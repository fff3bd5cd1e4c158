//! When a file expires.

use chrono::Datelike;
use shared::Timestamp;

use crate::error::FileError;

const ASKED: &str = "a moment, as in 2026-07-17T09:30:00Z";
/// Both databases keep and compare these alike.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// When a new file expires: some day, but not yet.
pub(crate) fn parse_expiry(text: &str, now: Timestamp) -> Result<Timestamp, FileError> {
    let at = parse_moment("expiresAt", text)?;
    if at > now { Ok(at) } else { Err(FileError::BadMoment("expiresAt", "a moment in the future")) }
}

/// A moment (RFC 3339), cut to the microseconds that a database keeps.
pub(crate) fn parse_moment(field: &'static str, text: &str) -> Result<Timestamp, FileError> {
    let at: Option<Timestamp> = text.parse().ok();
    let at = at.and_then(|at| Timestamp::from_timestamp_micros(at.timestamp_micros()));
    at.filter(|at| YEARS.contains(&at.year())).ok_or(FileError::BadMoment(field, ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_expires_in_the_future_and_within_the_calendar() -> Result<(), FileError> {
        let now = parse_moment("now", "2026-07-17T00:00:00Z")?;
        let good = [
            ("2026-07-17T00:00:00.0000019Z", "2026-07-17T00:00:00.000001+00:00"),
            ("2026-07-17T09:30:00+09:00", "2026-07-17T00:30:00+00:00"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999+00:00"),
        ];
        for (text, kept) in good {
            assert_eq!(parse_expiry(text, now)?.to_rfc3339(), kept, "{text}");
        }
        for text in ["2026-07-17T00:00:00Z", "2026-07-17T08:59:59+09:00", "1970-01-01T00:00:00Z"] {
            assert_eq!(parse_expiry(text, now), Err(FileError::BadMoment("", "")), "{text}");
        }
        let bad = ["", "tomorrow", "2026-08-01", "2026-08-01T00:00:00", "+10000-01-01T00:00:00Z"];
        for text in bad.into_iter().chain(["1969-12-31T23:59:59Z", "2026-02-30T00:00:00Z"]) {
            assert_eq!(parse_expiry(text, now), Err(FileError::BadMoment("", "")), "{text}");
        }
        Ok(())
    }
}
