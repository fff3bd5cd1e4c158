//! Orders under retries, races and kills: placed once, paid once, each with one receipt.

mod idempotency;
mod kills;
mod lists;
pub mod receipts;
mod states;

use serde_json::{Value, json};
use tests::caller::{Answer, Caller};
use tests::system::System;

pub const SESSION: &str = r#"{"companyId":1,"userId":2}"#;

/// A product that company and user have a price for, at order-service there.
async fn product(caller: &Caller, orders: &str) -> i64 {
    let row = json!({
        "orderNo": "first", "userId": 2, "product": "pen", "quantity": 1, "unitPriceMinor": 150,
        "currency": "KRW", "paidAt": "2026-07-17T00:00:00Z",
    });
    let url = format!("{orders}/internal/orders/import");
    let imported = caller.post_json(&url, &json!({ "orders": [row] })).await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let products = caller.get(&format!("{orders}/api/products")).await;
    products.body["data"]["products"][0]["id"].as_i64().expect("a product")
}

/// Somebody at order-service, and a product for him.
pub async fn buyer(system: &System) -> (Caller, String, i64) {
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let pen = product(&caller, &orders).await;
    (caller, orders, pen)
}

/// Places an order, and gives its URL.
pub async fn placed(caller: &Caller, orders: &str, (key, product): (&str, i64)) -> String {
    let answer = caller.place_order(orders, key, (product, 1)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    format!("{orders}/api/orders/{}", id_of(&answer))
}

fn id_of(answer: &Answer) -> String {
    answer.body["data"]["id"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

/// All orders that a list shows, page by page.
async fn all(caller: &Caller, url: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("{url}{cursor}")).await;
        found.extend(page.body["data"]["orders"].as_array().expect(&page.text).clone());
        match page.body["data"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}
