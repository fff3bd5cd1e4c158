//! kill -9 while many ask for the same: what was answered is what has happened.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tests::caller::Caller;
use tests::order_process::OrderProcess;
use tests::system::System;

use super::*;

const CALLERS: usize = 20;

/// `BATON_TEST_KILLS` says how often.
fn kills() -> usize {
    std::env::var("BATON_TEST_KILLS").map_or(6, |kills| kills.parse().expect("a number"))
}

/// The body of the answer; none when there was none, or none that counts.
async fn try_to_place(
    caller: &Caller,
    orders: &str,
    (key, product): (&str, i64),
) -> Option<String> {
    let body = json!({"items": [{"productId": product, "quantity": 1}]});
    let request = caller.request(reqwest::Method::POST, &format!("{orders}/api/orders"));
    let answer = request.header("Idempotency-Key", key).json(&body).send().await.ok()?;
    let status = answer.status().as_u16();
    assert!([201, 409, 503].contains(&status), "{status}");
    let text = answer.text().await.ok()?;
    (status == 201).then_some(text)
}

/// Until there is an answer.
async fn place_at_last(caller: &Caller, orders: &str, named: (&str, i64)) -> String {
    for _ in 0..100 {
        if let Some(text) = try_to_place(caller, orders, named).await {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no answer within 5 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_kill_9_one_key_places_one_order_and_every_answer_is_the_same() {
    let system = System::start().await;
    let mut process = OrderProcess::start(&system, &system.services.file.url()).await;
    let caller = system.caller("order-service", SESSION).await;
    let pen = product(&caller, &process.url).await;
    let mut answered = 0;
    for round in 0..kills() {
        let key = format!("round-{round}");
        let url = process.url.clone();
        let asked = (0..CALLERS).map(|_| try_to_place(&caller, &url, (&key, pen)));
        let killed = async {
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..40_000))).await;
            process.kill();
        };
        let (before, ()) = tokio::join!(join_all(asked), killed);
        process.restart().await;
        let after = place_at_last(&caller, &url, (&key, pen)).await;
        for text in before.iter().flatten() {
            assert_eq!(*text, after, "what was answered before the kill has happened");
            answered += 1;
        }
        let list = format!("{url}/api/orders?status=PENDING");
        assert_eq!(all(&caller, &list).await.len(), round + 1);
    }
    println!("{} kills, {answered} answers before them", kills());
    system.stop().await;
}
