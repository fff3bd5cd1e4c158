//! The jobs that tidy up and export, on their runner, against the services.

mod exports;

use std::collections::BTreeMap;
use std::sync::Arc;

use batch_service::job::SharedJob;
use batch_service::jobs::close_dormant_users::CloseDormantUsers;
use batch_service::jobs::expire_files::ExpireFiles;
use batch_service::runner::{Asked, Ended, RunReport, Stop};
use batch_service::startup::Batch;
use batch_service::window::{Period, Window};
use chrono::TimeDelta;
use chrono_tz::Tz;
use reqwest::Method;
use serde_json::{Value, json};
use shared::{SystemClock, Timestamp};
use standalone::settlement::start_batch;
use tests::caller::{Caller, send};
use tests::system::System;

use crate::accounts::People;

fn now() -> Timestamp {
    SystemClock::shared().now()
}

fn session(company: i64) -> String {
    json!({"companyId": company, "userId": 2}).to_string()
}

/// Runs the job for a window, again if it was complete.
async fn run(
    batch: &Batch,
    job: &SharedJob,
    window: Window,
    parameters: &[(&str, &str)],
) -> RunReport {
    let parameters: BTreeMap<String, String> =
        parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let asked = Asked { again: true, ..Asked::new(Arc::clone(job), window, parameters) };
    let report = batch.runner().run(&asked, &Stop::default()).await.unwrap();
    assert_eq!((&report.ended, report.quarantined), (&Ended::Complete, 0), "{report}");
    report
}

fn counts(report: &RunReport) -> Vec<(&str, u64)> {
    report.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect()
}

async fn upload(caller: &Caller, files: &str, query: &[(&str, &str)]) {
    let request = caller.request(Method::POST, &format!("{files}/api/files")).query(query);
    let answer = send(request.body("x")).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

async fn names(caller: &Caller, files: &str) -> Vec<String> {
    let list = caller.get(&format!("{files}/api/files?limit=200")).await;
    let list = list.body["data"]["files"].as_array().unwrap().clone();
    list.iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_deleted_when_they_have_expired_and_not_before() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let files = system.services.file.url();
    let (mut callers, mut last) = (Vec::new(), now());
    let later = (now() + TimeDelta::days(1)).to_rfc3339();
    for (company, count) in [(1, 3), (2, 205)] {
        let caller = system.caller("file-service", &session(company)).await;
        for number in 0..count {
            let name = format!("f-{number}");
            last = now() + TimeDelta::seconds(2);
            upload(&caller, &files, &[("name", &name), ("expiresAt", &last.to_rfc3339())]).await;
        }
        upload(&caller, &files, &[("name", "later"), ("expiresAt", &later)]).await;
        upload(&caller, &files, &[("name", "never")]).await;
        callers.push(caller);
    }
    let job: SharedJob = Arc::new(ExpireFiles::new(&batch).unwrap());
    // An hour that is not over: only what has expired by now counts.
    let hour = Window::before(Period::Hour, Tz::UTC, now() + TimeDelta::hours(2));
    tokio::time::sleep((last - now()).to_std().unwrap_or_default()).await;
    assert_eq!(counts(&run(&batch, &job, hour.clone(), &[]).await), [("deleted", 208)]);
    for caller in &callers {
        assert_eq!(names(caller, &files).await, ["later", "never"]);
    }
    assert_eq!(run(&batch, &job, hour, &[]).await.items, 0, "nothing is left to do");
    system.stop().await;
}

struct Sleepers<'s> {
    system: &'s System,
    people: People,
}

impl Sleepers<'_> {
    async fn fall_asleep(&self, name: &str, email: Value) -> Value {
        let made = self.people.log_in_socially(("GOOGLE", name), email).await;
        let person = made.body["data"]["person"].clone();
        self.set(&person, "last_seen_at = '2020-01-01 00:00:00'").await;
        person
    }

    async fn set(&self, person: &Value, what: &str) {
        let id = &person["userId"];
        let sql = format!("UPDATE users SET {what} WHERE id = {id} RETURNING name AS text");
        assert_eq!(self.system.ask_user(&sql).await.len(), 1);
    }

    async fn is_open(&self, person: &Value) -> bool {
        let url = format!("{}/internal/users/{}", self.people.url, person["userId"]);
        self.people.internal.get(&url).await.status == 200
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dormant_account_is_closed_a_term_after_its_warning_unless_its_owner_comes_back() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let sleepers = Sleepers { system: &system, people: People::of(&system).await };
    let gone = sleepers.fall_asleep("1", json!("gone@b.example")).await;
    let back = sleepers.fall_asleep("2", json!("back@b.example")).await;
    let silent = sleepers.fall_asleep("3", Value::Null).await;
    sleepers.people.log_in_socially(("GOOGLE", "4"), json!("awake@b.example")).await;
    let job: SharedJob = Arc::new(CloseDormantUsers::new(&batch).unwrap());
    let parameters = [("after_days", "365"), ("term_days", "30")];
    let today = Window::before(Period::Day, Tz::UTC, now());
    let first = run(&batch, &job, today.clone(), &parameters).await;
    assert_eq!(counts(&first), [("warned", 2), ("without an address", 1)]);
    let mailbox = &sleepers.people.mailbox;
    for email in ["gone@b.example", "back@b.example"] {
        let day = (now() + TimeDelta::days(30)).date_naive().to_string();
        assert!(mailbox.newest_of(1, email).await.text.contains(&day));
    }
    let month_ago = (now() - TimeDelta::days(31)).format("%Y-%m-%d %H:%M:%S");
    for person in [&gone, &back] {
        sleepers.set(person, &format!("dormancy_warned_at = '{month_ago}'")).await;
    }
    let late = sleepers.fall_asleep("5", json!("late@b.example")).await;
    sleepers.people.log_in_socially(("GOOGLE", "2"), Value::Null).await;
    let tomorrow = Window::before(Period::Day, Tz::UTC, now() + TimeDelta::days(1));
    let second = run(&batch, &job, tomorrow, &parameters).await;
    let expected = [("warned", 1), ("withdrawn", 1), ("without an address", 1)];
    assert_eq!(counts(&second), expected);
    for (person, open) in [(&gone, false), (&back, true), (&silent, true), (&late, true)] {
        assert_eq!(sleepers.is_open(person).await, open, "{person}");
    }
    mailbox.newest_of(2, "gone@b.example").await;
    mailbox.newest_of(1, "back@b.example").await;
    assert!(mailbox.to("awake@b.example").await.is_empty());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_that_would_close_accounts_in_use_is_refused() {
    let system = System::start().await;
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let job: SharedJob = Arc::new(CloseDormantUsers::new(&batch).unwrap());
    for (after, term) in [("90", "30"), ("x", "30"), ("365", "0"), ("", "")] {
        let parameters = [("after_days", after), ("term_days", term)];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let day = Window::before(Period::Day, Tz::UTC, now());
        let asked = Asked::new(Arc::clone(&job), day, parameters.into());
        let report = batch.runner().run(&asked, &Stop::default()).await.unwrap();
        assert!(matches!(report.ended, Ended::Failed(_)), "{after} {term}: {report}");
    }
    system.stop().await;
}
