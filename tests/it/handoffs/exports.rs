//! Exports of orders: asked for by a user, written by the batch in his name, with a restart, an outage, a logout between.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tests::batch_process::Batch;
use tests::caller::{Answer, Caller, send};
use tests::moody::{Mood, Moody};
use tests::process::Process;
use tests::proxy::Proxy;
use tests::system::System;

use crate::accounts::{PASSWORD, People, log_in};

/// The hour that is worked on: what is due is due whenever it is.
const RUN: [&str; 4] = ["run", "order-exports", "--window", "2026-11-26T00:00+00:00"];

/// Somebody with an account and some orders, as he sees the services.
pub struct Customer {
    pub id: i64,
    pub company: i64,
    pub access: Caller,
    pub cookie: String,
    auth: String,
    orders: String,
    files: String,
}

/// In the name of whoever has logged in.
fn caller(system: &System, login: &Answer) -> Caller {
    system.stranger().with_token(login.body["data"]["accessToken"].as_str().unwrap())
}

impl Customer {
    pub async fn new(system: &System, email: &str) -> Self {
        let people = People::of(system).await;
        let account = people.sign_up(email).await;
        let (id, company) =
            (account["id"].as_i64().unwrap(), account["companyId"].as_i64().unwrap());
        let login = log_in(system, email).await;
        let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
        let access = caller(system, &login);
        let auth = system.services.auth.url();
        let (orders, files) = (system.services.order.url(), system.services.file.url());
        Self { id, company, access, cookie, auth, orders, files }
    }

    /// Orders of his, and of somebody else in his company.
    pub async fn buys(&self, system: &System, count: usize) {
        let session = json!({"companyId": self.company, "userId": 1}).to_string();
        let caller = system.caller("order-service", &session).await;
        let order = |user: i64, number: usize| {
            json!({"orderNo": format!("N-{user}-{number}"), "userId": user, "product": "pen", "quantity": 2,
                "unitPriceMinor": 150, "currency": "USD", "paidAt": "2026-07-17T10:00:00Z"})
        };
        for user in [self.id, self.id + 1_000_000] {
            let all: Vec<Value> = (0..count).map(|number| order(user, number)).collect();
            for some in all.chunks(500) {
                let url = format!("{}/internal/orders/import", self.orders);
                let answer = caller.post_json(&url, &json!({ "orders": some })).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
            }
        }
    }

    pub async fn asks(&self, body: &Value) -> Answer {
        self.access.post_json(&format!("{}/api/orders/exports", self.orders), body).await
    }

    /// The id of an export that he has asked for.
    pub async fn has_asked(&self, body: &Value) -> String {
        let answer = self.asks(body).await;
        assert_eq!(answer.verdict(), (202, ""), "{}", answer.text);
        answer.body["data"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn export(&self, id: &str) -> Value {
        let answer = self.access.get(&format!("{}/api/orders/exports/{id}", self.orders)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["data"].clone()
    }

    pub async fn handoffs(&self) -> usize {
        let list = self.access.get(&format!("{}/api/v2/auth/handoffs", self.auth)).await;
        list.body["data"].as_array().unwrap().len()
    }

    pub async fn logs_out(&self) {
        let url = format!("{}/api/v2/auth/logout", self.auth);
        let request = Caller::new(None).request(Method::POST, &url).header("Cookie", &self.cookie);
        assert_eq!(send(request).await.status, 204);
    }

    /// The order numbers in the file of an export that is done.
    pub async fn numbers(&self, id: &str) -> Vec<String> {
        let export = self.export(id).await;
        assert_eq!(export["state"], "DONE", "{export}");
        let url = format!("{}/api/files/{}", self.files, export["fileId"].as_str().unwrap());
        let file = self.access.get(&url).await;
        assert_eq!(file.status, 200, "{}", file.text);
        let mut reader = csv::Reader::from_reader(file.text.as_bytes());
        reader.records().map(|line| line.unwrap()[1].to_owned()).collect()
    }

    async fn has_got_them_all(&self, id: &str, count: usize) {
        let mut numbers = self.numbers(id).await;
        numbers.sort();
        let mut own: Vec<String> =
            (0..count).map(|number| format!("N-{}-{number}", self.id)).collect();
        own.sort();
        assert_eq!(numbers, own);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_batch_writes_what_a_user_has_asked_for_and_the_user_finds_it() {
    let system = System::start().await;
    let batch = Batch::of(&system).await;
    let (one, other) =
        (Customer::new(&system, "a@b.example").await, Customer::new(&system, "c@d.example").await);
    for customer in [&one, &other] {
        customer.buys(&system, 250).await;
    }
    let (first, second) = (one.has_asked(&json!({})).await, other.has_asked(&json!({})).await);
    let tomorrow = json!({"placedTo": "2026-01-01"});
    let none = one.has_asked(&tomorrow).await;
    assert_eq!((one.handoffs().await, other.handoffs().await), (2, 1));
    let ended = batch.run(&RUN);
    assert_eq!((ended.code, ended.count("exported")), (Some(0), 3), "{ended:?}");
    one.has_got_them_all(&first, 250).await;
    other.has_got_them_all(&second, 250).await;
    assert_eq!(one.numbers(&none).await, Vec::<String>::new());
    assert_eq!(
        (one.handoffs().await, other.handoffs().await),
        (0, 0),
        "nobody acts for them any more"
    );
    for (customer, id) in [(&one, &second), (&other, &first)] {
        let url = format!("{}/api/orders/exports/{id}", customer.orders);
        assert_eq!(customer.access.get(&url).await.verdict(), (404, "O006"), "it is not his");
    }
    let list = one.access.get(&format!("{}/api/orders/exports?limit=1", one.orders)).await;
    assert_eq!(
        list.body["data"]["exports"][0]["id"],
        json!(none),
        "the newest first: {}",
        list.text
    );
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_twice_is_one_export_and_one_handoff() {
    let system = System::start().await;
    Batch::of(&system).await;
    let customer = Customer::new(&system, "a@b.example").await;
    let url = format!("{}/api/orders/exports", customer.orders);
    let ask = |body: Value| {
        let request = customer.access.request(Method::POST, &url).header("Idempotency-Key", "k");
        send(request.json(&body))
    };
    let first = ask(json!({})).await;
    let second = ask(json!({})).await;
    assert_eq!((first.status, &first.text), (202, &second.text));
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(ask(json!({"placedFrom": "2026-01-01"})).await.verdict(), (422, "O004"));
    assert_eq!(customer.handoffs().await, 1, "what was handed on for nothing is ended");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_before_the_run_closes_it_with_that_reason_unless_it_was_to_outlive_that() {
    let system = System::start().await;
    let batch = Batch::of(&system).await;
    let customer = Customer::new(&system, "a@b.example").await;
    customer.buys(&system, 3).await;
    let closed = customer.has_asked(&json!({})).await;
    let goes_on = customer.has_asked(&json!({"outlivesLogout": true})).await;
    customer.logs_out().await;
    let ended = batch.run(&RUN);
    assert_eq!(
        (ended.code, ended.count("exported"), ended.count("closed")),
        (Some(0), 1, 1),
        "{ended:?}"
    );
    let login = log_in(&system, "a@b.example").await;
    let back = Customer { access: caller(&system, &login), ..customer };
    let export = back.export(&closed).await;
    assert_eq!(
        (&export["state"], &export["reason"], &export["endedBy"], &export["fileId"]),
        (&json!("CLOSED"), &json!("ended"), &json!("LOGOUT"), &Value::Null)
    );
    back.has_got_them_all(&goes_on, 3).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_withdrawal_nothing_is_made_whatever_it_was_to_outlive() {
    let system = System::start().await;
    let (batch, admin) = (Batch::of(&system).await, system.admin().await);
    let customer = Customer::new(&system, "a@b.example").await;
    customer.buys(&system, 3).await;
    customer.has_asked(&json!({"outlivesLogout": true})).await;
    let me = format!("{}/api/v2/users/me", system.services.user.url());
    let leave = customer.access.request(Method::DELETE, &me).json(&json!({"password": PASSWORD}));
    assert_eq!(send(leave).await.status, 200);
    let is_told = |row: &Value| {
        let detail = row["detail"].as_str().unwrap_or_default();
        row["event"] == "handoff.ended" && detail.ends_with("to batch-service: WITHDRAWN")
    };
    system.audit_row(&admin, is_told).await;
    let ended = batch.run(&RUN);
    let counts = (ended.code, ended.count("closed"), ended.count("exported"));
    assert_eq!(counts, (Some(0), 1, 0), "{ended:?}");
    let session = json!({"companyId": customer.company, "userId": customer.id}).to_string();
    let files = system.caller("file-service", &session).await;
    let list = files.get(&format!("{}/api/files", customer.files)).await;
    assert_eq!(list.body["data"]["files"], json!([]), "{}", list.text);
    system.stop().await;
}

/// How long auth-service is away.
fn outage() -> Duration {
    let seconds = std::env::var("BATON_TEST_OUTAGE_S").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_auth_service_during_exports_loses_none() {
    let system = System::start_with(|options| options.token_ttl_s = 600).await;
    let batch = Batch::of(&system).await;
    let mut asked = Vec::new();
    for number in 0..6 {
        let customer = Customer::new(&system, &format!("u{number}@b.example")).await;
        customer.buys(&system, 3).await;
        let id = customer.has_asked(&json!({})).await;
        asked.push((customer, id));
    }
    let slow = Moody::start(&system.services.order.url(), |_| Mood::Slow(100)).await;
    let url: url::Url = system.token_url().parse().unwrap();
    let auth = Proxy::start(&format!("127.0.0.1:{}", url.port().unwrap())).await;
    let token_url = format!("http://{}/oauth2/token", auth.address);
    let batch = batch.with("BATON_BATCH_ORDER_URL", slow.url());
    let batch = batch.with("BATON_BATCH_TOKEN_URL", token_url).with("BATON_BATCH_CONCURRENCY", 1);
    let mut run: Process = batch.start(&RUN);
    while slow.passed() < 6 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    auth.cut();
    tokio::time::sleep(outage()).await;
    auth.mend();
    let (code, text) = run.wait_with_output();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("6 exported"), "{text}");
    for (customer, id) in &asked {
        customer.has_got_them_all(id, 3).await;
    }
    system.stop().await;
}

/// Killed at any moment, and started again: each has one file.
#[tokio::test(flavor = "multi_thread")]
async fn the_batch_killed_in_the_middle_writes_each_file_once() {
    let system = System::start().await;
    let batch = Batch::of(&system).await;
    let customer = Customer::new(&system, "a@b.example").await;
    customer.buys(&system, 300).await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(customer.has_asked(&json!({})).await);
    }
    let slow = Moody::start(&system.services.order.url(), |_| Mood::Slow(20)).await;
    let batch = batch.with("BATON_BATCH_ORDER_URL", slow.url());
    // What is left open is worked on in the same hour again, or in another one.
    let windows = ["2026-11-26T00:00+00:00", "2026-11-26T00:00+00:00", "2026-11-26T01:00+00:00"];
    for window in windows.repeat(3) {
        let mut run = batch.start(&["run", "order-exports", "--window", window]);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(200..1_200))).await;
        run.kill();
    }
    for window in windows {
        let ended = batch.run(&["run", "order-exports", "--window", window]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!ended.text.contains("quarantine"), "{ended:?}");
    }
    for id in &ids {
        customer.has_got_them_all(id, 300).await;
    }
    let files = customer.access.get(&format!("{}/api/files?limit=200", customer.files)).await;
    assert_eq!(files.body["data"]["files"].as_array().unwrap().len(), 8, "{}", files.text);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_a_program_asks_for_no_export() {
    let system = System::start().await;
    Batch::of(&system).await;
    let customer = Customer::new(&system, "a@b.example").await;
    for body in [
        json!({"dueAt": "2099-01-01T00:00:00Z"}),
        json!({"placedFrom": "yesterday"}),
        json!({"placedTo": "2026-13-01"}),
    ] {
        assert_eq!(customer.asks(&body).await.verdict(), (400, "C001"), "{body}");
    }
    assert_eq!(customer.asks(&json!({"what": 1})).await.verdict(), (400, "C002"));
    let session = json!({"companyId": customer.company, "userId": customer.id}).to_string();
    let program = system.caller("order-service", &session).await;
    let url = format!("{}/api/orders/exports", customer.orders);
    let request = program.request(Method::POST, &url).header("Idempotency-Key", "k");
    let refused = send(request.json(&json!({}))).await;
    assert_eq!(
        refused.verdict(),
        (403, "O007"),
        "its token is not for file-service: {}",
        refused.text
    );
    for _ in 0..20 {
        customer.has_asked(&json!({})).await;
    }
    let more = customer.asks(&json!({})).await;
    assert_eq!((more.verdict(), more.header("retry-after")), ((429, "C007"), "3600"));
    let nobody = format!("{url}/0199c1d5-2b4f-7000-8000-000000000000");
    assert_eq!(customer.access.get(&nobody).await.verdict(), (404, "O006"));
    system.stop().await;
}
