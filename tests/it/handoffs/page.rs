//! The account page says what services will do later, and calls it back.

use tests::chromium::{DESKTOP, PHONE};
use tests::handoffs::{Parties, refused};
use tests::system::System;

use crate::account_page::{sign_up, visit, without_complaints};
use crate::accounts::log_in;

#[tokio::test(flavor = "multi_thread")]
async fn somebody_sees_what_is_done_for_him_and_calls_it_back() {
    for (language, size, title, executor, said) in [
        (
            "en",
            DESKTOP,
            "What is done for you",
            "by worker, asked for at shop",
            "nightly is called back.",
        ),
        (
            "ko",
            PHONE,
            "맡겨 둔 작업",
            "worker 실행 (shop에서 요청)",
            "nightly 작업을 취소했습니다.",
        ),
    ] {
        let system = System::start().await;
        let parties = Parties::of(&system).await;
        let browser = visit(&system, language, size).await;
        sign_up(&system, &browser, ("min@hanbit.example", 1)).await;
        browser.wait_for("#sessions .device").await;
        let hidden = "return document.querySelector('#handed-on').hidden";
        assert_eq!(browser.run(hidden).await, true, "nothing is shown of nothing");
        // He logs in elsewhere, too: that token is what a service receives.
        let login = log_in(&system, "min@hanbit.example").await;
        let subject = login.body["data"]["accessToken"].as_str().unwrap();
        let id = parties.handed_on(subject, &[("max_uses", "3")]).await;
        browser.reload().await;
        browser.wait_for_text("#handed-on h2", title).await;
        browser.wait_for_text("#handoffs .device", "nightly").await;
        browser.wait_for_text("#handoffs .hint", executor).await;
        browser.screenshot(&format!("handed-on-{language}")).await;
        browser.click("#handoffs button").await;
        browser.wait_for_text("#notice", said).await;
        let answer = parties.redeem(&id, &[]).await;
        assert_eq!(refused(&answer), (400, "invalid_grant", "ended"));
        assert_eq!(answer.body["ended_by"], "USER");
        assert_eq!(browser.run(hidden).await, true);
        without_complaints(&browser).await;
        system.stop().await;
    }
}
