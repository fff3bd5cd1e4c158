//! One trace from the batch through all services, and its id on every log line.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use tests::batch_process::{Batch, Ended, pay_orders};
use tests::caller::send;
use tests::collector::{Collector, Step};
use tests::logs;
use tests::system::System;

const DAY: &str = "2026-07-17";
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

struct Seen {
    steps: Vec<Step>,
    ended: Ended,
}

/// Settles two orders of one company by a process.
async fn settled(system: &System, collector: &Collector) -> Seen {
    pay_orders(system, &[700], (DAY, 2)).await;
    let batch = Batch::of(system).await.with("BATON_BATCH_OTLP_URL", collector.url());
    let batch = batch.with("BATON_BATCH_LOG", "debug");
    let ended = tokio::task::spawn_blocking(move || batch.settle(DAY)).await.expect("it ends");
    assert_eq!((ended.code, ended.count("settled")), (Some(0), 2), "{ended:?}");
    let is_run = |step: &&Step| step.name == "run" && step.service == "batch-service";
    let steps = collector
        .steps_when("every call of the run", |steps| {
            let Some(run) = steps.iter().find(is_run) else { return false };
            let own = || steps.iter().filter(|step| step.trace == run.trace);
            own()
                .filter(|step| step.kind == CLIENT)
                .all(|call| own().any(|step| step.parent == call.id))
        })
        .await;
    let run = steps.iter().find(is_run).expect("a run").trace.clone();
    let steps = steps.into_iter().filter(|step| step.trace == run).collect();
    Seen { steps, ended }
}

async fn system_with(collector: &Collector) -> System {
    logs::start();
    System::start_with(|options| options.otlp_url = Some(collector.url())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_batch_through_auth_order_and_file_service() {
    let collector = Collector::start().await;
    let system = system_with(&collector).await;
    let Seen { steps, ended } = settled(&system, &collector).await;
    let answered: BTreeSet<(&str, &str)> = steps
        .iter()
        .filter(|step| step.kind == SERVER)
        .map(|step| (step.service.as_str(), step.attribute("http.route")))
        .collect();
    for hop in [
        ("auth-service", "/oauth2/token"),
        ("order-service", "/api/orders/{id}/settle"),
        ("order-service", "/api/orders"),
        ("file-service", "/api/files"),
    ] {
        assert!(answered.contains(&hop), "{hop:?} among {answered:?}");
    }
    check_links(&steps);
    check_words(&steps);
    check_lines(&steps, &ended);
    system.stop().await;
}

/// One root, the run; each other step has its parent, which has begun before it; each call was answered by one step.
fn check_links(steps: &[Step]) {
    let by_id: BTreeMap<&str, &Step> = steps.iter().map(|step| (step.id.as_str(), step)).collect();
    assert_eq!(by_id.len(), steps.len(), "each step has an id of its own");
    let roots: Vec<_> = steps.iter().filter(|step| step.parent.is_empty()).collect();
    assert_eq!(roots.iter().map(|root| root.name.as_str()).collect::<Vec<_>>(), ["run"]);
    for step in steps.iter().filter(|step| !step.parent.is_empty()) {
        let parent =
            by_id.get(step.parent.as_str()).unwrap_or_else(|| panic!("parent of {step:?}"));
        assert!(parent.began_ns <= step.began_ns + 2_000_000, "{step:?} before {parent:?}");
        match step.kind {
            SERVER => assert_eq!(parent.kind, CLIENT, "{step:?} of {parent:?}"),
            _ => assert_eq!(parent.service, step.service, "{step:?} of {parent:?}"),
        }
    }
    let settling = steps.iter().find(|step| step.name.ends_with("/settle")).expect("it is settled");
    let mut way = vec![settling];
    while let Some(parent) = by_id.get(way[way.len() - 1].parent.as_str()) {
        way.push(parent);
    }
    let names: Vec<&str> = way.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["POST /api/orders/{id}/settle", "POST", "chunk", "part", "run"]);
}

/// Who called, on whose behalf, and nothing that is nobody's business.
fn check_words(steps: &[Step]) {
    let settling = steps.iter().find(|step| step.name.ends_with("/settle")).expect("it is settled");
    let expected = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("baton.client_id", "batch-service"),
        ("baton.company", "700"),
        ("baton.user", "1"),
    ];
    for (name, value) in expected {
        assert_eq!(settling.attribute(name), value, "{name} of {settling:?}");
    }
    let token = steps.iter().find(|step| step.attribute("http.route") == "/oauth2/token");
    assert_eq!(token.expect("a token").attribute("baton.client_id"), "batch-service");
    for (step, (name, value)) in
        steps.iter().flat_map(|step| step.attributes.iter().map(move |pair| (step, pair)))
    {
        let is_clean = !value.contains('?') && !value.contains("eyJ") && !value.contains("secret");
        assert!(is_clean, "{name} of {step:?}");
    }
}

/// Each service has written lines with the id of the trace; so has the batch, with the company on those of its part.
fn check_lines(steps: &[Step], ended: &Ended) {
    let trace = steps[0].trace.as_str();
    let lines = logs::of_trace(trace);
    let access = |path: &str| {
        let mut lines = lines.iter();
        lines.any(|line| line["http.path"].as_str().is_some_and(|own| own.contains(path)))
    };
    for path in ["/oauth2/token", "/settle", "/api/files"] {
        assert!(access(path), "a line of {path} among {lines:#?}");
    }
    let is_issued =
        |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains("issued"));
    let issued = lines.iter().find(is_issued);
    let issued = issued.expect("a line that is no access line");
    for name in ["trace.id", "request.id", "client.id"] {
        assert!(issued[name].is_string(), "{name}: {issued}");
    }
    let own: Vec<Value> = ended
        .errors
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["trace.id"] == trace)
        .collect();
    assert!(
        own.iter().any(|line| line["company"] == 700 && line["job"] == "settle-orders"),
        "{own:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_request_says_who_called_and_what_for() {
    logs::start();
    let system = System::start().await;
    let caller = system.caller("order-service", r#"{"companyId":100,"userId":200}"#).await;
    let orders = format!("{}/api/orders", system.services.order.url());
    let trace = "4bf92f3577b34da6a3ce929d0e0e4701";
    let request = caller.request(Method::POST, &orders).header("Idempotency-Key", "k");
    let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let body = json!({"items": [{"productId": 1, "quantity": 1}]});
    let answer = send(request.header("X-Request-Id", "mine").json(&body)).await;
    assert_eq!(answer.header("x-request-id"), "mine");
    let lines = logs::of_trace(trace);
    assert!(!lines.is_empty());
    for line in lines {
        let said =
            ["trace.id", "request.id", "client.id", "company", "user"].map(|name| &line[name]);
        let expected = json!([trace, "mine", "test-caller", 100, 200]);
        assert_eq!(json!(said), expected, "{line}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_began_a_trace_says_whether_it_is_kept() {
    let collector = Collector::start().await;
    let system = system_with(&collector).await;
    let products = format!("{}/api/products", system.services.order.url());
    let [kept, dropped] = ["4bf92f3577b34da6a3ce929d0e0e4702", "4bf92f3577b34da6a3ce929d0e0e4703"];
    for (trace, flags) in [(dropped, "00"), (kept, "01")] {
        let request = system.stranger().request(Method::GET, &products);
        let traceparent = format!("00-{trace}-00f067aa0ba902b7-{flags}");
        assert_eq!(send(request.header("traceparent", traceparent)).await.status, 200);
    }
    let has = |steps: &[Step], trace: &str| steps.iter().any(|step| step.trace == trace);
    let steps = collector.steps_when("the one that is kept", |steps| has(steps, kept)).await;
    assert!(!has(&steps, dropped), "{steps:#?}");
    let step = steps.iter().find(|step| step.trace == kept).expect("it is there");
    assert_eq!((step.kind, step.parent.as_str()), (SERVER, "00f067aa0ba902b7"));
    system.stop().await;
}
