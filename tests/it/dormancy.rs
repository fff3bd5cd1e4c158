//! People who are not seen any more: found, told so once, and withdrawn unless they come back.

use chrono::{Days, NaiveDate, TimeDelta};
use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{SystemClock, Timestamp};
use tests::caller::{Answer, Caller, send};
use tests::system::System;

use crate::accounts::People;

const LONG_AGO: &str = "2020-01-01 00:00:00";

/// The batch, as user-service sees it, and those it asks about.
struct Batch {
    system: System,
    people: People,
}

fn now() -> Timestamp {
    SystemClock::shared().now()
}

/// A year ago, as the job asks.
fn seen_before() -> Timestamp {
    now() - TimeDelta::days(365)
}

fn closes_on() -> NaiveDate {
    now().date_naive() + Days::new(30)
}

impl Batch {
    async fn start() -> Self {
        let system = System::start().await;
        let people = People::of(&system).await;
        Self { system, people }
    }

    /// Somebody of a company of his own, who was not seen for years.
    async fn sleeper(&self, name: &str, email: Value) -> Value {
        let made = self.people.log_in_socially(("GOOGLE", name), email).await;
        let person = made.body["data"]["person"].clone();
        assert!(person["userId"].is_i64(), "{}", made.text);
        self.set(&person, &format!("last_seen_at = '{LONG_AGO}'")).await;
        person
    }

    async fn set(&self, person: &Value, what: &str) -> Vec<String> {
        let id = &person["userId"];
        let sql = format!("UPDATE users SET {what} WHERE id = {id} RETURNING name AS text");
        self.system.ask_user(&sql).await
    }

    async fn of_company(&self, person: &Value) -> Caller {
        let session = json!({"companyId": person["companyId"], "userId": 1}).to_string();
        self.system.caller("user-service", &session).await
    }

    async fn listed(&self, person: &Value) -> Vec<Value> {
        let url = format!("{}/internal/dormant-users", self.people.url);
        let request = self.of_company(person).await.request(Method::GET, &url);
        let list = send(request.query(&[("seenBefore", seen_before())])).await;
        assert_eq!(list.status, 200, "{}", list.text);
        list.body["data"]["users"].as_array().unwrap().clone()
    }

    fn post(&self, caller: &Caller, person: &Value, what: &str) -> reqwest::RequestBuilder {
        let id = &person["userId"];
        caller.request(Method::POST, &format!("{}/internal/users/{id}/{what}", self.people.url))
    }

    async fn warn(&self, person: &Value, key: &str) -> Answer {
        self.warn_by(&self.of_company(person).await, person, key).await
    }

    async fn warn_by(&self, caller: &Caller, person: &Value, key: &str) -> Answer {
        let body = json!({"seenBefore": seen_before(), "closesOn": closes_on()});
        let request = self.post(caller, person, "dormancy-warning");
        send(request.header("Idempotency-Key", key).json(&body)).await
    }

    async fn withdraw(&self, person: &Value, warned_before: Timestamp) -> Answer {
        let caller = self.of_company(person).await;
        let body = json!({"seenBefore": seen_before(), "warnedBefore": warned_before});
        send(self.post(&caller, person, "dormancy-withdrawal").json(&body)).await
    }
}

fn outcome(answer: &Answer) -> &str {
    answer.body["data"]["outcome"].as_str().unwrap_or(answer.verdict().1)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_not_seen_is_found_in_his_company_and_no_program_is() {
    let batch = Batch::start().await;
    let sleeper = batch.sleeper("1", json!("a@b.example")).await;
    let other = batch.people.log_in_socially(("GOOGLE", "2"), json!("c@d.example")).await;
    let other = &other.body["data"]["person"];
    let program = format!(
        "INSERT INTO users (id, company_id, email, name, created_at, last_seen_at) VALUES
         (1, 7, 'batch@b.example', 'batch', '{LONG_AGO}', '{LONG_AGO}') RETURNING name AS text"
    );
    batch.system.ask_user(&program).await;
    let expected = json!({"id": sleeper["userId"], "lastSeenAt": "2020-01-01T00:00:00Z",
        "warnedAt": null});
    assert_eq!(batch.listed(&sleeper).await, [expected]);
    assert!(batch.listed(other).await.is_empty());
    let caller = batch.of_company(other).await;
    let url = format!("{}/internal/dormant-users/companies", batch.people.url);
    let companies = caller.request(Method::GET, &url).query(&[("seenBefore", seen_before())]);
    assert_eq!(send(companies).await.body["data"]["companies"], json!([sleeper["companyId"]]));
    let body = json!({"seenBefore": seen_before(), "closesOn": closes_on()});
    let foreign = batch.post(&caller, &sleeper, "dormancy-warning").header("Idempotency-Key", "k");
    assert_eq!(send(foreign.json(&body)).await.verdict(), (404, "U002"));
    let body = json!({"seenBefore": seen_before(), "warnedBefore": now()});
    let foreign = batch.post(&caller, &sleeper, "dormancy-withdrawal").json(&body);
    assert_eq!(send(foreign).await.verdict(), (404, "U002"));
    batch.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_written_down_once_a_day_and_an_import_is_one() {
    let batch = Batch::start().await;
    let sleeper = batch.sleeper("1", json!("a@b.example")).await;
    let seen = "SELECT CAST(last_seen_at AS TEXT) AS text FROM users WHERE email = 'a@b.example'";
    let hours_ago = (now() - TimeDelta::hours(23)).format("%Y-%m-%d %H:%M:%S");
    batch.set(&sleeper, &format!("last_seen_at = '{hours_ago}'")).await;
    let before = batch.system.ask_user(seen).await;
    batch.people.log_in_socially(("GOOGLE", "1"), Value::Null).await;
    assert_eq!(batch.system.ask_user(seen).await, before, "he was seen today already");
    batch.set(&sleeper, &format!("last_seen_at = '{LONG_AGO}'")).await;
    batch.people.log_in_socially(("GOOGLE", "1"), Value::Null).await;
    assert!(batch.listed(&sleeper).await.is_empty());
    batch.set(&sleeper, &format!("last_seen_at = '{LONG_AGO}'")).await;
    assert_eq!(batch.listed(&sleeper).await.len(), 1);
    let import = format!("{}/internal/users/import", batch.people.url);
    let body = json!({"users": [{"email": "a@b.example"}]});
    let imported = batch.of_company(&sleeper).await.post_json(&import, &body).await;
    assert_eq!(imported.body["data"]["users"][0]["id"], sleeper["userId"]);
    assert!(batch.listed(&sleeper).await.is_empty());
    batch.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_one_letter_under_whatever_keys_it_is_asked_for() {
    let batch = Batch::start().await;
    let sleeper = batch.sleeper("1", json!("a@b.example")).await;
    let caller = batch.of_company(&sleeper).await;
    let answers = join_all((0..8).map(|_| batch.warn_by(&caller, &sleeper, "k"))).await;
    for answer in &answers {
        assert_eq!(outcome(answer), "WARNED", "{}", answer.text);
        assert_eq!(answer.body["data"]["warnedAt"], answers[0].body["data"]["warnedAt"]);
    }
    assert_eq!(outcome(&batch.warn(&sleeper, "another").await), "WARNED_BEFORE");
    let letter = batch.people.mailbox.newest_of(1, "a@b.example").await;
    assert!(letter.text.contains(&closes_on().to_string()), "{letter:?}");
    assert!(batch.listed(&sleeper).await[0]["warnedAt"].is_string());

    let second = batch.sleeper("2", json!("c@d.example")).await;
    let caller = batch.of_company(&second).await;
    let body = json!({"seenBefore": seen_before(), "closesOn": closes_on()});
    let request = batch.post(&caller, &second, "dormancy-warning").json(&body);
    assert_eq!(send(request.try_clone().unwrap()).await.verdict(), (400, "C001"), "no key");
    let request = request.header("Idempotency-Key", "k").header("Accept-Language", "en");
    assert_eq!(outcome(&send(request).await), "WARNED");
    let letter = batch.people.mailbox.newest_of(1, "c@d.example").await;
    assert_eq!(letter.subject, "Your account is about to be closed");
    batch.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_warned_long_enough_ago_leaves_as_if_by_himself_and_nobody_else() {
    let batch = Batch::start().await;
    let sleeper = batch.sleeper("1", json!("a@b.example")).await;
    let silent = batch.sleeper("2", Value::Null).await;
    assert_eq!(outcome(&batch.withdraw(&sleeper, now()).await), "KEPT", "not warned");
    assert_eq!(outcome(&batch.warn(&silent, "k").await), "UNREACHABLE");
    assert_eq!(outcome(&batch.withdraw(&silent, now()).await), "KEPT", "he could not know");
    assert_eq!(outcome(&batch.warn(&sleeper, "k").await), "WARNED");
    let month_ago = now() - TimeDelta::days(30);
    assert_eq!(outcome(&batch.withdraw(&sleeper, month_ago).await), "KEPT", "warned just now");
    for _ in 0..2 {
        assert_eq!(outcome(&batch.withdraw(&sleeper, now()).await), "WITHDRAWN");
    }
    let letter = batch.people.mailbox.newest_of(2, "a@b.example").await;
    assert_eq!(letter.subject, "장기 미이용으로 탈퇴 처리되었습니다");
    assert!(batch.listed(&sleeper).await.is_empty());
    let back = batch.people.log_in_socially(("GOOGLE", "1"), json!("a@b.example")).await;
    assert_eq!(back.verdict(), (409, "U001"));
    assert_eq!(outcome(&batch.warn(&sleeper, "k").await), "U002");
    let ends = "SELECT CAST(closed_at AS TEXT) AS text FROM users WHERE closed_at IS NOT NULL";
    assert_eq!(batch.system.ask_user(ends).await.len(), 1);
    batch.system.stop().await;
}

/// Whoever comes first: the login is in and he stays, or it is refused and he is gone. Never is somebody let in who is gone.
#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_between_warning_and_withdrawal_stays() {
    let batch = Batch::start().await;
    let warned = batch.sleeper("early", json!("early@b.example")).await;
    assert_eq!(outcome(&batch.warn(&warned, "k").await), "WARNED");
    assert_eq!(batch.people.log_in_socially(("GOOGLE", "early"), Value::Null).await.status, 200);
    assert_eq!(outcome(&batch.withdraw(&warned, now()).await), "KEPT");
    assert_eq!(outcome(&batch.warn(&warned, "k").await), "SEEN");
    for round in 0..20 {
        let name = format!("r{round}");
        let email = format!("{name}@b.example");
        let person = batch.sleeper(&name, json!(email)).await;
        assert_eq!(outcome(&batch.warn(&person, "k").await), "WARNED");
        let login = || batch.people.log_in_socially(("GOOGLE", &name), Value::Null);
        let logins = join_all((0..6).map(|_| login()));
        let (logins, withdrawal) = join(logins, batch.withdraw(&person, now())).await;
        let stays = outcome(&withdrawal) == "KEPT";
        let statuses: Vec<u16> = logins.iter().map(|login| login.status).collect();
        assert_eq!(statuses, [if stays { 200 } else { 409 }; 6], "{round}: {}", withdrawal.text);
        let open = format!("{}/internal/users/{}", batch.people.url, person["userId"]);
        let open = batch.people.internal.get(&open).await.status;
        assert_eq!(open == 200, stays, "{round}");
    }
    batch.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_says_nothing_about_dormancy_is_refused() {
    let batch = Batch::start().await;
    let sleeper = batch.sleeper("1", json!("a@b.example")).await;
    let caller = batch.of_company(&sleeper).await;
    let (soon, ancient) = (now() + TimeDelta::hours(1), "-9999-01-01T00:00:00Z");
    let bad = [json!(now()), json!(soon), json!("x"), json!(ancient), Value::Null];
    for moment in &bad {
        let good = json!(seen_before());
        let bodies = [
            ("dormancy-warning", json!({"seenBefore": moment, "closesOn": closes_on()})),
            ("dormancy-withdrawal", json!({"seenBefore": moment, "warnedBefore": now()})),
        ];
        for (what, body) in bodies {
            let request = batch.post(&caller, &sleeper, what).header("Idempotency-Key", "k");
            assert_eq!(send(request.json(&body)).await.status, 400, "{what} {body}");
        }
        if *moment != bad[0] {
            let body = json!({"seenBefore": good, "warnedBefore": moment});
            let request = batch.post(&caller, &sleeper, "dormancy-withdrawal").json(&body);
            assert_eq!(send(request).await.status, 400, "{body}");
        }
        for path in ["/internal/dormant-users", "/internal/dormant-users/companies"] {
            let request = caller.request(Method::GET, &format!("{}{path}", batch.people.url));
            let text = moment.as_str().unwrap_or_default();
            let answer = send(request.query(&[("seenBefore", text)])).await;
            assert_eq!(answer.verdict(), (400, "C001"), "{path} {text}");
        }
    }
    for day in ["2020-01-01", "9999-01-01", "x"] {
        let body = json!({"seenBefore": seen_before(), "closesOn": day});
        let request = batch.post(&caller, &sleeper, "dormancy-warning").json(&body);
        assert_eq!(send(request.header("Idempotency-Key", "k")).await.status, 400, "{day}");
    }
    assert!(batch.listed(&sleeper).await[0]["warnedAt"].is_null());
    batch.system.stop().await;
}
