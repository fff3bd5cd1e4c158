//! Products, public and richer for whom we know; users, within their company.

use serde_json::json;
use tests::system::System;

const ONE: &str = r#"{"companyId":1,"userId":2}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_company_sees_its_own_prices_and_nobody_sees_those_of_another() {
    let system = System::start().await;
    let orders = system.services.order.url();
    let products = format!("{orders}/api/products");
    assert_eq!(system.stranger().get(&products).await.body["data"]["products"], json!([]));
    for (company, price) in [(1, 150), (2, 120)] {
        let session = format!(r#"{{"companyId":{company},"userId":2}}"#);
        let caller = system.caller("order-service", &session).await;
        let body = json!({"orders": [{
            "orderNo": "A", "userId": 2, "product": "펜", "quantity": 1, "unitPriceMinor": price,
            "currency": "USD", "paidAt": "2026-07-17T00:00:00Z"
        }]});
        caller.post_json(&format!("{orders}/internal/orders/import"), &body).await;
    }
    let list = system.stranger().get(&products).await.body["data"]["products"].clone();
    let pen = list[0]["id"].as_i64().unwrap();
    let name_only = json!([{"id": pen, "name": "펜"}]);
    assert_eq!(list, name_only);
    for (company, price) in [(1, 150), (2, 120)] {
        let session = format!(r#"{{"companyId":{company},"userId":9}}"#);
        let caller = system.caller("order-service", &session).await;
        let list = caller.get(&products).await.body["data"]["products"].clone();
        let own = json!({"unitPriceMinor": price, "currency": "USD"});
        assert_eq!(list, json!([{"id": pen, "name": "펜", "companyPrice": own}]));
        let placed = caller.place_order(&orders, "k", (pen, 2)).await;
        assert_eq!((placed.status, &placed.body["data"]["totalMinor"]), (201, &json!(price * 2)));
    }
    let third = system.caller("order-service", r#"{"companyId":3,"userId":9}"#).await;
    assert_eq!(third.get(&products).await.body["data"]["products"], name_only);
    let refused = third.place_order(&orders, "k", (pen, 1)).await;
    assert_eq!(refused.verdict(), (400, "C001"));
    let field = &refused.body["data"]["fields"][0];
    assert_eq!(field["field"], "items.productId");
    assert_eq!(field["message"], "has no price for this company");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_imported_once_and_found_within_their_company_only() {
    let system = System::start().await;
    let users = system.services.user.url();
    let import = format!("{users}/internal/users/import");
    let one = system.caller("user-service", ONE).await;
    let body = json!({"users": [
        {"email": "Min.Seo@Hanbit.example", "name": "서민"}, {"email": "b@hanbit.example"},
        {"email": "not an address"}
    ]});
    let first = one.post_json(&import, &body).await.body["data"]["users"].clone();
    assert_eq!((&first[0]["created"], &first[1]["created"]), (&json!(true), &json!(true)));
    assert_eq!(first[2]["error"], "not an e-mail address");
    let again = one.post_json(&import, &body).await.body["data"]["users"].clone();
    assert_eq!((&again[0]["id"], &again[0]["created"]), (&first[0]["id"], &json!(false)));

    let found = one.get(&format!("{users}/api/users/{}", first[0]["id"])).await;
    assert_eq!(found.body["data"]["email"], "min.seo@hanbit.example");
    assert_eq!(found.body["data"]["name"], "서민");
    let two = system.caller("user-service", r#"{"companyId":2,"userId":9}"#).await;
    let missing = two.get(&format!("{users}/api/users/{}", first[0]["id"])).await;
    assert_eq!(missing.verdict(), (404, "U002"));
    let taken = two.post_json(&import, &body).await.body["data"]["users"].clone();
    assert_eq!(taken[0]["error"], "registered with another company");

    let ids = format!("{},{}", first[0]["id"], first[1]["id"]);
    for (caller, expected) in [(&one, 2), (&two, 0)] {
        let list = caller.get(&format!("{users}/api/users?ids={ids}")).await;
        assert_eq!(list.body["data"]["users"].as_array().unwrap().len(), expected);
    }
    let page = one.get(&format!("{users}/api/users?limit=1")).await;
    let cursor = page.body["data"]["nextCursor"].as_str().unwrap();
    let next = one.get(&format!("{users}/api/users?limit=1&cursor={cursor}")).await;
    assert_eq!(next.body["data"]["users"][0]["email"], "b@hanbit.example");
    let me = format!(r#"{{"companyId":1,"userId":{}}}"#, first[1]["id"]);
    let me = system.caller("user-service", &me).await;
    let profile = me.get(&format!("{users}/api/me")).await;
    assert_eq!(profile.body["data"]["email"], "b@hanbit.example");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_database_could_take_of_a_user_is_refused_before_it_is_asked() {
    let system = System::start().await;
    let users = system.services.user.url();
    let one = system.caller("user-service", ONE).await;
    let table = [
        ("/api/users/%00", (404, "U002")),
        ("/api/users/0", (404, "U002")),
        ("/api/users/9223372036854775808", (404, "U002")),
        ("/api/users?cursor=AA", (400, "C001")),
        ("/api/users?cursor=%00", (400, "C001")),
        ("/api/users?limit=-1", (400, "C001")),
        ("/api/users?ids=%00", (400, "C001")),
        ("/api/users?ids=9223372036854775808", (400, "C001")),
    ];
    for (path, verdict) in table {
        assert_eq!(one.get(&format!("{users}{path}")).await.verdict(), verdict, "{path}");
    }
    let import = format!("{users}/internal/users/import");
    let no_name = "a name has 1 to 200 characters and no controls";
    let rows = [
        (json!({"email": "a@b.example", "name": "a\u{0}b"}), json!(no_name)),
        (json!({"email": "a@b.example", "name": "가".repeat(201)}), json!(no_name)),
        (json!({"email": "a\u{0}@b.example"}), json!("not an e-mail address")),
        (
            json!({"email": format!("{}@b.example", "x".repeat(300))}),
            json!("not an e-mail address"),
        ),
        (json!({"email": "a@b.example", "name": "가".repeat(200)}), json!(null)),
    ];
    let body: Vec<_> = rows.iter().map(|(row, _)| row).collect();
    let answer = one.post_json(&import, &json!({ "users": body })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (outcome, (row, error)) in
        answer.body["data"]["users"].as_array().unwrap().iter().zip(&rows)
    {
        assert_eq!((&outcome["email"], &outcome["error"]), (&row["email"], error));
        assert_eq!(outcome["created"], error.is_null());
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_import_of_users_with_the_longest_names_is_taken() {
    let system = System::start().await;
    let users = system.services.user.url();
    let one = system.caller("user-service", ONE).await;
    let row = |number| json!({"email": format!("{number}@b.example"), "name": "가".repeat(200)});
    let import = format!("{users}/internal/users/import");
    for (count, verdict) in [(500, (200, "")), (501, (400, "C001"))] {
        let rows: Vec<_> = (0..count).map(row).collect();
        let answer = one.post_json(&import, &json!({ "users": rows })).await;
        assert_eq!(answer.verdict(), verdict, "{}", answer.text);
    }
    system.stop().await;
}
