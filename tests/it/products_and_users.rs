//! Products, public and richer for whom we know; users, within their company.

use serde_json::json;
use tests::system::System;

const ONE: &str = r#"{"companyId":1,"userId":2}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_company_sees_its_own_prices_and_a_stranger_the_list() {
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
    assert_eq!(list[0]["name"], "펜");
    assert_eq!((&list[0]["unitPriceMinor"], list[0].get("companyPrice")), (&json!(150), None));
    let two = system.caller("order-service", r#"{"companyId":2,"userId":9}"#).await;
    let own = two.get(&products).await.body["data"]["products"][0]["companyPrice"].clone();
    assert_eq!(own, json!({"unitPriceMinor": 120, "currency": "USD"}));
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
