//! Months of orders as files.

use batch_service::jobs::export_statements::ExportStatements;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use tests::batch_process::Batch as Process;
use tests::moody::{Mood, Moody};

use super::*;

/// A payment at each of these, of so many orders.
const PAYMENTS: [(&str, usize); 4] = [
    ("2026-06-30T23:59:59.999999Z", 1),
    ("2026-07-01T00:00:00Z", 1),
    ("2026-07-17T09:30:00.123456Z", 450),
    ("2026-08-01T00:00:00Z", 1),
];

async fn import(system: &System, company: i64) {
    let caller = system.caller("order-service", &session(company)).await;
    let url = format!("{}/internal/orders/import", system.services.order.url());
    for (at, count) in PAYMENTS {
        let order = |number| {
            json!({"orderNo": format!("{at}-{number}"), "userId": 2, "product": "=펜, \"red\"",
                "quantity": 2, "unitPriceMinor": 150, "currency": "USD", "paidAt": at})
        };
        let orders: Vec<Value> = (0..count).map(order).collect();
        let answer = caller.post_json(&url, &json!({ "orders": orders })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// The bytes of the company's only file of this name.
async fn download(caller: &Caller, files: &str, name: &str) -> (Value, Vec<u8>) {
    let list = caller.get(&format!("{files}/api/files?name={name}")).await;
    let found = list.body["data"]["files"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{name}: {}", list.text);
    let url = format!("{files}/api/files/{}", found[0]["id"].as_str().unwrap());
    let response = caller.request(Method::GET, &url).send().await.unwrap();
    (found[0]["id"].clone(), response.bytes().await.unwrap().to_vec())
}

/// Number, amount and moment of each line.
type Exported = Vec<(String, i64, i64)>;

fn read_csv(bytes: &[u8]) -> Exported {
    let mut reader = csv::Reader::from_reader(bytes);
    let lines = reader.records().map(|line| {
        let line = line.unwrap();
        assert_eq!((&line[4], &line[8]), ("'=펜, \"red\"", "USD"));
        let at: Timestamp = line[9].parse().unwrap();
        (line[1].to_owned(), line[7].parse().unwrap(), at.timestamp_micros())
    });
    lines.collect()
}

fn read_parquet(bytes: Vec<u8>) -> Exported {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        assert_eq!(row.get_string(4).unwrap(), "=펜, \"red\"");
        assert_eq!(row.get_string(8).unwrap(), "USD");
        let number = row.get_string(1).unwrap().clone();
        (number, row.get_long(7).unwrap(), row.get_timestamp_micros(9).unwrap())
    });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_exported_once_for_each_company_in_both_formats_and_to_the_microsecond() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    for company in [100, 200] {
        import(&system, company).await;
    }
    let job: SharedJob = Arc::new(ExportStatements::new(&batch).unwrap());
    let july = Window::parse(Period::Month, Tz::UTC, "2026-07").unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        assert_eq!(counts(&run(&batch, &job, july.clone(), &[]).await), [("exported", 4)]);
        for company in [100, 200] {
            let caller = system.caller("file-service", &session(company)).await;
            let files = system.services.file.url();
            let (csv_id, csv) = download(&caller, &files, "orders-2026-07.csv").await;
            let (parquet_id, parquet) = download(&caller, &files, "orders-2026-07.parquet").await;
            let (lines, rows) = (read_csv(&csv), read_parquet(parquet));
            assert_eq!(lines, rows);
            let (first, last) = (&lines[0], &lines[450]);
            assert_eq!((lines.len(), first.1, first.2), (451, 300, 1_782_864_000_000_000));
            assert!(last.0.starts_with(PAYMENTS[2].0) && last.2 == 1_784_280_600_123_456);
            ids.push((csv_id, parquet_id));
        }
    }
    assert_eq!(ids[..2], ids[2..], "the second run finds the files of the first");
    let next = Window::before(Period::Month, Tz::UTC, now() + TimeDelta::days(31));
    let asked = Asked::new(Arc::clone(&job), next, BTreeMap::new());
    let report = batch.runner().run(&asked, &Stop::default()).await.unwrap();
    assert!(matches!(report.ended, Ended::Failed(_)), "a month that goes on: {report}");
    system.stop().await;
}

/// Orders that cannot be read in the middle of a file, and answers of uploads that are lost: in the end there is one whole file.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_breaks_off_leaves_no_half_file_and_is_made_whole() {
    let system = System::start().await;
    import(&system, 100).await;
    let orders = |_: &str| match fastrand::u8(..8) {
        0 => Mood::Status(500),
        1 => Mood::Garbage,
        _ => Mood::Fine,
    };
    let files = |line: &str| match fastrand::u8(..3) {
        0 if line.starts_with("POST") => Mood::Lost,
        _ => Mood::Fine,
    };
    let orders = Moody::start(&system.services.order.url(), orders).await;
    let files = Moody::start(&system.services.file.url(), files).await;
    let batch = Process::of(&system).await.with("BATON_BATCH_ORDER_URL", orders.url());
    let batch =
        batch.with("BATON_BATCH_FILE_URL", files.url()).with("BATON_BATCH_CALL_TIMEOUT_S", 3);
    let caller = system.caller("file-service", &session(100)).await;
    let ended = batch.run(&["run", "export-statements", "--window", "2026-07"]);
    assert_eq!((ended.code, ended.count("exported")), (Some(0), 2), "{ended:?}");
    let url = system.services.file.url();
    let csv = download(&caller, &url, "orders-2026-07.csv").await.1;
    let parquet = download(&caller, &url, "orders-2026-07.parquet").await.1;
    let lines = read_csv(&csv);
    assert_eq!((lines.len(), names(&caller, &url).await.len()), (451, 2));
    assert_eq!(lines, read_parquet(parquet));
    let later = batch.run(&["run", "export-statements", "--window", "2026-06"]);
    assert_eq!((later.code, later.count("exported")), (Some(0), 2), "{later:?}");
    system.stop().await;
}
