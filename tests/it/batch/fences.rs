//! Two processes at one run: they share its work, and one that was paused for too long finds itself shut out.

use std::time::{Duration, Instant};

use tests::backend;
use tests::batch_process::{Batch, check_settled_once, pay_orders};
use tests::moody::{Mood, Moody};
use tests::system::System;

const COMPANIES: [i64; 3] = [100, 200, 300];
const DAY: &str = "2026-07-17";
const RUN: [&str; 4] = ["run", "settle-orders", "--window", DAY];

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_paused_beyond_its_lease_writes_nothing_and_says_why() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 60)).await;
    let slow = Moody::start(&system.services.order.url(), |_| Mood::Slow(40)).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", slow.url());
    let batch = batch.with("BATON_BATCH_ORDERS_AT_ONCE", 10).with("BATON_BATCH_CONCURRENCY", 2);
    // Each has one in hand.
    let batch = batch.with("BATON_BATCH_COMPANIES_AT_ONCE", 1);
    let mut paused = batch.start(&RUN);
    let mut other = batch.start(&RUN);
    both_have_a_part(&batch, &slow).await;
    paused.pause();
    let (code, text) = other.wait_with_output();
    assert_eq!(code, Some(0), "{text}");
    paused.go_on();
    let (code, text) = paused.wait_with_output();
    assert_eq!(code, Some(75), "{text}");
    assert!(text.contains("fenced"), "{text}");
    let again = batch.settle(DAY);
    assert!(again.code == Some(0) && again.text.contains("already complete"), "{again:?}");
    assert_eq!(again.count("settled"), 180, "{again:?}");
    check_settled_once(&system, &COMPANIES, (DAY, 60)).await;
    system.stop().await;
}

/// On a busy machine one may have come much later than the other.
async fn both_have_a_part(batch: &Batch, slow: &Moody) {
    let database = batch.setting("BATON_BATCH_DATABASE_URL");
    let owners = "SELECT DISTINCT owner AS text FROM parts WHERE owner <> ''";
    let began = Instant::now();
    // Before something has been settled there may be no table.
    while slow.passed() < 6 || backend::ask(database, owners).await.len() < 2 {
        assert!(began.elapsed() < Duration::from_secs(20), "both are at work");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_of_one_window_do_the_work_once_between_them() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 40)).await;
    let slow = Moody::start(&system.services.order.url(), |_| Mood::Slow(5)).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", slow.url());
    let mut both = [batch.start(&RUN), batch.start(&RUN)];
    for process in &mut both {
        let (code, text) = process.wait_with_output();
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("120 settled"), "{text}");
    }
    // 3 x (40 settled, the pages before and after) and the list of companies, by whoever plans.
    assert!(slow.passed() <= 120 + 3 * 3 + 2, "{} calls", slow.passed());
    check_settled_once(&system, &COMPANIES, (DAY, 40)).await;
    system.stop().await;
}

/// Two pods of an Indexed Job with one index, and one with the other.
#[tokio::test(flavor = "multi_thread")]
async fn pods_work_for_the_companies_of_their_index_and_two_of_one_index_do_it_once() {
    let system = System::start().await;
    let companies = [100, 101, 200, 201, 303];
    pay_orders(&system, &companies, (DAY, 20)).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_PODS", 2);
    let pods = ["0", "0", "1"].map(|index| batch.with("JOB_COMPLETION_INDEX", index).start(&RUN));
    for mut pod in pods {
        let (code, text) = pod.wait_with_output();
        assert_eq!(code, Some(0), "{text}");
    }
    let whole = batch.with("BATON_BATCH_PODS", 1).settle(DAY);
    assert!(whole.text.contains("already complete"), "{whole:?}");
    assert!(whole.text.contains("5 of 5 parts, 100 items, 100 settled"), "{whole:?}");
    check_settled_once(&system, &companies, (DAY, 20)).await;
    let lost = batch.settle(DAY);
    assert!(lost.code == Some(2) || lost.errors.contains("JOB_COMPLETION_INDEX"), "{lost:?}");
    system.stop().await;
}
