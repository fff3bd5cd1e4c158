//! Lists: what is filtered, in which order, and what a page misses while orders come in.

use std::collections::BTreeSet;
use std::time::Duration;

use tests::system::System;

use super::*;

fn ids(orders: &[Value]) -> Vec<String> {
    orders.iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_both_directions_show_each_order_once_while_others_are_placed() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    for number in 0..23 {
        placed(&caller, &orders, (&format!("n-{number}"), pen)).await;
    }
    let before = ids(&all(&caller, &format!("{orders}/api/orders?limit=200")).await);
    assert!(before.is_sorted());
    for direction in ["oldest", "newest"] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let url = format!("{orders}/api/orders?limit=5&order={direction}{cursor}");
            let page = caller.get(&url).await;
            seen.extend(ids(page.body["data"]["orders"].as_array().unwrap()));
            pages += 1;
            let Some(next) = page.body["data"]["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
            placed(&caller, &orders, (&format!("{direction}-{pages}"), pen)).await;
        }
        let distinct: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "{direction}: none twice");
        assert!(before.iter().all(|id| distinct.contains(id)), "{direction}: none missed");
        assert_eq!(direction == "oldest", seen.is_sorted());
    }
    let wrong = caller.get(&format!("{orders}/api/orders?order=cheapest")).await;
    assert_eq!(wrong.verdict(), (400, "C001"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_by_status_user_and_time_can_be_combined() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    let colleague = system.caller("order-service", r#"{"companyId":1,"userId":3}"#).await;
    let early = placed(&caller, &orders, ("early", pen)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let middle = placed(&colleague, &orders, ("middle", pen)).await;
    let at = caller.get(&middle).await.body["data"]["createdAt"].as_str().unwrap().to_owned();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let late = placed(&colleague, &orders, ("late", pen)).await;
    assert_eq!(caller.change_order(&late, "pay", "pay").await.status, 200);
    let id = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    let (early, middle, late) = (id(&early), id(&middle), id(&late));
    let table = [
        (format!("userId=3&placedFrom={at}"), vec![&middle, &late]),
        (format!("userId=3&placedTo={at}"), vec![]),
        (format!("status=PENDING&placedTo={at}"), vec![&early]),
        (format!("placedFrom={at}&status=PAID"), vec![&late]),
        (format!("placedFrom={at}&order=newest"), vec![&late, &middle]),
        ("userId=3&status=PENDING".to_owned(), vec![&middle]),
        ("userId=4".to_owned(), vec![]),
        ("placedTo=2026-01-01".to_owned(), vec![]),
        ("placedFrom=9999-12-31".to_owned(), vec![]),
        ("placedFrom=1970-01-01&userId=3".to_owned(), vec![&middle, &late]),
    ];
    for (query, expected) in table {
        let found = ids(&all(&caller, &format!("{orders}/api/orders?{query}")).await);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    for query in ["placedFrom=yesterday", "userId=0", "userId=x", "placedTo=1969-12-31"] {
        let wrong = caller.get(&format!("{orders}/api/orders?{query}")).await;
        assert_eq!(wrong.verdict(), (400, "C001"), "{query}");
    }
    system.stop().await;
}
