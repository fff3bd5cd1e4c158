//! The page, in a real browser.

use tests::chromium::{Chromium, DESKTOP, PHONE};
use tests::system::System;

use super::{SERVICES, document, root};

const SHOWN: &str =
    "return [...document.querySelectorAll('details.operation')].map((one) => one.id)";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_every_operation_and_asks_nobody_but_its_service() {
    let system = System::start().await;
    let browser = Chromium::start("en-US", DESKTOP).await;
    for (service, _) in SERVICES {
        let root = root(&system, service);
        // What the browser shows before anything was opened.
        browser.requests().await;
        browser.open(&format!("{root}/docs")).await;
        browser.wait_for("details.operation").await;
        let shown = browser.run(SHOWN).await;
        let document = document(service);
        let operations = document.operations();
        assert_eq!(shown.as_array().unwrap().len(), operations.len(), "{service}");
        for operation in &operations {
            assert!(
                shown.as_array().unwrap().contains(&operation.body["operationId"]),
                "{service}"
            );
        }
        browser.click("#open-all").await;
        let open = "return document.querySelectorAll('details.operation[open] .answer.bad').length";
        assert!(browser.run(open).await.as_u64().unwrap() >= operations.len() as u64, "{service}");
        // Whatever is folded up is put together without an error.
        browser.run("document.querySelectorAll('details').forEach((one) => one.fill())").await;
        for url in browser.requests().await {
            assert!(url.starts_with(&root) || url == "data:,", "{url} is somebody else's");
        }
        let complaints = browser.complaints().await;
        assert!(complaints.is_empty(), "{complaints:?}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_found_by_its_name_its_code_and_its_address() {
    let system = System::start().await;
    let url = format!("{}/docs", system.services.order.url());
    let browser = Chromium::start("en-US", DESKTOP).await;
    browser.open(&format!("{url}#placeOrder")).await;
    browser.wait_for("#placeOrder[open] pre").await;
    browser.wait_for_text("#placeOrder", "Idempotency-Key").await;
    browser.wait_for_text("#placeOrder", "curl -X POST").await;
    browser.screenshot("docs-order").await;
    browser.run("document.activeElement.blur()").await;
    browser.press("/O003").await;
    let found = "return [...document.querySelectorAll('details.operation:not([hidden])')].map((one) => one.id).sort()";
    assert_eq!(
        browser.run(found).await,
        serde_json::json!(["cancelOrder", "payOrder", "settleOrder"])
    );
    browser.fill("#search", "no such thing").await;
    browser.wait_for("#none").await;
    browser.click("#theme").await;
    let wide = "return document.documentElement.scrollWidth - window.innerWidth";
    let phone = Chromium::start("en-US", PHONE).await;
    phone.open(&format!("{url}#listOrders")).await;
    phone.wait_for("#listOrders[open] pre").await;
    assert!(phone.run(wide).await.as_i64().unwrap() <= 0, "nothing sticks out");
    phone.screenshot("docs-order-phone").await;
    assert!(browser.complaints().await.is_empty() && phone.complaints().await.is_empty());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_may_run_nothing_but_its_own_script() {
    let system = System::start().await;
    for (service, _) in SERVICES {
        for path in ["/docs", "/docs/docs.js", "/docs/docs.css", "/openapi.json"] {
            let answer = system.stranger().get(&format!("{}{path}", root(&system, service))).await;
            let policy = answer.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self'"),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(
                !answer.text.contains("<script>") && !answer.text.contains("style=\""),
                "{path}"
            );
        }
    }
    system.stop().await;
}
