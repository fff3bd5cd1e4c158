//! What is said of a window, and what comes of it.

use super::*;
use crate::job::Declaration;
use crate::schedule::Schedules;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// 15 minutes past two in the morning in Berlin, on the day before.
fn nightly() -> Timetable {
    let declaration = Declaration { time_zone: "Europe/Berlin", ..Declaration::new("nightly", "") };
    let declaration = declaration.scheduled("15 2 * * *", Period::Day);
    Timetable::of(&declaration, &Schedules::new()).unwrap_or_else(|error| panic!("{error}"))
}

fn label(said: &Said, now: &str) -> Result<String, NoWindow> {
    window_of(&nightly(), said, moment(now)).map(|window| window.label().to_owned())
}

/// As the CronJob controller does it.
fn job_name(scheduled: &str) -> Option<String> {
    Some(format!("baton-nightly-{}", moment(scheduled).timestamp() / 60))
}

#[test]
fn an_operator_is_heard_before_kubernetes_and_kubernetes_before_the_schedule()
-> Result<(), NoWindow> {
    let now = "2026-07-18T08:00:00Z";
    let mut said = Said::default();
    assert_eq!(label(&said, now)?, "2026-07-17");
    said.kubernetes_job = job_name("2026-07-17T00:15:00Z");
    assert_eq!(label(&said, now)?, "2026-07-16");
    said.scheduled_at = Some("2026-07-16T02:15:00+02:00".to_owned());
    assert_eq!(label(&said, now)?, "2026-07-15");
    said.window = Some("2026-07-14".to_owned());
    assert_eq!(label(&said, now)?, "2026-07-14");
    Ok(())
}

#[test]
fn without_a_word_it_is_the_window_of_the_last_scheduled_time() -> Result<(), NoWindow> {
    for (now, expected) in [
        ("2026-07-18T00:14:59Z", "2026-07-16"),
        ("2026-07-18T00:15:00Z", "2026-07-17"),
        ("2026-07-18T23:59:59Z", "2026-07-17"),
        // The clock was set forward over 02:15: the time was 03:00, that is 01:00Z.
        ("2026-03-29T00:59:59Z", "2026-03-27"),
        ("2026-03-29T01:00:00Z", "2026-03-28"),
        // 02:15 came twice; the first time counts.
        ("2026-10-25T00:15:00Z", "2026-10-24"),
        ("2026-10-25T01:15:00Z", "2026-10-24"),
    ] {
        assert_eq!(label(&Said::default(), now)?, expected, "{now}");
    }
    Ok(())
}

#[test]
fn a_pod_that_starts_a_day_late_works_on_the_window_of_its_job() -> Result<(), NoWindow> {
    let kubernetes_job = job_name("2026-07-17T00:15:00Z");
    let said = Said { kubernetes_job, ..Said::default() };
    assert_eq!(label(&said, "2026-07-18T00:20:00Z")?, "2026-07-16");
    Ok(())
}

#[test]
fn the_name_of_a_job_made_by_hand_says_nothing() -> Result<(), NoWindow> {
    for name in [
        "",
        "nightly",
        "nightly-",
        "nightly-1",
        "nightly-again",
        "nightly-manual-x7k2p",
        "nightly-20260717",
        "nightly-202607170215",
        "nightly-1784247300",
        "nightly-+29737455",
        "nightly-99999999999999999999",
    ] {
        let said = Said { kubernetes_job: Some(name.to_owned()), ..Said::default() };
        assert_eq!(label(&said, "2026-07-18T08:00:00Z")?, "2026-07-17", "{name}");
    }
    Ok(())
}

#[test]
fn an_annotation_that_is_not_there_says_nothing_and_a_bad_one_is_refused() -> Result<(), NoWindow> {
    let said = |text: &str| Said { scheduled_at: Some(text.to_owned()), ..Said::default() };
    let now = "2026-07-18T08:00:00Z";
    assert_eq!(label(&said(""), now)?, "2026-07-17");
    for text in ["yesterday", "2026-07-17", "2025-07-17T00:15:00Z", "2026-07-19T00:15:00Z"] {
        assert_eq!(label(&said(text), now), Err(NoWindow::NotATime(text.to_owned())));
    }
    Ok(())
}

#[test]
fn a_window_that_is_not_over_is_refused() {
    let said = Said { window: Some("2026-07-17".to_owned()), ..Said::default() };
    assert!(label(&said, "2026-07-17T22:00:00Z").is_ok());
    let refused = label(&said, "2026-07-17T21:59:59Z").err().map(|error| error.to_string());
    let expected =
        "the window 2026-07-17 ends at 2026-07-17 22:00:00 UTC and cannot be worked on before";
    assert_eq!(refused.as_deref(), Some(expected));
}

#[test]
fn missed_windows_come_oldest_first() -> Result<(), NoWindow> {
    let window = window_of(&nightly(), &Said::default(), moment("2026-03-30T08:00:00Z"))?;
    let labels: Vec<_> = missed(&window, 3).iter().map(|w| w.label().to_owned()).collect();
    assert_eq!(labels, ["2026-03-26", "2026-03-27", "2026-03-28"]);
    assert_eq!(missed(&Window::once(), 3), []);
    Ok(())
}
