//! What an operator says and reads.

use std::time::{Duration, Instant};

use tests::batch_process::{Batch, check_settled_once, file_with, pay_orders};
use tests::moody::{Mood, Moody};
use tests::system::System;

const COMPANIES: [i64; 3] = [100, 200, 300];
const DAY: &str = "2026-07-17";
const HEADING: &str = "company_id,user_email,order_no,product,quantity,unit_price,currency,paid_at";

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_in_the_middle_of_a_chunk_ends_within_5_s_and_resume_goes_on() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 60)).await;
    let slow = Moody::start(&system.services.order.url(), |_| Mood::Slow(20)).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", slow.url());
    let batch = batch.with("BATON_BATCH_LEASE_S", 600);
    let mut process = batch.start(&["run", "settle-orders", "--window", DAY]);
    while slow.passed() < 30 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What is under way just then gets no answer.
    slow.choose(|line| if line.starts_with("POST") { Mood::Nothing } else { Mood::Fine });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let said = Instant::now();
    process.terminate();
    let (code, text) = process.wait_with_output();
    assert_eq!(code, Some(143), "{text}");
    assert!(said.elapsed() < Duration::from_secs(5), "{:?}", said.elapsed());
    let status = batch.run(&["status", "1"]).text;
    assert!(status.contains("open, nobody at it"), "{status}");
    let before: u64 = items(&text);
    assert!((10..180).contains(&before), "{text}");
    slow.choose(|_| Mood::Fine);
    let passed = slow.passed();
    let resumed = batch.run(&["resume", "1"]);
    assert_eq!((resumed.code, resumed.count("settled")), (Some(0), 180), "{resumed:?}");
    // At the checkpoint: what was written down as done is not asked for again.
    let calls = slow.passed() - passed;
    assert!(calls <= 180 - before + 3 * 4, "{calls} calls for {} items", 180 - before);
    check_settled_once(&system, &COMPANIES, (DAY, 60)).await;
    system.stop().await;
}

/// `3 of 3 parts, 36 items`
fn items(text: &str) -> u64 {
    let words: Vec<&str> = text.split([' ', ',', '\n']).collect();
    let place = words.iter().position(|word| *word == "items").expect("the number of items");
    words[place - 1].parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_stops_a_run_and_nobody_goes_on_until_he_says_so() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 60)).await;
    let slow = Moody::start(&system.services.order.url(), |_| Mood::Slow(30)).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", slow.url());
    let mut process = batch.start(&["run", "settle-orders", "--window", DAY]);
    while slow.passed() < 20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(batch.run(&["stop", "1"]).code, Some(0));
    let (code, text) = process.wait_with_output();
    assert!(code == Some(143) && text.contains("stopped by an operator"), "{code:?} {text}");
    assert_eq!(batch.settle(DAY).code, Some(42), "it is held");
    slow.choose(|_| Mood::Fine);
    assert_eq!(batch.run(&["resume", "1"]).count("settled"), 180);
    assert_eq!(batch.run(&["stop", "1"]).code, Some(42), "there is nothing to be stopped");
    assert_eq!(batch.run(&["stop", "99"]).code, Some(42), "there is no such run");
    let history = batch.run(&["history", "settle-orders"]).text;
    assert!(history.contains("complete") && history.contains("3/3"), "{history}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dry_run_tells_is_what_a_run_does_and_it_does_nothing() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 7)).await;
    let batch = Batch::of(&system).await;
    let dry = batch.run(&["dry-run", "settle-orders", "--window", DAY]);
    assert!(dry.text.contains("would process 21 items"), "{dry:?}");
    assert!(dry.text.contains("company 200: 7 items"), "{dry:?}");
    assert!(!batch.run(&["status"]).text.contains("settle-orders"));
    assert_eq!(batch.settle(DAY).count("settled"), 21);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_runs_are_forgotten_unless_something_of_them_is_in_quarantine() {
    let system = System::start().await;
    let refuse =
        |line: &str| if line.ends_with("/settle") { Mood::Status(404) } else { Mood::Fine };
    let moody = Moody::start(&system.services.order.url(), refuse).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", moody.url());
    pay_orders(&system, &[100], ("2026-07-15", 1)).await;
    assert!(batch.settle("2026-07-15").text.contains("1 items in quarantine"));
    moody.choose(|_| Mood::Fine);
    let forgetful = batch.with("BATON_BATCH_KEEP_DAYS", 0);
    for day in ["2026-07-16", DAY] {
        pay_orders(&system, &[100], (day, 1)).await;
        assert_eq!(forgetful.settle(day).code, Some(0));
    }
    let history = batch.run(&["history", "settle-orders"]).text;
    assert!(!history.contains("2026-07-16"), "{history}");
    assert!(history.contains("2026-07-15") && batch.run(&["replay", "1"]).code == Some(0));
    system.stop().await;
}

/// The window that Kubernetes means, and those that nobody ran, the oldest first.
#[tokio::test(flavor = "multi_thread")]
async fn windows_come_from_the_job_and_those_that_were_missed_are_made_up_for() {
    let system = System::start().await;
    let batch = Batch::of(&system).await;
    for day in ["2026-07-15", "2026-07-16", DAY] {
        pay_orders(&system, &[100], (day, 2)).await;
    }
    let by_annotation = batch.with("BATON_BATCH_SCHEDULED_AT", "2026-07-18T01:30:00Z");
    let refused = by_annotation.run(&["run", "settle-orders"]);
    // So long ago that no Job of then can still be running.
    assert_eq!(refused.code, Some(42), "{refused:?}");
    let ended = batch.run(&["run", "settle-orders", "--window", DAY, "--catch-up", "2"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let order: Vec<usize> = ["2026-07-15", "2026-07-16", DAY]
        .iter()
        .map(|day| ended.text.find(&format!("settle-orders {day}: complete")).expect("it ran"))
        .collect();
    assert!(order.is_sorted(), "{ended:?}");
    let again = batch.run(&["run", "settle-orders", "--window", DAY, "--catch-up", "2"]);
    assert_eq!(again.text.matches("already complete").count(), 3, "{again:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_orders_is_taken_over_once_and_its_bad_lines_are_in_quarantine() {
    let system = System::start().await;
    let batch = Batch::of(&system).await;
    let line = |number: u32, company: u32| {
        format!("{company},a{company}@b.example,N-{number},pen,1,1,KRW,2026-07-17T10:00:00Z\n")
    };
    let mut text = format!("{HEADING}\n");
    (0..5_000).for_each(|number| text.push_str(&line(number, 7 + number % 3)));
    text.push_str("x,a@b.example,N,pen,1,1,KRW,2026-07-17T10:00:00Z\n");
    let file = format!("file={}", file_with(&system.options.data_dir, &text));
    let ended = batch.run(&["run", "import-orders", &file]);
    assert_eq!((ended.code, ended.count("created")), (Some(0), 5_000), "{ended:?}");
    assert!(ended.text.contains("line 5002") && ended.text.contains("company_id"), "{ended:?}");
    let again = batch.run(&["run", "import-orders", &file]);
    assert!(again.text.contains("already complete"), "{again:?}");
    file_with(&system.options.data_dir, &format!("{text}{}", line(5_000, 7)));
    let changed = batch.run(&["run", "import-orders", &file]);
    assert_eq!((changed.count("created"), changed.count("unchanged")), (1, 5_000), "{changed:?}");
    let wrong = batch.run(&["run", "import-orders", "file=/nowhere"]);
    assert!(wrong.code == Some(42) && wrong.errors.contains("/nowhere"), "{wrong:?}");
    assert_eq!(batch.run(&["run", "import-orders"]).code, Some(42));
    assert_eq!(batch.run(&["run", "nothing"]).code, Some(42));
    system.stop().await;
}

/// Positions in one file mean nothing in another.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_has_changed_since_its_run_was_begun_is_not_gone_on_with() {
    let system = System::start().await;
    let batch = Batch::of(&system).await;
    let line = |number: u32| format!("7,a@b.example,N-{number},pen,1,1,KRW,2026-07-17T10:00:00Z\n");
    let mut text = format!("{HEADING}\n");
    (0..5_000).for_each(|number| text.push_str(&line(number)));
    let file = format!("file={}", file_with(&system.options.data_dir, &text));
    let held = batch.with("BATON_BATCH_HOLD_AT", "before-read:2");
    let mut process = held.start(&["run", "import-orders", &file]);
    assert!(process.wait_for_line(|line| line.contains("held")));
    process.kill();
    file_with(&system.options.data_dir, &format!("{HEADING}\n{}", line(9_999)));
    let refused = batch.run(&["resume", "1"]);
    assert!(refused.code == Some(42) && refused.text.contains("has changed"), "{refused:?}");
    file_with(&system.options.data_dir, &text);
    let resumed = batch.run(&["resume", "1"]);
    assert_eq!((resumed.code, resumed.count("created")), (Some(0), 5_000), "{resumed:?}");
    system.stop().await;
}

/// Nobody else would go on with it: its next time is that of another window.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_run_that_may_be_tried_again_is() {
    let system = System::start().await;
    let day = (chrono::Utc::now() - chrono::TimeDelta::minutes(90) - chrono::TimeDelta::days(1))
        .format("%Y-%m-%d")
        .to_string();
    pay_orders(&system, &COMPANIES, (&day, 5)).await;
    let away = Moody::start(&system.services.order.url(), |_| Mood::Status(503)).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", away.url());
    let batch = batch.with("BATON_BATCH_PATIENCE_S", 1);
    let mut process = batch.start(&["schedule", "--catch-up", "1"]);
    tokio::time::sleep(Duration::from_secs(8)).await;
    away.choose(|_| Mood::Fine);
    let deadline = Instant::now() + Duration::from_secs(40);
    while !batch.run(&["history", "settle-orders"]).text.contains("complete") {
        assert!(Instant::now() < deadline, "it is left");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    process.terminate();
    let (code, text) = process.wait_with_output();
    assert!(code == Some(0) && text.contains("to be tried again"), "{code:?} {text}");
    check_settled_once(&system, &COMPANIES, (&day, 5)).await;
    system.stop().await;
}
