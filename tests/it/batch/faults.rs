//! A run among services that fail, and with a database that goes away.

use std::time::Duration;

use tests::backend::on_servers;
use tests::batch_process::{Batch, check_settled_once, pay_orders};
use tests::moody::{Mood, Moody};
use tests::proxy::Proxy;
use tests::system::System;

use crate::outages::{by_proxy, locked};

const COMPANIES: [i64; 3] = [100, 200, 300];
const DAY: &str = "2026-07-17";
const RUN: [&str; 4] = ["run", "settle-orders", "--window", DAY];

/// `BATON_TEST_OUTAGE_S`: how long something is away.
fn outage() -> Duration {
    let seconds = std::env::var("BATON_TEST_OUTAGE_S").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(4))
}

/// Half of the requests go through.
fn half(_: &str) -> Mood {
    match fastrand::u8(..8) {
        0 => Mood::Status(429),
        1 => Mood::Status(500),
        2 => Mood::Garbage,
        3 => [Mood::Nothing, Mood::Lost][usize::from(fastrand::bool())],
        _ => Mood::Fine,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_half_the_time_gets_everything_done_once() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 30)).await;
    let moody = Moody::start(&system.services.order.url(), half).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", moody.url());
    let batch = batch.with("BATON_BATCH_CALL_TIMEOUT_S", 1);
    let ended = batch.settle(DAY);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    if ended.count("settled") < 90 {
        // It says exactly which are not done, and does them when it is asked to.
        let listed = batch.run(&["quarantine", "1", "--json"]);
        let listed = listed.text.lines().count() as u64;
        assert_eq!(ended.count("settled") + listed, 90, "{ended:?}");
        moody.choose(|_| Mood::Fine);
        let replayed = batch.run(&["replay", "1"]);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
    }
    moody.choose(|_| Mood::Fine);
    let again = batch.settle(DAY);
    assert_eq!(again.count("settled"), 90, "{again:?}");
    system.stop().await;
}

/// The orders of a company whose last digit is 3 cannot be settled: the others are, and these when they can.
#[tokio::test(flavor = "multi_thread")]
async fn items_that_keep_failing_go_to_quarantine_by_name_and_replay_clears_them() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 30)).await;
    let bad = |line: &str| line.ends_with("3/settle") || line.ends_with("b/settle");
    let moods = [Mood::Status(500), Mood::Status(404), Mood::Garbage];
    for (day, mood) in ["2026-07-17", "2026-07-18", "2026-07-19"].into_iter().zip(moods) {
        if day != DAY {
            pay_orders(&system, &COMPANIES, (day, 30)).await;
        }
        let choose = move |line: &str| if bad(line) { mood } else { Mood::Fine };
        let moody = Moody::start(&system.services.order.url(), choose).await;
        let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", moody.url());
        let ended = batch.settle(day);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let run = ended.text.split("run ").nth(1).unwrap().split(',').next().unwrap().to_owned();
        let listed = batch.run(&["quarantine", &run, "--json"]).text;
        let listed: Vec<serde_json::Value> =
            listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected =
            |entry: &serde_json::Value| bad(&format!("{}/settle", entry["name"].as_str().unwrap()));
        assert!(!listed.is_empty() && listed.iter().all(expected), "{listed:?}");
        assert_eq!(ended.count("settled") + listed.len() as u64, 90, "{ended:?}");
        let first = listed[0]["name"].as_str().unwrap();
        assert!(ended.text.contains(first), "the run names {first}: {ended:?}");
        let still = batch.run(&["replay", &run]);
        assert_eq!(still.code, Some(42), "{still:?}");
        moody.choose(|_| Mood::Fine);
        let replayed = batch.run(&["replay", &run]);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        let again = batch.settle(day);
        assert_eq!((again.code, again.count("settled")), (Some(0), 90), "{again:?}");
        assert!(batch.run(&["quarantine", &run]).text.contains("nothing is in quarantine"));
        every_order_is_on_one_file(&system, (day, 30)).await;
    }
    system.stop().await;
}

/// There is no other that could get through: that order-service answers other calls tells it from an outage.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_fails_all_by_itself_goes_to_quarantine_too() {
    let system = System::start().await;
    pay_orders(&system, &[100], (DAY, 1)).await;
    let refuse =
        |line: &str| if line.ends_with("/settle") { Mood::Status(500) } else { Mood::Fine };
    let moody = Moody::start(&system.services.order.url(), refuse).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", moody.url());
    let ended = batch.settle(DAY);
    assert!(ended.code == Some(0) && ended.text.contains("1 items in quarantine"), "{ended:?}");
    moody.choose(|_| Mood::Fine);
    assert_eq!(batch.run(&["replay", "1"]).code, Some(0));
    check_settled_once(&system, &[100], (DAY, 1)).await;
    system.stop().await;
}

/// They are settled, on the first statement, and nobody has heard of it: a replay finds that out on the second.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_was_always_lost_is_settled_and_a_replay_finds_that_out() {
    let system = System::start().await;
    pay_orders(&system, &[100], (DAY, 8)).await;
    let orders = system.caller("order-service", r#"{"companyId":100,"userId":1}"#).await;
    let url = system.services.order.url();
    let page = orders.get(&format!("{url}/api/orders?paidOn={DAY}&limit=1")).await;
    let lost = format!("{}/settle", page.body["data"]["orders"][0]["id"].as_str().unwrap());
    let lose = move |line: &str| if line.ends_with(&lost) { Mood::Lost } else { Mood::Fine };
    let moody = Moody::start(&system.services.order.url(), lose).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", moody.url());
    let ended = batch.with("BATON_BATCH_CALL_TIMEOUT_S", 1).settle(DAY);
    assert_eq!((ended.code, ended.count("settled")), (Some(0), 7), "{ended:?}");
    moody.choose(|_| Mood::Fine);
    let replayed = batch.run(&["replay", "1"]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert_eq!(batch.settle(DAY).count("settled"), 8);
    check_settled_once(&system, &[100], (DAY, 8)).await;
    system.stop().await;
}

/// Those that were replayed stand on a further statement.
async fn every_order_is_on_one_file(system: &System, (day, count): (&str, usize)) {
    for company in COMPANIES {
        let session = serde_json::json!({"companyId": company, "userId": 1}).to_string();
        let files = system.caller("file-service", &session).await;
        let url = system.services.file.url();
        let all = files.get(&format!("{url}/api/files?limit=200")).await;
        let mut numbers = Vec::new();
        for file in all.body["data"]["files"].as_array().unwrap() {
            let text =
                files.get(&format!("{url}/api/files/{}", file["id"].as_str().unwrap())).await;
            let lines = text.text.lines().filter(|line| line.starts_with(day));
            numbers.extend(lines.map(|line| line.split(',').next().unwrap().to_owned()));
        }
        let listed = numbers.len();
        numbers.sort();
        numbers.dedup();
        assert_eq!((listed, numbers.len()), (count, count), "company {company}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_items_than_the_limit_in_quarantine_fail_the_run_and_resume_goes_on() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 30)).await;
    let refuse =
        |line: &str| if line.ends_with("/settle") { Mood::Status(404) } else { Mood::Fine };
    let moody = Moody::start(&system.services.order.url(), refuse).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", moody.url());
    let ended = batch.run(&["run", "settle-orders", "--window", DAY, "--skip-limit", "40"]);
    assert_eq!(ended.code, Some(42), "{ended:?}");
    assert!(ended.text.contains("in quarantine, 40 may be"), "{ended:?}");
    assert_eq!(batch.settle(DAY).code, Some(42), "it has failed until somebody says otherwise");
    moody.choose(|_| Mood::Fine);
    assert_eq!(batch.run(&["replay", "1"]).code, Some(0));
    let resumed = batch.run(&["resume", "1"]);
    assert_eq!((resumed.code, resumed.count("settled")), (Some(0), 90), "{resumed:?}");
    every_order_is_on_one_file(&system, (DAY, 30)).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_auth_service_loses_nothing_and_doubles_nothing() {
    let system = System::start_with(|options| options.token_ttl_s = 600).await;
    pay_orders(&system, &COMPANIES, (DAY, 60)).await;
    let pause_ms = u64::try_from(outage().as_millis()).unwrap() / 60;
    let slow = Moody::start(&system.services.order.url(), move |_| Mood::Slow(pause_ms)).await;
    let (token_url, auth) = by_proxy(&system.token_url()).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", slow.url());
    let batch = batch.with("BATON_BATCH_TOKEN_URL", token_url).with("BATON_BATCH_CONCURRENCY", 3);
    let mut run = batch.start(&RUN);
    while slow.passed() < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    auth.cut();
    tokio::time::sleep(outage()).await;
    auth.mend();
    let (code, text) = run.wait_with_output();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("180 items, 180 settled"), "{text}");
    check_settled_once(&system, &COMPANIES, (DAY, 60)).await;
    system.stop().await;
}

/// No token is there yet, so nothing gets through until it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_begins_while_auth_service_is_away_waits_for_it() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 10)).await;
    let (token_url, auth) = by_proxy(&system.token_url()).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_TOKEN_URL", token_url);
    auth.cut();
    let mut run = batch.start(&RUN);
    let impatient = batch.with("BATON_BATCH_PATIENCE_S", 1).settle(DAY);
    assert_eq!(impatient.code, Some(75), "{impatient:?}");
    tokio::time::sleep(outage()).await;
    auth.mend();
    let (code, text) = run.wait_with_output();
    assert!(code == Some(0) && text.contains("30 settled"), "{code:?} {text}");
    check_settled_once(&system, &COMPANIES, (DAY, 10)).await;
    system.stop().await;
}

/// On SQLite it is another process that holds the file's lock.
#[tokio::test(flavor = "multi_thread")]
async fn the_runners_database_goes_away_and_comes_back_in_the_middle() {
    let system = System::start().await;
    pay_orders(&system, &COMPANIES, (DAY, 60)).await;
    let slow = Moody::start(&system.services.order.url(), |_| Mood::Slow(10)).await;
    let batch = Batch::of(&system).await.with("BATON_BATCH_ORDER_URL", slow.url());
    let mut batch = batch.with("BATON_BATCH_ORDERS_AT_ONCE", 10).with("BATON_BATCH_CONCURRENCY", 2);
    let mut database = None::<Proxy>;
    if on_servers() {
        let (url, proxy) = by_proxy(batch.setting("BATON_BATCH_DATABASE_URL")).await;
        (batch, database) = (batch.with("BATON_BATCH_DATABASE_URL", url), Some(proxy));
    }
    let mut run = batch.start(&RUN);
    while slow.passed() < 20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    match &database {
        Some(proxy) => {
            proxy.cut();
            tokio::time::sleep(outage()).await;
            proxy.mend();
        }
        None => {
            let url = batch.setting("BATON_BATCH_DATABASE_URL").to_owned();
            let lock = locked(&url).await;
            tokio::time::sleep(outage()).await;
            drop(lock);
        }
    }
    let (code, text) = run.wait_with_output();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("180 items, 180 settled"), "{text}");
    check_settled_once(&system, &COMPANIES, (DAY, 60)).await;
    system.stop().await;
}
