//! A collector that is away, fails, is silent or talks nonsense: calls go on.

use std::time::{Duration, Instant};

use tests::collector::{Collector, Mood};
use tests::exposed::{metrics, value};
use tests::process::wait_until;
use tests::system::System;

/// So many calls, one after the other, and how long the longest took.
async fn calls(system: &System, count: usize) -> Duration {
    let url = format!("{}/api/products", system.services.order.url());
    let caller = system.stranger();
    let mut longest = Duration::ZERO;
    for _ in 0..count {
        let began = Instant::now();
        assert_eq!(caller.get(&url).await.status, 200);
        longest = longest.max(began.elapsed());
    }
    longest
}

async fn spans(system: &System, outcome: &str) -> f64 {
    let lines = metrics(system.services.order.management_address).await;
    let series = format!(r#"trace_spans_total{{outcome="{outcome}"}}"#);
    value(&lines, &series).unwrap_or_else(|| panic!("{series}: {lines:#?}"))
}

async fn until_not_taken(system: &System, before: f64) {
    let began = Instant::now();
    while spans(system, "not_taken").await <= before {
        assert!(began.elapsed() < Duration::from_secs(30), "what is not taken is counted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_whatever_becomes_of_the_collector() {
    let collector = Collector::start().await;
    let url = collector.url();
    let system = System::start_with(|options| options.otlp_url = Some(url)).await;
    calls(&system, 5).await;
    collector.steps_when("steps", |steps| steps.len() >= 5).await;
    for mood in [Mood::Fails, Mood::Nonsense] {
        let before = spans(&system, "not_taken").await;
        collector.becomes(mood);
        // Waiting for it once would take seconds.
        let longest = calls(&system, 20).await;
        assert!(longest < Duration::from_secs(2), "{mood:?}: {longest:?}");
        until_not_taken(&system, before).await;
    }
    collector.becomes(Mood::Silent);
    let requests = collector.requests();
    assert!(calls(&system, 20).await < Duration::from_secs(2));
    wait_until("it is asked", || collector.requests() > requests);
    drop(collector);
    assert!(calls(&system, 20).await < Duration::from_secs(2), "it is away");
    let began = Instant::now();
    system.stop().await;
    // The services stop one after the other, and each waits two seconds at the most for what is left.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
