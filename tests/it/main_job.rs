//! The main job: orders from a file, settled company by company.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use standalone::settlement::{import, settle, start_batch};
use tests::process::run;
use tests::system::System;

const HEADING: &str = "company_id,user_email,order_no,product,quantity,unit_price,currency,paid_at";

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_settled_once_with_one_statement_for_each_company() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let first = import(&batch, &system.options, None).await.unwrap();
    assert_eq!((first.created, first.unchanged, first.bad_lines.len()), (2_400, 0, 0));
    let reports = settle(&batch, &first).await.unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].settled(), reports[0].companies.len()), (2_400, 5));
    assert!(reports[0].is_complete());
    check_statements(&system, 2_400).await;

    let again = import(&batch, &system.options, None).await.unwrap();
    assert_eq!((again.created, again.unchanged), (0, 2_400));
    let second = settle(&batch, &again).await.unwrap();
    assert_eq!(second[0].settled(), 0);
    for (one, other) in reports[0].companies.iter().zip(&second[0].companies) {
        assert_eq!((one.orders, &one.sums), (other.orders, &other.sums));
        assert_eq!(one.statements, other.statements);
    }
    check_statements(&system, 2_400).await;
    system.stop().await;
}

/// Each company of the sample has one statement, and every one of its orders stands on it once, settled once.
async fn check_statements(system: &System, expected: usize) {
    let mut total = 0;
    for company in [100, 200, 300, 400, 500] {
        let session = format!(r#"{{"companyId":{company},"userId":1}}"#);
        let orders = system.caller("order-service", &session).await;
        let settled = settled_orders(&orders, &system.services.order.url()).await;
        let files = system.caller("file-service", &session).await;
        let numbers = numbers_on_statement(&files, &system.services.file.url()).await;
        let distinct: HashSet<&String> = numbers.iter().collect();
        assert_eq!(distinct.len(), numbers.len(), "company {company}: an order stands twice");
        let on_statement: HashSet<&String> = numbers.iter().collect();
        assert_eq!(on_statement, settled.iter().collect(), "company {company}");
        total += numbers.len();
    }
    assert_eq!(total, expected);
}

pub async fn settled_orders(caller: &tests::caller::Caller, url: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut cursor = String::new();
    loop {
        let list = caller.get(&format!("{url}/api/orders?limit=200{cursor}")).await;
        for order in list.body["data"]["orders"].as_array().unwrap() {
            assert_eq!(order["status"], "SETTLED", "{order}");
            numbers.push(order["orderNo"].as_str().unwrap().to_owned());
        }
        match list.body["data"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return numbers,
        }
    }
}

pub async fn numbers_on_statement(caller: &tests::caller::Caller, url: &str) -> Vec<String> {
    let files = caller.get(&format!("{url}/api/files")).await;
    let files = files.body["data"]["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), 1, "one statement: {files:?}");
    assert_eq!(files[0]["name"], "settlement-2026-07-17-1.csv");
    let text = caller.get(&format!("{url}/api/files/{}", files[0]["id"].as_str().unwrap())).await;
    let lines = text.text.lines().skip(1).filter(|line| !line.starts_with("TOTAL"));
    lines.map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_come_in_late_go_on_a_statement_of_their_own() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let file = system.options.data_dir.join("late.csv");
    let line =
        |number: u32| format!("7,a@b.example,N-{number},pen,1,1.50,USD,2026-07-17T10:00:00Z");
    let mut statements = Vec::new();
    for count in 1..=2 {
        let lines: Vec<String> = (0..count).map(line).collect();
        std::fs::write(&file, format!("{HEADING}\n{}\n", lines.join("\n"))).unwrap();
        let imported = import(&batch, &system.options, Some(&file)).await.unwrap();
        let report = settle(&batch, &imported).await.unwrap().remove(0);
        assert_eq!((report.settled(), report.companies[0].orders), (1, count.into()));
        statements = report.companies[0].statements.clone();
        assert_eq!(statements.len(), count as usize);
    }
    let caller = system.caller("file-service", r#"{"companyId":7,"userId":1}"#).await;
    for (statement, number) in statements.iter().zip(["N-0", "N-1"]) {
        let url = format!("{}/api/files/{statement}", system.services.file.url());
        let text = caller.get(&url).await.text;
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with(number), "{text}");
    }
    system.stop().await;
}

/// What a second run at the same time may do: an order that another has settled on a statement that is written.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_settled_but_on_no_file_gets_on_a_further_part_of_its_statement() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let file = system.options.data_dir.join("orders.csv");
    let line = |number: u32| format!("7,a@b.example,N-{number},pen,1,1,KRW,2026-07-17T10:00:00Z");
    std::fs::write(&file, format!("{HEADING}\n{}\n", line(0))).unwrap();
    let imported = import(&batch, &system.options, Some(&file)).await.unwrap();
    assert!(settle(&batch, &imported).await.unwrap()[0].is_complete());
    std::fs::write(&file, format!("{HEADING}\n{}\n{}\n", line(0), line(1))).unwrap();
    let imported = import(&batch, &system.options, Some(&file)).await.unwrap();
    let caller = system.caller("order-service", r#"{"companyId":7,"userId":1}"#).await;
    let orders = format!("{}/api/orders", system.services.order.url());
    let late = caller.get(&format!("{orders}?status=PAID")).await;
    let late = late.body["data"]["orders"][0]["id"].as_str().unwrap().to_owned();
    let settlement = "settle-orders/2026-07-17/7/1";
    assert_eq!(caller.settle_order(&format!("{orders}/{late}"), "k", settlement).await.status, 200);
    for _ in 0..2 {
        let report = settle(&batch, &imported).await.unwrap().remove(0);
        let company = &report.companies[0];
        assert_eq!((report.settled(), company.orders, &company.left), (0, 2, &None));
        assert_eq!(company.statements.len(), 2);
    }
    assert_eq!(orders_on_all_files(&system, 7).await, ["N-0", "N-1"]);
    system.stop().await;
}

/// The orders on all files of a company, each as often as it stands there, sorted.
async fn orders_on_all_files(system: &System, company: i64) -> Vec<String> {
    let session = format!(r#"{{"companyId":{company},"userId":1}}"#);
    let caller = system.caller("file-service", &session).await;
    let files = format!("{}/api/files", system.services.file.url());
    let mut numbers = Vec::new();
    for file in caller.get(&files).await.body["data"]["files"].as_array().unwrap() {
        let text = caller.get(&format!("{files}/{}", file["id"].as_str().unwrap())).await.text;
        let lines = text.lines().skip(1).filter(|line| !line.starts_with("TOTAL"));
        numbers.extend(lines.map(|line| line.split(',').next().unwrap().to_owned()));
    }
    numbers.sort();
    numbers
}

/// A run that was killed between writing the file and saying so, and orders that came in before the next; beside it
/// a file of the same name that somebody else has written.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_written_but_not_noted_is_found_by_its_key_and_late_orders_are_not_lost() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let session = r#"{"companyId":7,"userId":1}"#;
    let caller = system.caller("file-service", session).await;
    let files = system.services.file.url();
    let name = "settlement-2026-07-17-1.csv";
    let strangers = caller.upload(&files, (name, "other"), b"order_no,x\nN-0,1\n".to_vec()).await;
    assert_eq!(strangers.status, 201, "{}", strangers.text);
    let written = b"order_no,paid_at\nN-9,2026-07-17\n".to_vec();
    let key = "settle-orders/2026-07-17/7/1";
    assert_eq!(caller.upload(&files, (name, key), written).await.status, 201);
    let file = system.options.data_dir.join("orders.csv");
    let line = |number: u32| format!("7,a@b.example,N-{number},pen,1,1,KRW,2026-07-17T10:00:00Z");
    std::fs::write(&file, format!("{HEADING}\n{}\n{}\n", line(0), line(9))).unwrap();
    let imported = import(&batch, &system.options, Some(&file)).await.unwrap();
    let report = settle(&batch, &imported).await.unwrap().remove(0);
    assert_eq!((report.settled(), report.companies[0].orders), (2, 2));
    assert_eq!(report.companies[0].statements.len(), 2);
    // N-0 stands in the stranger's file, too; the statement's own two files hold each order once.
    assert_eq!(orders_on_all_files(&system, 7).await, ["N-0", "N-0", "N-9"]);
    system.stop().await;
}

/// Two runs at once over the same orders: each order is settled once and stands on one file.
#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_put_every_order_on_one_file() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let file = system.options.data_dir.join("orders.csv");
    let line =
        |number: u32| format!("7,a@b.example,N-{number:03},pen,1,1,KRW,2026-07-17T10:00:00Z");
    let lines: Vec<String> = (0..120).map(line).collect();
    std::fs::write(&file, format!("{HEADING}\n{}\n", lines.join("\n"))).unwrap();
    let imported = import(&batch, &system.options, Some(&file)).await.unwrap();
    let (one, other) = tokio::join!(settle(&batch, &imported), settle(&batch, &imported));
    assert!(one.unwrap()[0].is_complete() && other.unwrap()[0].is_complete());
    let last = settle(&batch, &imported).await.unwrap().remove(0);
    assert_eq!((last.settled(), last.companies[0].orders), (0, 120));
    let expected: Vec<String> = (0..120).map(|number| format!("N-{number:03}")).collect();
    assert_eq!(orders_on_all_files(&system, 7).await, expected);
    system.stop().await;
}

/// Every call of the batch for a company carries that company's session, and its buyers are found within it.
#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_of_one_company_is_not_on_the_statement_of_another() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let file = system.options.data_dir.join("two.csv");
    let lines = "7,a@seven.example,N-1,pen,1,1,KRW,2026-07-17T10:00:00Z\n\
                 8,b@eight.example,N-1,pen,1,1,KRW,2026-07-17T10:00:00Z\n\
                 8,a@seven.example,N-2,pen,1,1,KRW,2026-07-17T10:00:00Z\n";
    std::fs::write(&file, format!("{HEADING}\n{lines}")).unwrap();
    let imported = import(&batch, &system.options, Some(&file)).await.unwrap();
    assert_eq!(imported.bad_lines.len(), 1);
    assert_eq!(imported.bad_lines[0].line, 4);
    assert!(imported.bad_lines[0].reason.contains("another company"));
    let report = settle(&batch, &imported).await.unwrap().remove(0);
    let expected = HashMap::from([(7, "a@seven.example"), (8, "b@eight.example")]);
    for company in &report.companies {
        let session = format!(r#"{{"companyId":{},"userId":1}}"#, company.company);
        let caller = system.caller("file-service", &session).await;
        let url = format!("{}/api/files/{}", system.services.file.url(), company.statements[0]);
        let text = caller.get(&url).await.text;
        assert!(text.contains(expected[&company.company.get()]), "{text}");
        assert_eq!(text.matches('@').count(), 1, "{text}");
    }
    system.stop().await;
}

#[test]
fn the_program_settles_a_file_of_the_readers_own_and_names_its_bad_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.csv");
    let lines = "7,a@b.example,1,pen,2,1.50,USD,2026-07-16T10:00:00Z\n\
                 7,a@b.example,2,pen,two,1.50,USD,2026-07-16T10:00:00Z\n\
                 7,not an address,3,pen,1,1.50,USD,2026-07-16T10:00:00Z\n\
                 7,a@b.example,4,pen,1,1.50,USD,2026-07-18T10:00:00Z\n";
    std::fs::write(&file, format!("{HEADING}\n{lines}")).unwrap();
    let data = folder.path().join("data");
    let arguments = ["--data", data.to_str().unwrap(), "--orders", file.to_str().unwrap()];
    for (imported, settled) in [
        ("imported 2 orders, 0 unchanged, 2 bad lines", 1),
        ("imported 0 orders, 2 unchanged, 2 bad lines", 0),
    ] {
        let output = run("standalone", &arguments, &[]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(text.contains(imported), "{text}");
        assert!(text.contains("line 3: quantity"), "{text}");
        assert!(text.contains("line 4: user_email"), "{text}");
        for day in [16, 18] {
            let line = format!("settle-orders 2026-07-{day}: settled {settled} orders");
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.contains("tokens fetched, p50"), "{text}");
        for line in String::from_utf8(output.stderr).unwrap().lines() {
            let event: Value = serde_json::from_str(line).expect("JSON lines off a terminal");
            assert!(event.is_object());
        }
    }
}

#[test]
fn a_file_that_is_none_or_has_other_columns_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let other = folder.path().join("other.csv");
    std::fs::write(&other, "a,b\n1,2\n").unwrap();
    let missing = folder.path().join("missing.csv");
    for (file, says) in [(&missing, "cannot read"), (&other, "its first line has to be")] {
        let arguments = ["--data", data.to_str().unwrap(), "--orders", file.to_str().unwrap()];
        let output = run("standalone", &arguments, &[]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(says) && text.contains(file.to_str().unwrap()), "{text}");
    }
}
