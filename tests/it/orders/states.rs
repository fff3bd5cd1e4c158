//! What may become of an order, and for whom: states and versions.

use futures_util::future::join_all;
use reqwest::Method;
use tests::caller::send;
use tests::system::System;

use super::*;

async fn change_if(
    caller: &Caller,
    url: &str,
    (what, key): (&str, &str),
    if_match: &str,
) -> Answer {
    let request = caller.request(Method::POST, &format!("{url}/{what}"));
    send(request.header("Idempotency-Key", key).header("If-Match", if_match)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_forward_only() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    // Steps from PENDING, and what the last one is answered.
    let table: [(&[&str], (u16, &str), &str); 10] = [
        (&["settle"], (409, "O002"), "PENDING"),
        (&["pay"], (200, ""), "PAID"),
        (&["cancel"], (200, ""), "CANCELLED"),
        (&["pay", "pay"], (200, ""), "PAID"),
        (&["pay", "settle"], (200, ""), "SETTLED"),
        (&["pay", "cancel"], (200, ""), "CANCELLED"),
        (&["cancel", "pay"], (409, "O002"), "CANCELLED"),
        (&["pay", "settle", "cancel"], (409, "O002"), "SETTLED"),
        (&["pay", "settle", "pay"], (409, "O002"), "SETTLED"),
        (&["cancel", "settle"], (409, "O002"), "CANCELLED"),
    ];
    for (case, (steps, verdict, status)) in table.iter().enumerate() {
        let url = placed(&caller, &orders, (&format!("case-{case}"), pen)).await;
        let mut last = caller.get(&url).await;
        assert_eq!(last.header("etag"), "\"1\"");
        for (number, step) in steps.iter().enumerate() {
            let key = format!("{case}-{number}");
            last = match *step {
                "settle" => caller.settle_order(&url, &key, "s").await,
                change => caller.change_order(&url, &key, change).await,
            };
        }
        assert_eq!(last.verdict(), *verdict, "{steps:?}: {}", last.text);
        let now = caller.get(&url).await;
        assert_eq!(now.body["data"]["status"], *status, "{steps:?}");
        let version = now.body["data"]["version"].as_i64().unwrap();
        assert_eq!(now.header("etag"), format!("\"{version}\""));
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_holds_for_the_version_that_was_seen() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    let url = placed(&caller, &orders, ("k", pen)).await;
    for (number, stale) in ["\"2\"", "W/\"1\"", "\"x\"", "\"01\", \"7\""].iter().enumerate() {
        let answer = change_if(&caller, &url, ("pay", &format!("s-{number}")), stale).await;
        assert_eq!(answer.verdict(), (412, "O003"), "{stale}: {}", answer.text);
    }
    let nonsense = change_if(&caller, &url, ("pay", "n"), "1").await;
    assert_eq!(nonsense.verdict(), (400, "C001"), "{}", nonsense.text);
    let paid = change_if(&caller, &url, ("pay", "p"), "\"9\", \"1\"").await;
    assert_eq!((paid.status, paid.header("etag")), (200, "\"2\""), "{}", paid.text);
    assert_eq!(change_if(&caller, &url, ("cancel", "c"), "\"1\"").await.verdict(), (412, "O003"));
    assert_eq!(change_if(&caller, &url, ("cancel", "d"), "*").await.status, 200);
    let nowhere = format!("{orders}/api/orders/{}", uuid::Uuid::nil());
    assert_eq!(change_if(&caller, &nowhere, ("pay", "e"), "*").await.verdict(), (404, "O001"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_have_seen_the_same_version_one_changes_it() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    for round in 0..5 {
        let url = placed(&caller, &orders, (&format!("round-{round}"), pen)).await;
        let keys: Vec<_> = (0..10).map(|number| format!("{round}-{number}")).collect();
        let changes = keys.iter().enumerate().map(|(number, key)| {
            let what = if number % 2 == 0 { "pay" } else { "cancel" };
            change_if(&caller, &url, (what, key), "\"1\"")
        });
        let answers = join_all(changes).await;
        let winner = answers.iter().find(|answer| answer.status == 200).expect("one wins");
        for answer in &answers {
            let won = answer.text == winner.text;
            assert!(won || answer.verdict() == (412, "O003"), "{}", answer.text);
        }
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        let now = caller.get(&url).await;
        assert_eq!(now.header("etag"), "\"2\"");
    }
    system.stop().await;
}
