//! kill -9 wherever a run waits for something: afterwards each order is settled once, each statement is there once, and what
//! was counted is exact.

use tests::batch_process::{Batch, check_settled_once, pay_orders};
use tests::system::System;

/// Every place at which a chunk waits, and how often it is passed in the runs below.
const PLACES: [(&str, u32); 13] = [
    ("begun", 1),
    ("before-plan", 1),
    ("planned", 1),
    ("taken", 1),
    ("before-read", 9),
    ("after-read", 9),
    ("before-item", 36),
    ("after-item", 36),
    ("before-checkpoint", 15),
    ("after-checkpoint", 15),
    ("before-finish", 3),
    ("after-finish", 3),
    ("before-conclude", 1),
];
const COMPANIES: [i64; 3] = [100, 200, 300];
const ORDERS: usize = 12;

/// `BATON_TEST_KILLS` runs.
fn kills() -> u32 {
    std::env::var("BATON_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(14)
}

/// A day for each run.
fn day(number: u32) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2020, 1, 1).expect("a day");
    (first + chrono::TimeDelta::days(number.into())).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_at_any_place_is_gone_on_with_and_nothing_is_done_twice() {
    let system = System::start().await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDERS_AT_ONCE", 5);
    let mut held = 0;
    for number in 0..kills() {
        let day = day(number);
        pay_orders(&system, &COMPANIES, (&day, ORDERS)).await;
        let (place, passed) = match usize::try_from(number) {
            Ok(number) if number < PLACES.len() => PLACES[number],
            _ => PLACES[fastrand::usize(..PLACES.len())],
        };
        let count = fastrand::u32(1..=passed);
        if let Some(mut process) = batch.hold_at(place, count, &day) {
            held += 1;
            process.kill();
        }
        let ended = batch.settle(&day);
        let where_killed = format!("{place}:{count} {ended:?}");
        assert_eq!(ended.code, Some(0), "{where_killed}");
        assert_eq!(ended.count("settled"), 36, "{where_killed}");
        assert!(ended.text.contains("3 of 3 parts, 36 items"), "{where_killed}");
        check_settled_once(&system, &COMPANIES, (&day, ORDERS)).await;
    }
    println!("{} kills, {held} of them in the middle", kills());
    assert!(held * 3 > kills(), "{held} of {} were in the middle", kills());
    system.stop().await;
}

/// Not at a place that was thought of, but at any moment; several times in one run.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_at_any_moment_is_gone_on_with() {
    let system = System::start().await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDERS_AT_ONCE", 7);
    let (day, orders) = ("2021-03-04", 60);
    pay_orders(&system, &COMPANIES, (day, orders)).await;
    for _ in 0..kills().min(40) / 2 {
        let mut process = batch.start(&["run", "settle-orders", "--window", day]);
        tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(20..600))).await;
        process.kill();
    }
    let ended = batch.settle(day);
    assert_eq!((ended.code, ended.count("settled")), (Some(0), 180), "{ended:?}");
    check_settled_once(&system, &COMPANIES, (day, orders)).await;
    system.stop().await;
}
