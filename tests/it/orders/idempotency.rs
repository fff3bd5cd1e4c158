//! One key, one effect, one answer.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::caller::{Caller, send};
use tests::people::People;
use tests::system::System;
use tests::visitor::Visitor;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_equal_requests_at_once_place_one_order_and_get_one_answer() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    let asked = (0..200).map(|_| caller.place_order(&orders, "once", (pen, 3)));
    let answers = join_all(asked).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
        assert_eq!(answer.header("etag"), "\"1\"");
    }
    let replayed = |answer: &&Answer| answer.header("idempotent-replayed") == "true";
    assert_eq!(answers.iter().filter(replayed).count(), 199);
    let pending = all(&caller, &format!("{orders}/api/orders?status=PENDING")).await;
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0]["id"], id_of(&answers[0]));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_replayed_as_it_was_whatever_has_become_of_the_order() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    let first = caller.place_order(&orders, "k", (pen, 3)).await;
    let url = format!("{orders}/api/orders/{}", id_of(&first));
    let paid = caller.change_order(&url, "p", "pay").await;
    assert_eq!((paid.status, paid.header("etag")), (200, "\"2\""), "{}", paid.text);
    assert_eq!(caller.place_order(&orders, "k", (pen, 3)).await.text, first.text);
    assert_eq!(caller.change_order(&url, "c", "cancel").await.status, 200);
    assert_eq!(caller.change_order(&url, "p", "pay").await.text, paid.text);
    assert_eq!(caller.change_order(&url, "p", "cancel").await.verdict(), (422, "O004"));
    assert_eq!(caller.place_order(&orders, "k", (pen, 4)).await.verdict(), (422, "O004"));
    let colleague = system.caller("order-service", r#"{"companyId":1,"userId":3}"#).await;
    assert_eq!(colleague.place_order(&orders, "k", (pen, 3)).await.verdict(), (422, "O004"));
    let neighbour = system.caller("order-service", r#"{"companyId":9,"userId":2}"#).await;
    product(&neighbour, &orders).await;
    let own = neighbour.place_order(&orders, "k", (pen, 3)).await;
    assert_eq!(own.status, 201, "{}", own.text);
    assert_ne!(id_of(&own), id_of(&first));
    system.stop().await;
}

/// The request that failed has not happened, and its key is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_request_that_was_refused_can_be_used_again() {
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    assert_eq!(caller.place_order(&orders, "k", (999_999, 1)).await.verdict(), (400, "C001"));
    assert_eq!(caller.place_order(&orders, "k", (pen, 1)).await.status, 201);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_to_name_its_writes_and_a_person_need_not() {
    let people = People::start();
    let user_url = people.url.parse().ok();
    let system = System::start_with(|options| options.user_url = user_url).await;
    let (program, orders, pen) = buyer(&system).await;
    let person = Visitor::logged_in(&system.services.auth.url(), 2).await;
    let person = Caller::new(Some(person.access));
    product(&system.caller("order-service", r#"{"companyId":100,"userId":2}"#).await, &orders)
        .await;
    let body = json!({"items": [{"productId": pen, "quantity": 1}]});
    let refused = program.post_json(&format!("{orders}/api/orders"), &body).await;
    assert_eq!(refused.verdict(), (400, "C001"), "{}", refused.text);
    assert_eq!(refused.body["data"]["fields"][0]["field"], "Idempotency-Key");
    assert_eq!(refused.body["data"]["fields"][0]["rule"], "required");
    let places = format!("{orders}/api/orders");
    let two = [(); 2].map(|()| person.post_json(&places, &body));
    let two = join_all(two).await;
    assert!(two.iter().all(|answer| answer.status == 201), "{}", two[0].text);
    assert_ne!(id_of(&two[0]), id_of(&two[1]), "without a name they are two");
    let url = format!("{orders}/api/orders/{}", id_of(&two[0]));
    for change in ["pay", "cancel"] {
        let bare = program.request(Method::POST, &format!("{url}/{change}"));
        assert_eq!(send(bare).await.verdict(), (400, "C001"));
        let bare = person.request(Method::POST, &format!("{url}/{change}"));
        assert_eq!(send(bare).await.status, 200);
    }
    system.stop().await;
    people.stop().await;
}

/// Somebody else holds the key's place in the index, as a request that is still at work does.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_like_is_still_running_is_told_so_in_time() {
    use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
    if !tests::backend::on_servers() {
        return;
    }
    let system = System::start().await;
    let (caller, orders, pen) = buyer(&system).await;
    let url = &system.options.databases.order;
    let mut other = AsyncPgConnection::establish(url).await.unwrap();
    let hold = "BEGIN; SET LOCAL baton.company_id = '1'; INSERT INTO idempotent_requests
        VALUES (1, 'held', 'x', NULL, now())";
    other.batch_execute(hold).await.unwrap();
    let told = caller.place_order(&orders, "held", (pen, 1)).await;
    assert_eq!(told.verdict(), (409, "O005"), "{}", told.text);
    assert_eq!(told.header("retry-after"), "1");
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(caller.place_order(&orders, "held", (pen, 1)).await.status, 201);
    system.stop().await;
}
