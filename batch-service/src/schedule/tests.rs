//! Times on the days on which clocks are set, and what windows they stand for.

use super::*;

const NIGHTLY: Declaration =
    Declaration::new("count-sheep", "counts sheep").scheduled("15 2 * * *", Period::Day);

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn timetable(schedule: &'static str, time_zone: &'static str, period: Period) -> Timetable {
    let declaration = Declaration { time_zone, ..NIGHTLY.scheduled(schedule, period) };
    let timetable = Timetable::of(&declaration, &Schedules::new());
    timetable.unwrap_or_else(|error| panic!("{error}"))
}

/// The times from `from` on, as the zone's clock shows them.
fn times(timetable: &Timetable, from: &str, count: usize) -> Vec<String> {
    let from = moment(from) - TimeDelta::seconds(1);
    let next = |time: &DateTime<Tz>| timetable.next_after(time.to_utc());
    let times = std::iter::successors(timetable.next_after(from), next).take(count);
    times.map(|time| time.format("%m-%dT%H:%M%:z").to_string()).collect()
}

#[test]
fn a_daily_job_runs_once_on_every_day_also_where_its_time_is_left_out_or_comes_twice() {
    for (schedule, zone, from, expected) in [
        (
            "15 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            ["03-08T03:00-04:00", "03-09T02:15-04:00"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            ["11-01T01:30-04:00", "11-02T01:30-05:00"],
        ),
        (
            "15 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            ["03-29T03:00+02:00", "03-30T02:15+02:00"],
        ),
        (
            "15 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            ["10-25T02:15+02:00", "10-26T02:15+01:00"],
        ),
        (
            "0 0 * * *",
            "Africa/Cairo",
            "2026-04-23T12:00:00Z",
            ["04-24T01:00+03:00", "04-25T00:00+03:00"],
        ),
    ] {
        let table = timetable(schedule, zone, Period::Day);
        assert_eq!(times(&table, from, 2), expected, "{schedule} in {zone}");
    }
}

#[test]
fn every_hour_that_the_clock_shows_is_worked_on_once() {
    for (zone, from, expected) in [
        (
            "America/New_York",
            "2026-03-08T06:05:00Z",
            ["2026-03-08T00:00-05:00", "2026-03-08T01:00-05:00", "2026-03-08T03:00-04:00"],
        ),
        (
            "Europe/Berlin",
            "2026-03-29T00:05:00Z",
            ["2026-03-29T00:00+01:00", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"],
        ),
        (
            "Europe/Berlin",
            "2026-10-25T00:05:00Z",
            ["2026-10-25T01:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"],
        ),
    ] {
        let table = timetable("5 * * * *", zone, Period::Hour);
        let first = table.next_after(moment(from) - TimeDelta::seconds(1));
        let times = std::iter::successors(first, |time| table.next_after(time.to_utc())).take(3);
        let windows: Vec<_> = times.map(|time| table.window_at(time.to_utc())).collect();
        let labels: Vec<_> = windows.iter().map(Window::label).collect();
        assert_eq!(labels, expected, "{zone}");
    }
}

#[test]
fn looking_back_finds_the_times_that_looking_forward_found() {
    for schedule in ["15 2 * * *", "30 1 * * *", "0 0 * * *", "*/20 * * * *", "0 3 1 * *"] {
        for zone in ["America/New_York", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe"] {
            let table = timetable(schedule, zone, Period::Day);
            let (from, to) = (moment("2026-03-01T00:00:00Z"), moment("2026-05-01T00:00:00Z"));
            let first = table.next_after(from);
            let forward = std::iter::successors(first, |time| table.next_after(time.to_utc()));
            let forward: Vec<_> =
                forward.map(|time| time.to_utc()).take_while(|time| *time <= to).collect();
            let mut back: Vec<_> =
                table.times_back_from(to).take_while(|time| *time > from).collect();
            back.reverse();
            assert_eq!(back, forward, "{schedule} in {zone}");
        }
    }
}

#[test]
fn a_window_is_the_last_whole_period_before_the_time() {
    for (schedule, period, at, label) in [
        ("15 2 * * *", Period::Day, "2026-07-18T00:15:00Z", "2026-07-17"),
        ("0 0 * * *", Period::Day, "2026-07-17T22:00:00Z", "2026-07-17"),
        ("30 3 1 * *", Period::Month, "2026-08-01T01:30:00Z", "2026-07"),
        ("5 * * * *", Period::Hour, "2026-07-17T22:05:00Z", "2026-07-17T23:00+02:00"),
        ("0 4 * * MON", Period::Day, "2026-07-20T02:00:00Z", "2026-07-19"),
    ] {
        let table = timetable(schedule, "Europe/Berlin", period);
        assert_eq!(table.last_at(moment(at)).map(|time| time.to_utc()), Some(moment(at)));
        assert_eq!(table.window_at(moment(at)).label(), label, "{schedule}");
    }
}

#[test]
fn a_deployment_may_choose_another_time_and_zone_or_none() -> Result<(), BadSchedule> {
    let said = |schedule: Option<&str>, time_zone: Option<&str>| {
        let settings = ScheduleSettings {
            schedule: schedule.map(str::to_owned),
            time_zone: time_zone.map(str::to_owned),
        };
        Schedules::from([("count-sheep".to_owned(), settings)])
    };
    let moved = Timetable::of(&NIGHTLY, &said(Some("0 5 * * *"), Some("Asia/Seoul")))?;
    assert_eq!((moved.schedule(), moved.zone()), (Some("0 5 * * *"), Tz::Asia__Seoul));
    let zone_only = Timetable::of(&NIGHTLY, &said(None, Some("Asia/Seoul")))?;
    assert_eq!(zone_only.schedule(), NIGHTLY.schedule);
    let never = Timetable::of(&NIGHTLY, &said(Some("never"), None))?;
    assert_eq!(never.next_after(moment("2026-07-17T00:00:00Z")), None);
    let misspelt = timetables(&[], &said(None, None)).err().map(|error| error.to_string());
    assert_eq!(misspelt.as_deref(), Some("there is a schedule for `count-sheep`, and no such job"));
    assert!(Timetable::of(&NIGHTLY, &said(None, Some("Europe/Bielefeld"))).is_err());
    let once = Declaration { period: Period::Once, ..NIGHTLY };
    let refused = Timetable::of(&once, &Schedules::new()).err();
    assert_eq!(refused, Some(BadSchedule::NoWindows("count-sheep")));
    Ok(())
}

#[test]
fn a_schedule_that_kubernetes_would_read_otherwise_or_not_at_all_is_refused() {
    for schedule in [
        "",
        "15 2 * *",
        "0 15 2 * * *",
        "61 2 * * *",
        "15 2 31 2 *",
        "@daily",
        "15 2 L * *",
        "15 2 1W * *",
        "15 2 * * 7",
        "15 2 * * 5L",
        "15 2 * * FRI#2",
        "15 2 1 * +FRI",
        "15 2 */2 * FRI",
    ] {
        assert!(parse_cron(schedule).is_err(), "{schedule}");
    }
    for schedule in ["15 2 * * *", "*/10 0-6,22 * JAN-MAR MON-FRI", "0 3 1,15 * *", "0 3 29 2 *"] {
        assert!(parse_cron(schedule).is_ok(), "{schedule}");
    }
}
