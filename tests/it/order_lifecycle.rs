//! Orders: placed once, listed by pages, cancelled or settled, never both.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::caller::{Caller, send};
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
    let changes = [
        ("userId", json!(3)),
        ("product", json!("pencil")),
        ("quantity", json!(3)),
        ("unitPriceMinor", json!(151)),
        ("currency", json!("KRW")),
        ("paidAt", json!("2026-07-17T23:59:59.999998Z")),
    ];
    let mut rows: Vec<Value> = changes.iter().map(|_| paid("B", 17)).collect();
    for (row, (field, value)) in rows.iter_mut().zip(changes) {
        row[field] = value;
    }
    // Of the same sum.
    let mut other = paid("B", 17);
    (other["quantity"], other["unitPriceMinor"]) = (json!(3), json!(100));
    rows.extend([other, paid("A", 17)]);
    let again = import(&caller, &orders, rows).await;
    for changed in &again.as_array().unwrap()[..7] {
        assert_eq!(changed["error"], "there is another order of this number");
    }
    assert_eq!(again[7], json!({"orderNo": "A", "created": false, "error": null}));
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
    import(&neighbour, &orders, vec![paid("A", 17)]).await;
    let own = neighbour.place_order(&orders, "k-1", (pen, 3)).await;
    assert_eq!(own.status, 201, "{}", own.text);
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
    let cancel = caller.change_order(&one, "c-1", "cancel").await;
    assert_eq!(cancel.verdict(), (409, "O002"));
    for key in ["c-2", "c-2", "c-3"] {
        let cancelled = caller.change_order(&two, key, "cancel").await;
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
    let mut settle_first = false;
    for id in ids(&caller, &format!("{orders}/api/orders")).await {
        let url = format!("{orders}/api/orders/{id}");
        let settle = caller.settle_order(&url, "k", "s");
        let cancel = caller.change_order(&url, &id, "cancel");
        // The one that is sent first mostly wins, so they take turns.
        settle_first = !settle_first;
        let (settled, cancelled) = if settle_first {
            tokio::join!(settle, cancel)
        } else {
            let (cancelled, settled) = tokio::join!(cancel, settle);
            (settled, cancelled)
        };
        let mut statuses = [settled.status, cancelled.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
    system.stop().await;
}

/// From its first moment to before its last: months lie end to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_of_time_finds_what_was_paid_in_it_and_whose_it_is() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let moments = ["2026-06-30T23:59:59.999999Z", "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z"];
    let rows = moments.iter().zip(["before", "first", "after"]).map(|(at, order_no)| {
        let mut row = paid(order_no, 1);
        row["paidAt"] = json!(at);
        row
    });
    import(&caller, &orders, rows.collect()).await;
    let table = [
        ("paidFrom=2026-07-01&paidTo=2026-08-01", vec!["first"], json!([1])),
        ("paidFrom=2026-07-01T00:00:00.000001Z&paidTo=2026-08-01T00:00:00Z", vec![], json!([])),
        ("paidFrom=2026-08-01&paidTo=2026-07-01", vec![], json!([])),
        ("paidFrom=1970-01-01&paidTo=9999-12-31", vec!["before", "first", "after"], json!([1])),
    ];
    for (query, numbers, companies) in table {
        let list = caller.get(&format!("{orders}/api/orders?{query}")).await;
        let found = list.body["data"]["orders"].as_array().unwrap().iter();
        let found: Vec<&str> = found.map(|order| order["orderNo"].as_str().unwrap()).collect();
        assert_eq!(found, numbers, "{query}");
        let url = format!("{orders}/internal/settlements/companies?{query}");
        assert_eq!(caller.get(&url).await.body["data"]["companies"], companies, "{query}");
    }
    for bad in ["", "?paidFrom=2026-07-01", "?paidOn=2026-07-01&paidTo=2026-08-01"] {
        let url = format!("{orders}/internal/settlements/companies{bad}");
        assert_eq!(caller.get(&url).await.verdict(), (400, "C001"), "{bad}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_no_database_could_take_is_refused_before_it_is_asked() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let days = ["today", "-9999-01-01", "262143-12-31", "%2B262142-12-31", "1969-12-31", "%00"];
    let queries = [
        ("status", vec!["paid", "%00"]),
        ("limit", vec!["0", "201", "-1", "%00"]),
        ("cursor", vec!["", "%23", "AA", "eA", "%00"]),
        ("settlementId", vec!["", "%00", "a%00", "%FF", "a%20b", "%F0%9F%92%A9"]),
        ("paidOn", days.to_vec()),
        ("paidFrom", days.to_vec()),
        ("paidTo", days.to_vec()),
        ("x", vec!["1"]),
    ];
    let lists = queries.into_iter().flat_map(|(field, values)| {
        values.into_iter().map(move |value| (field, format!("/api/orders?{field}={value}")))
    });
    let companies = days.map(|day| format!("/internal/settlements/companies?paidOn={day}"));
    for (field, path) in lists.chain(companies.map(|path| ("paidOn", path))) {
        let answer = caller.get(&format!("{orders}{path}")).await;
        assert_eq!(answer.verdict(), (400, "C001"), "{path}");
        let named = &answer.body["data"]["fields"][0]["field"];
        assert!(named == field || named == "query", "{path}: {named}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_no_database_could_take_is_refused_before_it_is_asked() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    for id in ["%00", "x%00", "x", "%2e%2e%2fx", "018f%00", "%F0%9F%92%A9"] {
        let url = format!("{orders}/api/orders/{id}");
        assert_eq!(caller.get(&url).await.verdict(), (404, "O001"), "{id}");
        for change in ["pay", "cancel"] {
            let changed = caller.change_order(&url, "k", change).await;
            assert_eq!(changed.verdict(), (404, "O001"), "{id}");
        }
        assert_eq!(caller.settle_order(&url, "k", "s").await.verdict(), (404, "O001"), "{id}");
    }
    for name in ["", "\0", "a b", "펜"] {
        let url = format!("{orders}/api/orders/{}", uuid::Uuid::nil());
        assert_eq!(caller.settle_order(&url, "k", name).await.verdict(), (400, "C001"), "{name}");
    }
    for (product, quantity) in [(i64::MIN, 1), (0, 1), (i64::MAX, 1), (1, 0), (1, i32::MAX)] {
        let placed = caller.place_order(&orders, "k", (product, quantity)).await;
        assert_eq!(placed.verdict(), (400, "C001"), "{product} {quantity}");
    }
    let place = caller.request(Method::POST, &format!("{orders}/api/orders"));
    let place = place.header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    let placed = send(place.json(&json!({"items": [{"productId": 1, "quantity": 1}]}))).await;
    assert_eq!(placed.body["data"]["fields"][0]["field"], "Idempotency-Key");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_refuses_the_rows_that_no_database_could_take_and_takes_the_rest() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let bad = [
        ("orderNo", json!("B\u{0}")),
        ("orderNo", json!("가".repeat(201))),
        ("product", json!("pen\u{0}")),
        ("product", json!("")),
        ("quantity", json!(0)),
        ("unitPriceMinor", json!(-1)),
        ("unitPriceMinor", json!(i64::MAX)),
        ("currency", json!("WON")),
        ("currency", json!("KRW\u{0}")),
        ("paidAt", json!("-9999-01-01T00:00:00Z")),
        ("paidAt", json!("1969-12-31T23:59:59Z")),
        ("paidAt", json!("+10000-01-01T00:00:00Z")),
        ("paidAt", json!("+262142-12-31T23:59:59Z")),
    ];
    let mut rows: Vec<Value> = bad.iter().map(|_| paid("B", 17)).collect();
    for (row, (field, value)) in rows.iter_mut().zip(&bad) {
        row[field] = value.clone();
    }
    let (mut first, mut last) = (paid("first", 17), paid("last", 17));
    first["paidAt"] = json!("1970-01-01T00:00:00Z");
    last["paidAt"] = json!("9999-12-31T23:59:59.999999999Z");
    rows.extend([first, last]);
    let outcomes = import(&caller, &orders, rows).await;
    for (outcome, (field, value)) in outcomes.as_array().unwrap().iter().zip(&bad) {
        let error = outcome["error"].as_str().unwrap_or_default();
        assert!(error.starts_with(&format!("{field}: ")), "{field} {value}: {outcome}");
    }
    for (day, order_no) in [("1970-01-01", "first"), ("9999-12-31", "last")] {
        let list = caller.get(&format!("{orders}/api/orders?paidOn={day}")).await;
        assert_eq!(list.body["data"]["orders"][0]["orderNo"], order_no, "{}", list.text);
        let companies = format!("{orders}/internal/settlements/companies?paidOn={day}");
        assert_eq!(caller.get(&companies).await.body["data"]["companies"], json!([1]));
    }
    assert_eq!(ids(&caller, &format!("{orders}/api/orders")).await.len(), 2);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_too_many_orders_or_bytes_is_refused() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let many = (0..501).map(|number| paid(&format!("N-{number}"), 17)).collect::<Vec<_>>();
    let url = format!("{orders}/internal/orders/import");
    let answer = caller.post_json(&url, &json!({ "orders": many })).await;
    assert_eq!(answer.verdict(), (400, "C001"));
    let huge = caller.post_json(&url, &json!({ "orders": "x".repeat(2 * 1024 * 1024) })).await;
    assert_eq!(huge.verdict(), (413, "C005"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_imports_of_the_same_orders_in_opposite_order_at_once_both_succeed() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    for round in 0..5 {
        let row = |number: usize| {
            let mut row = paid(&format!("{round}-{number}"), 17);
            // Products in opposite order as well.
            row["product"] = json!(format!("pen {round}-{}", number % 20));
            row
        };
        let rows: Vec<Value> = (0..200).map(row).collect();
        let reversed: Vec<Value> = rows.iter().rev().cloned().collect();
        let (there, back) =
            tokio::join!(import(&caller, &orders, rows), import(&caller, &orders, reversed));
        let (there, back) = (there.as_array().unwrap(), back.as_array().unwrap());
        for (number, (one, other)) in there.iter().zip(back.iter().rev()).enumerate() {
            assert_eq!(one["orderNo"], format!("{round}-{number}"));
            assert_eq!(other["orderNo"], one["orderNo"]);
            assert_eq!((&one["error"], &other["error"]), (&Value::Null, &Value::Null));
            assert_ne!(one["created"], other["created"], "one of them has made it");
        }
    }
    let mut url = format!("{orders}/api/orders?limit=200");
    let mut found = 0;
    loop {
        let page = caller.get(&url).await;
        found += page.body["data"]["orders"].as_array().unwrap().len();
        let Some(cursor) = page.body["data"]["nextCursor"].as_str() else { break };
        url = format!("{orders}/api/orders?limit=200&cursor={cursor}");
    }
    assert_eq!(found, 5 * 200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_import_with_the_longest_names_is_taken() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let caller = system.caller("order-service", SESSION).await;
    let long = |number: usize| format!("{}{number:03}", "가".repeat(197));
    let rows = (0..500).map(|number| {
        let mut row = paid(&long(number), 17);
        row["product"] = json!(long(number));
        row
    });
    let outcomes = import(&caller, &orders, rows.collect()).await;
    let outcomes = outcomes.as_array().unwrap();
    assert_eq!(outcomes.len(), 500);
    for (number, outcome) in outcomes.iter().enumerate() {
        let expected = json!({"orderNo": long(number), "created": true, "error": null});
        assert_eq!(outcome, &expected);
    }
    system.stop().await;
}
