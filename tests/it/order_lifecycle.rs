//! Orders: placed once, listed by pages, cancelled or settled, never both.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::caller::Caller;
use tests::system::System;

const SESSION: &str = r#"{"companyId":1,"userId":2}"#;

fn paid(order_no: &str, day: u32) -> Value {
    json!({
        "orderNo": order_no, "userId": 2, "product": "pen", "quantity": 2, "unitPriceMinor": 150,
        "currency": "USD", "paidAt": format!("2026-07-{day:02}T23:59:59.999999Z")
    })
}

async fn import(caller: &Caller, orders: &str, rows: Vec<Value>) -> Value {
    let url = format!("{orders}/internal/orders/import");
    let answer = caller.post_json(&url, &json!({ "orders": rows })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["data"]["orders"].clone()
}

async fn ids(caller: &Caller, url: &str) -> Vec<String> {
    let list = caller.get(url).await;
    let orders = list.body["data"]["orders"].as_array().expect("orders").clone();
    orders.iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_imported_twice_is_there_once_and_a_different_one_of_its_number_is_named() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let first = import(&caller, &orders, vec![paid("A", 17), paid("B", 17)]).await;
    assert_eq!((&first[0]["created"], &first[1]["created"]), (&json!(true), &json!(true)));
    let mut changed = paid("B", 17);
    changed["quantity"] = json!(3);
    let mut bad = paid("C", 17);
    bad["currency"] = json!("WON");
    let again = import(&caller, &orders, vec![paid("A", 17), changed, bad]).await;
    assert_eq!(again[0], json!({"orderNo": "A", "created": false, "error": null}));
    assert_eq!(again[1]["error"], "there is another order of this number");
    assert!(again[2]["error"].as_str().unwrap().contains("currency"));
    assert_eq!(ids(&caller, &format!("{orders}/api/orders")).await.len(), 2);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_filters_find_every_order_once() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let rows = (0..25).map(|number| paid(&format!("N-{number}"), 16 + number % 2)).collect();
    import(&caller, &orders, rows).await;
    let mut found = Vec::new();
    let mut url = format!("{orders}/api/orders?limit=10&paidOn=2026-07-16");
    loop {
        let page = caller.get(&url).await;
        let list = page.body["data"]["orders"].as_array().unwrap();
        assert!(list.iter().all(|order| order["paidAt"] == "2026-07-16T23:59:59.999999Z"));
        found.extend(list.iter().map(|order| order["orderNo"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.body["data"]["nextCursor"].as_str() else { break };
        url = format!("{orders}/api/orders?limit=10&paidOn=2026-07-16&cursor={cursor}");
    }
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 13);
    assert_eq!(ids(&caller, &format!("{orders}/api/orders?status=SETTLED")).await.len(), 0);
    for bad in ["status=paid", "limit=0", "limit=201", "cursor=%23", "paidOn=today", "x=1"] {
        let answer = caller.get(&format!("{orders}/api/orders?{bad}")).await;
        assert_eq!(answer.verdict(), (400, "C001"), "{bad}");
        assert!(answer.body["data"]["fields"][0]["field"].is_string(), "{bad}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_requests_of_one_name_place_one_order() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    import(&caller, &orders, vec![paid("A", 17)]).await;
    let products = caller.get(&format!("{orders}/api/products")).await;
    let pen = products.body["data"]["products"][0]["id"].as_i64().unwrap();
    let placed = join_all((0..20).map(|_| caller.place_order(&orders, "k-1", (pen, 3)))).await;
    for answer in &placed {
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.body["data"]["id"], placed[0].body["data"]["id"]);
        assert_eq!(answer.body["data"]["totalMinor"], 450);
    }
    assert_eq!(ids(&caller, &format!("{orders}/api/orders?status=PENDING")).await.len(), 1);
    let other = caller.place_order(&orders, "k-1", (pen, 4)).await;
    assert_eq!(other.verdict(), (422, "O004"));
    let unknown = caller.place_order(&orders, "k-2", (999_999, 1)).await;
    assert_eq!(unknown.verdict(), (400, "C001"));
    let neighbour = system.caller("order-service", r#"{"companyId":9,"userId":2}"#).await;
    let own = neighbour.place_order(&orders, "k-1", (pen, 3)).await;
    assert_ne!(own.body["data"]["id"], placed[0].body["data"]["id"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_settled_once_and_the_same_request_is_answered_alike() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    import(&caller, &orders, vec![paid("A", 17), paid("B", 17)]).await;
    let ids = ids(&caller, &format!("{orders}/api/orders")).await;
    let (one, two) =
        (format!("{orders}/api/orders/{}", ids[0]), format!("{orders}/api/orders/{}", ids[1]));
    let first = caller.settle_order(&one, "k", "s-1").await;
    assert_eq!((first.status, &first.body["data"]["status"]), (200, &json!("SETTLED")));
    let again = caller.settle_order(&one, "k", "s-1").await;
    assert_eq!(again.body["data"], first.body["data"]);
    assert_eq!(caller.settle_order(&one, "k", "s-2").await.verdict(), (422, "O004"));
    assert_eq!(caller.settle_order(&one, "other", "s-1").await.verdict(), (409, "O002"));
    let cancel = caller.post_json(&format!("{one}/cancel"), &json!({})).await;
    assert_eq!(cancel.verdict(), (409, "O002"));
    for _ in 0..2 {
        let cancelled = caller.post_json(&format!("{two}/cancel"), &json!({})).await;
        assert_eq!(cancelled.body["data"]["status"], "CANCELLED");
    }
    assert_eq!(caller.settle_order(&two, "k2", "s-1").await.verdict(), (409, "O002"));
    let unnamed = caller.post_json(&format!("{one}/settle"), &json!({"settlementId": "s"})).await;
    assert_eq!(unnamed.verdict(), (400, "C001"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_settlement_and_a_cancellation_at_once_one_wins() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let rows = (0..20).map(|number| paid(&format!("N-{number}"), 17)).collect();
    import(&caller, &orders, rows).await;
    for id in ids(&caller, &format!("{orders}/api/orders")).await {
        let url = format!("{orders}/api/orders/{id}");
        let (cancel_url, nothing) = (format!("{url}/cancel"), json!({}));
        let settle = caller.settle_order(&url, "k", "s");
        let cancel = caller.post_json(&cancel_url, &nothing);
        let (settled, cancelled) = tokio::join!(settle, cancel);
        let mut statuses = [settled.status, cancelled.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
    system.stop().await;
}
