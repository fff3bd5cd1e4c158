//! Hours, days and months where clocks are set.

use chrono::TimeDelta;

use super::*;

const NEW_YORK: Tz = Tz::America__New_York;
const BERLIN: Tz = Tz::Europe__Berlin;
const SAO_PAULO: Tz = Tz::America__Sao_Paulo;
const CAIRO: Tz = Tz::Africa__Cairo;
const KOLKATA: Tz = Tz::Asia__Kolkata;
/// Its clock is set by half an hour.
const LORD_HOWE: Tz = Tz::Australia__Lord_Howe;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn window(period: Period, zone: Tz, text: &str) -> Window {
    Window::parse(period, zone, text).unwrap_or_else(|error| panic!("{error}"))
}

fn labels(last: &Window, count: usize) -> Vec<String> {
    let step = |window: &Window| window.previous();
    let windows = std::iter::successors(Some(last.clone()), step);
    let mut labels: Vec<_> = windows.take(count).map(|w| w.label().to_owned()).collect();
    labels.reverse();
    labels
}

#[test]
fn a_day_is_23_or_25_hours_long_where_the_clock_is_set() {
    for (zone, day, start, hours) in [
        (NEW_YORK, "2026-03-08", "2026-03-08T05:00:00Z", 23),
        (NEW_YORK, "2026-11-01", "2026-11-01T04:00:00Z", 25),
        (NEW_YORK, "2026-07-17", "2026-07-17T04:00:00Z", 24),
        (BERLIN, "2026-03-29", "2026-03-28T23:00:00Z", 23),
        (BERLIN, "2026-10-25", "2026-10-24T22:00:00Z", 25),
        (KOLKATA, "2026-07-17", "2026-07-16T18:30:00Z", 24),
        // There is no midnight: the day starts at 01:00.
        (SAO_PAULO, "2017-10-15", "2017-10-15T03:00:00Z", 23),
        (SAO_PAULO, "2018-02-17", "2018-02-17T02:00:00Z", 25),
        (CAIRO, "2026-04-24", "2026-04-23T22:00:00Z", 23),
        (CAIRO, "2026-10-29", "2026-10-28T21:00:00Z", 25),
    ] {
        let found = window(Period::Day, zone, day);
        assert_eq!(found.start(), moment(start), "{zone} {day}");
        assert_eq!(found.end() - found.start(), TimeDelta::hours(hours), "{zone} {day}");
        assert_eq!(found.date().map(|date| date.to_string()).as_deref(), Some(day));
    }
}

#[test]
fn a_month_is_an_hour_shorter_or_longer_where_the_clock_is_set() {
    for (zone, month, hours) in [
        (BERLIN, "2026-03", 31 * 24 - 1),
        (BERLIN, "2026-10", 31 * 24 + 1),
        (BERLIN, "2026-02", 28 * 24),
        (NEW_YORK, "2026-11", 30 * 24 + 1),
    ] {
        let found = window(Period::Month, zone, month);
        assert_eq!(found.end() - found.start(), TimeDelta::hours(hours), "{zone} {month}");
        assert_eq!(found.month_start().map(|day| day.to_string()), Some(format!("{month}-01")));
    }
}

#[test]
fn the_hour_that_comes_twice_is_two_windows_and_the_hour_left_out_is_none() {
    for (zone, end, expected) in [
        (
            NEW_YORK,
            "2026-11-01T07:00:00Z",
            ["2026-11-01T00:00-04:00", "2026-11-01T01:00-04:00", "2026-11-01T01:00-05:00"],
        ),
        (
            NEW_YORK,
            "2026-03-08T08:00:00Z",
            ["2026-03-08T00:00-05:00", "2026-03-08T01:00-05:00", "2026-03-08T03:00-04:00"],
        ),
        (
            BERLIN,
            "2026-10-25T02:00:00Z",
            ["2026-10-25T01:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"],
        ),
        (
            LORD_HOWE,
            "2026-04-04T15:30:00Z",
            ["2026-04-05T00:00+11:00", "2026-04-05T01:00+11:00", "2026-04-05T01:30+10:30"],
        ),
        (
            Tz::UTC,
            "2026-07-17T01:59:59Z",
            ["2026-07-16T22:00Z", "2026-07-16T23:00Z", "2026-07-17T00:00Z"],
        ),
    ] {
        let last = Window::before(Period::Hour, zone, moment(end));
        assert_eq!(labels(&last, 3), expected, "{zone}");
    }
}

#[test]
fn the_same_hour_may_be_said_in_another_offset() {
    let said = window(Period::Hour, NEW_YORK, "2026-11-01T06:00Z");
    assert_eq!(said.label(), "2026-11-01T01:00-05:00");
    assert_eq!(said, window(Period::Hour, NEW_YORK, "2026-11-01T01:00-05:00"));
    assert_ne!(said, window(Period::Hour, NEW_YORK, "2026-11-01T01:00-04:00"));
    assert_eq!(
        window(Period::Hour, KOLKATA, "2026-07-17T05:00+05:30").start(),
        moment("2026-07-16T23:30:00Z")
    );
}

/// What holds for all windows of a year, one after the other.
fn check_chain(period: Period, zone: Tz, year: i32) {
    let (first, last) =
        (moment(&format!("{year}-01-02T12:00:00Z")), moment(&format!("{year}-12-31T12:00:00Z")));
    let mut current = Window::before(period, zone, last);
    while current.start() > first {
        let label = current.label();
        assert_eq!(Window::parse(period, zone, label).as_ref(), Ok(&current), "{zone} {label}");
        assert_eq!(Window::before(period, zone, current.end()), current, "{zone} {label}");
        let Some(previous) = current.previous() else { panic!("nothing before {label}") };
        assert_eq!(previous.end(), current.start(), "{zone} {label}");
        assert!(previous.start() < previous.end(), "{zone} {label}");
        for inside in [current.start(), current.end() - TimeDelta::microseconds(1)] {
            assert_eq!(Window::before(period, zone, inside), previous, "{zone} {label}");
        }
        current = previous;
    }
}

#[test]
fn windows_lie_end_to_end_and_are_found_by_their_labels() {
    for (zone, year) in [
        (NEW_YORK, 2026),
        (BERLIN, 2026),
        (SAO_PAULO, 2017),
        (SAO_PAULO, 2018),
        (CAIRO, 2026),
        (KOLKATA, 2026),
        (LORD_HOWE, 2026),
        // Its clock went back at 00:01, over midnight.
        (Tz::America__St_Johns, 2010),
        // It crossed the date line, and had no 30 December.
        (Tz::Pacific__Apia, 2011),
    ] {
        for period in [Period::Hour, Period::Day, Period::Month] {
            check_chain(period, zone, year);
        }
    }
}

#[test]
fn what_is_no_window_is_refused_with_what_was_expected() {
    for (period, zone, text) in [
        (Period::Day, BERLIN, ""),
        (Period::Day, BERLIN, "2026-7-17"),
        (Period::Day, BERLIN, " 2026-07-17"),
        (Period::Day, BERLIN, "2026-02-29"),
        (Period::Day, BERLIN, "+12026-02-28"),
        (Period::Day, BERLIN, "1969-12-31"),
        (Period::Day, BERLIN, "2026-07"),
        (Period::Day, Tz::Pacific__Apia, "2011-12-30"),
        (Period::Month, BERLIN, "2026-7"),
        (Period::Month, BERLIN, "2026-13"),
        (Period::Month, BERLIN, "2026-07-17"),
        (Period::Hour, BERLIN, "2026-07-17T05:00"),
        (Period::Hour, BERLIN, "2026-07-17T05:30+02:00"),
        (Period::Hour, BERLIN, "2026-07-17T05:00 +02:00"),
        (Period::Hour, BERLIN, "2026-07-17T24:00+02:00"),
        (Period::Hour, BERLIN, "2026-07-17"),
        (Period::Hour, KOLKATA, "2026-07-17T05:00Z"),
        (Period::Once, BERLIN, "twice"),
    ] {
        assert!(Window::parse(period, zone, text).is_err(), "{text}");
    }
    let refused = Window::parse(Period::Day, BERLIN, "yesterday").err().map(|e| e.to_string());
    let expected = "`yesterday` is not a day (like 2026-07-17) in Europe/Berlin";
    assert_eq!(refused.as_deref(), Some(expected));
}

#[test]
fn times_beyond_the_calendar_do_no_harm() {
    for at in [Timestamp::MIN_UTC, Timestamp::UNIX_EPOCH, Timestamp::MAX_UTC] {
        for period in [Period::Hour, Period::Day, Period::Month, Period::Once] {
            for zone in [Tz::UTC, NEW_YORK, KOLKATA, Tz::Pacific__Apia] {
                let _ = Window::before(period, zone, at).previous();
            }
        }
    }
    assert_eq!(Window::once().previous(), None);
    assert_eq!(window(Period::Once, BERLIN, "once"), Window::once());
}
