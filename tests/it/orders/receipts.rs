//! Receipts: each payment has one at file-service, written on behalf of whoever paid.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use futures_util::future::join_all;
use serde_json::json;
use tests::oauth::claims_of;
use tests::order_process::OrderProcess;
use tests::people::People;
use tests::proxy::Proxy;
use tests::system::System;
use tests::visitor::Visitor;

use super::*;

const COMPANIES: i64 = 5;

fn setting(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// What the receipt of an order is, as soon as it is written.
pub async fn written(caller: &Caller, order: &str) -> String {
    let began = Instant::now();
    loop {
        let receipt = caller.get(&format!("{order}/receipt")).await;
        assert_eq!(receipt.status, 200, "{}", receipt.text);
        if receipt.body["data"]["state"] == "WRITTEN" {
            return receipt.body["data"]["fileId"].as_str().expect("a file").to_owned();
        }
        assert_eq!(receipt.body["data"]["state"], "PENDING");
        assert!(began.elapsed() < Duration::from_secs(60), "written within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_leaves_a_receipt_that_belongs_to_the_payer() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    let url = placed(&caller, &orders, ("k", pen)).await;
    let none = caller.get(&format!("{url}/receipt")).await;
    assert_eq!(none.body["data"], json!({"state": "NONE", "fileId": null}));
    let payer = r#"{"companyId":1,"userId":7}"#;
    let paid = system.caller("order-service", payer).await.change_order(&url, "p", "pay").await;
    assert_eq!(paid.status, 200, "{}", paid.text);
    let file = written(&caller, &url).await;
    let files = format!("{}/api/files", system.services.file.url());
    let reader = system.caller("file-service", SESSION).await;
    let receipt = reader.get(&format!("{files}/{file}")).await;
    let (order, receipt) = (&paid.body["data"], &receipt.body);
    assert_eq!(receipt["orderId"], order["id"], "{receipt}");
    assert_eq!((&receipt["userId"], &receipt["paidByUserId"]), (&json!(2), &json!(7)));
    assert_eq!(receipt["totalMinor"], 150);
    assert_eq!(receipt["items"], json!([{"product": "pen", "quantity": 1, "unitPriceMinor": 150}]));
    let list = reader.get(&files).await.body["data"]["files"].clone();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!((&list[0]["createdBy"], &list[0]["id"]), (&json!(7), &json!(file)));
    assert_eq!(list[0]["createdThrough"], "order-service");
    system.stop().await;
}

/// Neither a key that somebody has taken on purpose, nor a second payer, comes between a payment and its receipt.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_the_first_payers_whoever_else_uses_its_key_or_pays_again() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    let url = placed(&caller, &orders, ("k", pen)).await;
    let files = system.services.file.url();
    let rival = system.caller("file-service", SESSION).await;
    let key = format!("receipt-{}", url.rsplit('/').next().unwrap());
    assert_eq!(rival.upload(&files, ("mine.txt", &key), b"x".to_vec()).await.status, 201);
    let session = r#"{"companyId":1,"userId":7}"#;
    let payer = system.caller("order-service", session).await;
    assert_eq!(payer.change_order(&url, "p", "pay").await.status, 200);
    assert_eq!(caller.change_order(&url, "again", "pay").await.status, 200);
    let file = written(&caller, &url).await;
    let receipt = rival.get(&format!("{files}/api/files/{file}")).await;
    assert_eq!(receipt.body["paidByUserId"], 7, "{}", receipt.text);
    system.stop().await;
}

/// file-service, as far as it hears: what it was asked with.
struct FakeFiles {
    url: String,
    heard: Arc<Mutex<Vec<(String, String)>>>,
}

impl FakeFiles {
    fn start() -> Self {
        let heard: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let data = Data::from(Arc::clone(&heard));
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).default_service(web::to(hear))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        Self { url, heard }
    }

    async fn heard(&self) -> (String, String) {
        for _ in 0..200 {
            if let Some(heard) = self.heard.lock().unwrap().pop() {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing heard");
    }
}

async fn hear(request: HttpRequest, heard: Data<Mutex<Vec<(String, String)>>>) -> HttpResponse {
    let header = |name| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
    let token = header("authorization").split_off("Bearer ".len());
    heard.lock().unwrap().push((token, header("traceparent")));
    HttpResponse::Created().json(json!({"success": true, "data": {"id": "f-1"}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_that_goes_on_is_for_file_service_and_keeps_session_and_login() {
    let (people, files) = (People::start(), FakeFiles::start());
    let system = System::start_with(|options| {
        options.user_url = people.url.parse().ok();
        options.file_url = files.url.parse().ok();
    })
    .await;
    let orders = system.services.order.url();
    let person = Visitor::logged_in(&system.services.auth.url(), 7).await;
    let (payer, own) = (Caller::new(Some(person.access.clone())), claims_of(&person.access));
    let imports = system.caller("order-service", r#"{"companyId":100,"userId":7}"#).await;
    let pen = product(&imports, &orders).await;
    let url = placed(&payer, &orders, ("k", pen)).await;
    assert_eq!(payer.change_order(&url, "p", "pay").await.status, 200);
    let (token, _) = files.heard().await;
    let claims = claims_of(&token);
    assert_eq!(claims["aud"], json!(["file-service"]));
    assert_eq!(claims["scope"], json!(["file:write"]));
    for kept in ["session", "sid", "sub"] {
        assert_eq!(claims[kept], own[kept], "{kept}");
        assert!(!claims[kept].is_null(), "{kept}");
    }
    assert_eq!(claims["auth_time"], own["iat"], "as old as the login");
    assert_eq!(claims["act"]["sub"], "order-service");
    assert_eq!(claims["act"]["act"]["sub"], own["client_id"]);
    system.stop().await;
    people.stop().await;
}

/// A caller without the scope of the next service: order-service asks in its own name, for his session.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_that_can_go_on_the_session_does() {
    let files = FakeFiles::start();
    let system = System::start_with(|options| options.file_url = files.url.parse().ok()).await;
    let (caller, orders, pen) = buyer(&system).await;
    let url = placed(&caller, &orders, ("k", pen)).await;
    let secret = system.client("narrow", "order:write", tests::system::ANY_SESSION).await;
    let client = tests::oauth::OAuthClient::known(&system.services.auth.url(), "narrow", secret);
    let form = [("resource", "order-service"), ("session", SESSION), ("scope", "order:write")];
    let narrow = Caller::new(Some(client.token(&form).await.access_token().to_owned()));
    let request = narrow.request(reqwest::Method::POST, &format!("{url}/pay"));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = request.header("Idempotency-Key", "p").header("traceparent", trace);
    assert_eq!(tests::caller::send(request).await.status, 200);
    let (token, went_on) = files.heard().await;
    let claims = claims_of(&token);
    assert_eq!(
        (&claims["client_id"], &claims["session"]),
        (&json!("order-service"), &json!(SESSION))
    );
    assert_eq!(went_on[..36], trace[..36], "the trace of the payment");
    assert_eq!(written(&caller, &url).await, "f-1");
    system.stop().await;
}

/// Pays so many orders of several users and companies; gives their URLs and who paid.
async fn pay_many(system: &System, orders: &str, count: i64) -> Vec<(String, Caller, (i64, i64))> {
    let mut callers = Vec::new();
    for number in 0..COMPANIES * 2 {
        let (company, user) = (number % COMPANIES + 1, number + 100);
        let session = format!(r#"{{"companyId":{company},"userId":{user}}}"#);
        let caller = system.caller("order-service", &session).await;
        let pen = product(&caller, orders).await;
        callers.push((caller, pen, (company, user)));
    }
    let mut paid = Vec::new();
    for chunk in (0..count).collect::<Vec<_>>().chunks(16) {
        let pay = chunk.iter().map(|number| {
            let (caller, pen, who) =
                callers[usize::try_from(*number).unwrap() % callers.len()].clone();
            async move {
                let url = placed(&caller, orders, (&format!("k-{number}"), pen)).await;
                let answer = caller.change_order(&url, &format!("p-{number}"), "pay").await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                (url, caller, who)
            }
        });
        paid.extend(join_all(pay).await);
    }
    paid
}

/// Each order has one receipt, each is the file of its payer, and there are no others.
async fn assert_each_once(system: &System, paid: &[(String, Caller, (i64, i64))]) {
    let mut of_company: HashMap<i64, HashMap<String, i64>> = HashMap::new();
    for (url, caller, (company, user)) in paid {
        let file = written(caller, url).await;
        let twice = of_company.entry(*company).or_default().insert(file, *user);
        assert_eq!(twice, None, "a file of its own");
    }
    for (company, expected) in of_company {
        let session = format!(r#"{{"companyId":{company},"userId":1}}"#);
        let reader = system.caller("file-service", &session).await;
        let (mut found, mut cursor) = (HashMap::new(), String::new());
        loop {
            let url = format!("{}/api/files?limit=200{cursor}", system.services.file.url());
            let page = reader.get(&url).await;
            for file in page.body["data"]["files"].as_array().expect("files") {
                let id = file["id"].as_str().unwrap().to_owned();
                found.insert(id, file["createdBy"].as_i64().unwrap());
            }
            let Some(next) = page.body["data"]["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, expected, "company {company}");
    }
}

/// `BATON_TEST_OUTAGE_S` says how long file-service is away.
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_payments_while_file_service_is_away_have_five_hundred_receipts_afterwards() {
    let system = System::start().await;
    let files = system.services.file.address.to_string();
    let proxy = Proxy::start(&files).await;
    let process = OrderProcess::start(&system, &format!("http://{}", proxy.address)).await;
    let began = Instant::now();
    proxy.cut();
    let paid = pay_many(&system, &process.url, 500).await;
    let outage = Duration::from_secs(setting("BATON_TEST_OUTAGE_S", 2));
    tokio::time::sleep(outage.saturating_sub(began.elapsed())).await;
    for (url, caller, _) in &paid[..3] {
        let receipt = caller.get(&format!("{url}/receipt")).await;
        assert_eq!(receipt.body["data"]["state"], "PENDING");
    }
    proxy.mend();
    assert_each_once(&system, &paid).await;
    println!("500 payments, away for {:?}", began.elapsed());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_survive_kill_9_of_order_service_at_any_moment() {
    let system = System::start().await;
    let files = system.services.file.url();
    let mut process = OrderProcess::start(&system, &files).await;
    let mut all_paid = Vec::new();
    for round in 0..setting("BATON_TEST_KILLS", 3) {
        let mut paid = pay_many_of_round(&system, &process.url, round).await;
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..20_000))).await;
        process.kill();
        process.restart().await;
        all_paid.append(&mut paid);
    }
    assert_each_once(&system, &all_paid).await;
    system.stop().await;
}

async fn pay_many_of_round(
    system: &System,
    orders: &str,
    round: u64,
) -> Vec<(String, Caller, (i64, i64))> {
    let session = format!(r#"{{"companyId":{},"userId":5}}"#, round + 1);
    let caller = system.caller("order-service", &session).await;
    let pen = product(&caller, orders).await;
    let pay = (0..20).map(|number| {
        let (caller, who) = (caller.clone(), (i64::try_from(round).unwrap() + 1, 5));
        async move {
            let url = placed(&caller, orders, (&format!("{round}-{number}"), pen)).await;
            let answer = caller.change_order(&url, &format!("p-{round}-{number}"), "pay").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            (url, caller, who)
        }
    });
    join_all(pay).await
}
