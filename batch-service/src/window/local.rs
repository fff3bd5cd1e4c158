//! What a zone's clock shows, and when: hours and days where it is set forward or back.

use chrono::{
    DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike,
};
use chrono_tz::Tz;
use shared::Timestamp;

/// 1970-01-01T00:00:00Z. Zones had stranger clocks before.
pub(super) const EARLIEST: Timestamp = DateTime::UNIX_EPOCH;
/// 9998-12-31T00:00:00Z, so that a day more is still a date with four digits for the year.
pub(super) const LATEST: Timestamp = match DateTime::from_timestamp(253_370_678_400, 0) {
    Some(moment) => moment,
    None => DateTime::<chrono::Utc>::MAX_UTC,
};

/// The hour that `at` lies in. A zone's clock may be set by half an hour, in the middle of one: that ends it, and begins another.
pub(super) fn hour_around(zone: Tz, at: Timestamp) -> (Timestamp, Timestamp) {
    let shown = at.with_timezone(&zone).time();
    let into = TimeDelta::seconds(i64::from(shown.num_seconds_from_midnight() % 3600))
        + TimeDelta::nanoseconds(i64::from(shown.nanosecond() % 1_000_000_000));
    let (from, to) = (at - into, at - into + TimeDelta::hours(1));
    let is_as_at = |moment: Timestamp| offset_s(zone, moment) == offset_s(zone, at);
    let start = first_between(from, at, is_as_at);
    let end = first_between(at, to, |moment| !is_as_at(moment));
    (start, end)
}

/// The first moment of the day: midnight, the first of two, or the moment at which the clock is set past it.
pub(super) fn start_of_day(zone: Tz, date: NaiveDate) -> Timestamp {
    let midnight = date.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight).earliest() {
        Some(moment) => moment.to_utc(),
        None => first_after_gap(zone, midnight),
    }
}

/// The first moment after the day.
pub(super) fn day_after(zone: Tz, date: NaiveDate) -> Timestamp {
    start_of_day(zone, date.succ_opt().unwrap_or(date))
}

/// The moment at which the clock jumps over `wanted`. No zone is further than 15 hours from UTC, and none was ever set by more
/// than a day.
fn first_after_gap(zone: Tz, wanted: NaiveDateTime) -> Timestamp {
    let (from, to) =
        (wanted.and_utc() - TimeDelta::hours(39), wanted.and_utc() + TimeDelta::hours(39));
    first_between(from, to, |moment| moment.with_timezone(&zone).naive_local() >= wanted)
}

/// The first whole second of `from..to` at which `holds`; `to` when there is none. It holds from some moment on, then always.
fn first_between(from: Timestamp, to: Timestamp, holds: impl Fn(Timestamp) -> bool) -> Timestamp {
    let (mut low_s, mut high_s) = (from.timestamp(), to.timestamp());
    let at = |second| DateTime::from_timestamp(second, 0).unwrap_or(to);
    // Clocks are seldom set: mostly it is one of the two ends.
    if holds(from) {
        return from;
    }
    if !holds(at(high_s - 1)) {
        return to;
    }
    while low_s < high_s {
        let middle_s = low_s + (high_s - low_s) / 2;
        if holds(at(middle_s)) { high_s = middle_s } else { low_s = middle_s + 1 }
    }
    at(high_s)
}

fn offset_s(zone: Tz, at: Timestamp) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}
