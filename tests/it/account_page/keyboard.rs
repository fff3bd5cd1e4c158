//! Without a mouse, at the width of a phone, in both languages.

use tests::chromium::PHONE;
use tests::system::System;

use super::{PASSWORD, mailbox, sign_up, visit, without_complaints};

/// Keys as WebDriver names them.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_done_by_keyboard_and_nothing_is_wider_than_a_phone() {
    let system = System::start().await;
    let email = "keys@hanbit.example";
    let browser = visit(&system, "en-US", PHONE).await;
    for language in ["en", "ko", "en"] {
        let wide = "return document.documentElement.scrollWidth - window.innerWidth";
        assert!(browser.run(wide).await.as_i64().unwrap() <= 0, "{language}: nothing sticks out");
        assert_eq!(browser.run("return document.documentElement.lang").await, language);
        browser.screenshot(&format!("login-{language}-phone")).await;
        if language != "en" || browser.run("return window.seen").await.is_null() {
            browser.run("window.seen = true; document.getElementById('language').focus()").await;
            browser.press(&ENTER.to_string()).await;
        }
    }
    // The title has the focus: e-mail, password, button, the first link.
    browser.run("document.getElementById('login-title').focus()").await;
    browser.press(&format!("{TAB}{TAB}{TAB}{TAB}{ENTER}")).await;
    browser.wait_for("#signup").await;
    browser.press(&format!("{email}{ENTER}")).await;
    browser.wait_for("#signup [name=code]").await;
    let code = mailbox(&system).code(1, email).await;
    browser.press(&format!("{code}{ENTER}")).await;
    browser.wait_for("#signup [name=password]").await;
    browser.press(&format!("Keys{TAB}{PASSWORD}{ENTER}")).await;
    browser.wait_for("#sessions .device").await;
    let wide = "return document.documentElement.scrollWidth - window.innerWidth";
    assert!(browser.run(wide).await.as_i64().unwrap() <= 0, "nothing sticks out");
    browser.screenshot("account-en-phone").await;
    // The title has the focus; the first button ends this very device.
    browser.press(&format!("{TAB}{ENTER}")).await;
    browser.wait_for_text("#notice", "You are logged out.").await;
    without_complaints(&browser).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_control_has_a_name_for_those_who_hear_the_page() {
    let system = System::start().await;
    let browser = visit(&system, "ko", PHONE).await;
    sign_up(&system, &browser, ("names@hanbit.example", 1)).await;
    browser.wait_for("#sessions .device").await;
    let nameless = browser
        .run(
            "return [...document.querySelectorAll('button, a, input')].filter((own) => \
             !(own.getAttribute('aria-label') || own.textContent.trim() || own.labels?.[0]?.textContent.trim())) \
             .map((own) => own.outerHTML)",
        )
        .await;
    assert_eq!(nameless, serde_json::json!([]), "without a name");
    let end = browser.run("return document.querySelector('#sessions button').ariaLabel").await;
    assert_eq!(end, "Chrome, Linux 끝내기");
    system.stop().await;
}
