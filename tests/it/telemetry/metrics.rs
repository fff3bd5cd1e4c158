//! Metrics: few series whatever is asked, and every one that a dashboard or an alert looks at.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::Value;
use tests::batch_process::{Batch, pay_orders};
use tests::caller::Caller;
use tests::exposed::{metrics, names, series};
use tests::process::free_port;
use tests::system::System;

const WAVE: usize = 600;

fn addresses(system: &System) -> [std::net::SocketAddr; 4] {
    let services = &system.services;
    [&services.auth, &services.user, &services.order, &services.file]
        .map(|service| service.management_address)
}

async fn all_series(system: &System) -> Vec<BTreeSet<String>> {
    let mut all = Vec::new();
    for address in addresses(system) {
        all.push(series(&metrics(address).await));
    }
    all
}

/// Something that nobody has asked for before, in every part that a caller may choose.
async fn attack(system: &System, caller: &Caller, seed: usize) {
    let services = &system.services;
    let one = [&services.auth, &services.user, &services.order, &services.file][seed % 4];
    let anything = || format!("{:016x}", fastrand::u64(..));
    let paths = ["", "/api/orders/", "/api/files/", "/api/users/", "/.well-known/", "/oauth2/"];
    let url = format!("{}{}/{}", one.url(), paths[seed % paths.len()], anything());
    let methods = ["GET", "POST", "DELETE", "PROPFIND", "OPTIONS"];
    let method = match seed % 7 {
        0 => format!("X{}", anything()),
        other => methods[other % methods.len()].to_owned(),
    };
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = caller.request(method, &url).header("X-Request-Id", anything());
    let head = serde_json::json!({"alg": "ES256", "typ": "at+jwt", "kid": anything()}).to_string();
    let token = format!("{}.e30.{}", base64(&head), anything());
    let request = match seed % 3 {
        0 => request.bearer_auth(token),
        1 => request.header("Authorization", format!("{} {}", anything(), anything())),
        _ => request.header(format!("x-{}", anything()), anything()),
    };
    // What it is answered is no concern here.
    let _ = request.send().await;
    let form = [("grant_type", &*anything()), ("client_id", &*anything()), ("client_secret", "no")]
        .map(|(name, value)| (name, value.to_owned()));
    let _ = caller.request(Method::POST, &system.token_url()).form(&form).send().await;
}

fn base64(text: &str) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

async fn wave(system: &System) {
    use futures_util::StreamExt;
    let caller = Caller::new(None);
    let attacks = futures_util::stream::iter(0..WAVE).map(|seed| attack(system, &caller, seed));
    attacks.buffer_unordered(16).for_each(async |()| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_anything_makes_no_more_series() {
    let system = System::start().await;
    wave(&system).await;
    let before = all_series(&system).await;
    wave(&system).await;
    let after = all_series(&system).await;
    for (before, after) in before.iter().zip(&after) {
        let new: Vec<_> = after.difference(before).collect();
        // A route or a status that the first wave happened not to meet; each label of a caller's choice would add hundreds.
        assert!(new.len() <= WAVE / 10, "{new:#?}");
        assert!(after.len() < 600, "{} series", after.len());
        println!("series before {} and after {}", before.len(), after.len());
    }
    system.stop().await;
}

/// Everything that services and batch show, after everything has been used once.
async fn all_names(system: &System) -> BTreeSet<String> {
    pay_orders(system, &[100], ("2026-07-17", 1)).await;
    let mut all = BTreeSet::new();
    for address in addresses(system) {
        all.extend(names(&metrics(address).await));
    }
    let address = format!("127.0.0.1:{}", free_port());
    let batch = Batch::of(system).await.with("BATON_BATCH_MANAGEMENT_LISTEN", &address);
    let held = tokio::task::spawn_blocking(move || batch.hold_at("before-finish", 1, "2026-07-17"));
    let held = held.await.expect("no panic").expect("it is held");
    let live = Caller::new(None).get(&format!("http://{address}/livez")).await;
    assert_eq!(live.status, 200);
    let lines = metrics(&address).await;
    let done = tests::exposed::value(
        &lines,
        r#"batch_items_total{batch_job="settle-orders",outcome="done"}"#,
    );
    assert_eq!(done, Some(1.0), "{lines:#?}");
    all.extend(names(&lines));
    drop(held);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_a_dashboard_or_an_alert_is_one_that_some_service_shows() {
    let collector = tests::collector::Collector::start().await;
    let url = collector.url();
    let system = System::start_with(|options| options.otlp_url = Some(url)).await;
    let known = all_names(&system).await;
    let asked = asked_for();
    assert!(asked.len() > 20, "{asked:?}");
    // Of Prometheus itself, and of a run that has ended.
    let not_ours = [
        "up",
        "batch_run_exit_code",
        "batch_run_ended_timestamp_seconds",
        "batch_run_duration_seconds",
    ];
    let unknown: Vec<_> = asked
        .iter()
        .filter(|name| !known.contains(*name) && !not_ours.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "nobody shows {unknown:?}; there are {known:#?}");
    system.stop().await;
}

/// The names that `deploy/observability/metrics` reads out of dashboards and rules.
fn asked_for() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observability");
    let output = Command::new(folder.join("metrics")).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn dashboards_are_json_with_panels_that_ask_something() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observability/dashboards");
    let mut uids = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("dashboards") {
        let path = entry.expect("a dashboard").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let board: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(uids.insert(board["uid"].as_str().expect("a uid").to_owned()), "{path:?}");
        let panels = board["panels"].as_array().expect("panels");
        let graphs =
            panels.iter().filter(|panel| panel["type"] != "row" && panel["type"] != "text");
        for panel in graphs {
            let targets = panel["targets"].as_array().expect("targets");
            let asks =
                |target: &Value| target["expr"].as_str().is_some_and(|expr| !expr.is_empty());
            assert!(
                !targets.is_empty() && targets.iter().all(asks),
                "{path:?}: {}",
                panel["title"]
            );
        }
    }
    assert_eq!(uids.len(), 3);
}
