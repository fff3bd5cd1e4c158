//! The scheduler under a clock that is moved by hand.

use std::sync::{Mutex, PoisonError};

use shared::testing::StoppedClock;
use tokio::sync::oneshot;

use super::*;
use crate::job::Declaration;
use crate::schedule::{Schedules, timetables};
use crate::window::Period;

/// 2026-07-17T12:00:00Z.
const NOON_S: i64 = 1_784_289_600;
const HOUR: Duration = Duration::from_secs(3600);

const HOURLY: Declaration = Declaration::new("hourly", "").scheduled("5 * * * *", Period::Hour);
const NIGHTLY: Declaration = Declaration::new("nightly", "").scheduled("15 2 * * *", Period::Day);
const ASKED: Declaration = Declaration::new("asked", "");

/// What was started: `job window`.
type Started = Arc<Mutex<Vec<String>>>;

fn started(started: &Started) -> Vec<String> {
    started.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn scheduler(declarations: &[Declaration], clock: &StoppedClock) -> Scheduler {
    let jobs = timetables(declarations, &Schedules::new());
    let jobs = jobs.unwrap_or_else(|error| panic!("{error}"));
    Scheduler::new(jobs, Arc::new(clock.clone())).looking_every(Duration::from_millis(1))
}

/// Waits until the scheduler has started so much; half a minute and more.
async fn until_started(list: &Started, count: usize) {
    for _ in 0..20_000 {
        if started(list).len() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("only {:?} were started", started(list));
}

/// Lets the scheduler look at the clock some more times.
async fn some_looks() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

/// Runs the scheduler with jobs that take no time while `acts` moves the clock; gives what was started.
async fn played<Acts: Future<Output = ()>>(
    scheduler: Scheduler,
    acts: impl FnOnce(Started) -> Acts,
) -> Vec<String> {
    let list = Started::default();
    let (stop, stopped) = oneshot::channel::<()>();
    let start = |job: &'static str, window: Window| {
        list.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{job} {window}"));
        std::future::ready(())
    };
    let play = async {
        acts(Arc::clone(&list)).await;
        drop(stop);
    };
    tokio::join!(scheduler.run(stopped.map(|_| ()), start), play);
    started(&list)
}

#[tokio::test]
async fn each_job_is_started_at_its_times_with_the_window_before() {
    let clock = StoppedClock::at(NOON_S);
    let ran = played(scheduler(&[HOURLY, NIGHTLY, ASKED], &clock), |list| async move {
        some_looks().await;
        assert_eq!(started(&list), [""; 0]);
        clock.advance(Duration::from_secs(300));
        until_started(&list, 1).await;
        clock.advance(HOUR);
        until_started(&list, 2).await;
    });
    assert_eq!(ran.await, ["hourly 2026-07-17T11:00Z", "hourly 2026-07-17T12:00Z"]);
}

#[tokio::test]
async fn what_passed_while_the_machine_slept_is_made_up_for_oldest_first() {
    let clock = StoppedClock::at(NOON_S);
    let ran = played(scheduler(&[NIGHTLY], &clock), |list| async move {
        some_looks().await;
        clock.set_wall_clock(NOON_S + 3 * 24 * 3600);
        until_started(&list, 3).await;
        some_looks().await;
    });
    assert_eq!(ran.await, ["nightly 2026-07-17", "nightly 2026-07-18", "nightly 2026-07-19"]);
}

#[tokio::test]
async fn a_clock_set_back_starts_nothing_at_once_and_the_times_come_again() {
    let clock = StoppedClock::at(NOON_S);
    let ran = played(scheduler(&[HOURLY], &clock), |list| async move {
        clock.advance(HOUR);
        until_started(&list, 1).await;
        clock.set_wall_clock(NOON_S - 365 * 24 * 3600);
        some_looks().await;
        clock.advance(HOUR);
        until_started(&list, 2).await;
    });
    assert_eq!(ran.await, ["hourly 2026-07-17T11:00Z", "hourly 2025-07-17T11:00Z"]);
}

#[tokio::test]
async fn a_process_that_was_away_catches_up_as_many_times_as_it_is_told() {
    let clock = StoppedClock::at(NOON_S);
    let catching_up = scheduler(&[HOURLY, NIGHTLY], &clock).catching_up(2);
    let mut ran = played(catching_up, |list| async move { until_started(&list, 4).await }).await;
    ran.sort();
    let expected = [
        "hourly 2026-07-17T09:00Z",
        "hourly 2026-07-17T10:00Z",
        "nightly 2026-07-15",
        "nightly 2026-07-16",
    ];
    assert_eq!(ran, expected);
}

#[test]
fn of_very_many_missed_times_the_latest_hundred_are_made_up_for() {
    let clock = StoppedClock::at(NOON_S);
    let scheduler = scheduler(&[HOURLY], &clock);
    let now = clock.now();
    let due =
        |hours: i64| Due::between(&scheduler.timetables[0], now - TimeDelta::hours(hours), now);
    assert_eq!((due(100).windows.len(), due(100).given_up), (100, false));
    assert_eq!((due(101).windows.len(), due(101).given_up), (100, true));
    assert_eq!(due(101).windows.last().map(Window::label), Some("2026-07-17T10:00Z"));
}

#[tokio::test]
async fn a_job_that_takes_long_holds_up_no_other_and_is_waited_for_at_the_stop() {
    let clock = StoppedClock::at(NOON_S);
    let scheduler = scheduler(&[HOURLY, NIGHTLY], &clock);
    let (list, ended) = (Started::default(), Started::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let (release, released) = oneshot::channel::<()>();
    let released = released.map(|_| ()).shared();
    let note = |list: &Started, text: String| {
        list.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    };
    let start = |job: &'static str, window: Window| {
        let (list, ended, released) = (&list, &ended, released.clone());
        async move {
            note(list, format!("{job} {window}"));
            if job == "nightly" {
                released.await;
                note(ended, window.to_string());
            }
        }
    };
    let play = async {
        clock.advance(15 * HOUR);
        until_started(&list, 16).await;
        clock.advance(24 * HOUR);
        until_started(&list, 40).await;
        assert_eq!(started(&ended), [""; 0]);
        drop(stop);
        some_looks().await;
        drop(release);
    };
    tokio::join!(scheduler.run(stopped.map(|_| ()), start), play);
    assert_eq!(started(&ended), ["2026-07-17"]);
}
