//! Google, Naver and Kakao from the page: in, a conflict, a no.

use tests::chromium::DESKTOP;
use tests::social::{Fault, Providers, Somebody};
use tests::system::System;

use super::{page, sign_up, visit, without_complaints};

async fn system_with(providers: &Providers) -> System {
    System::start_with(|options| options.social = providers.configured()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_comes_in_by_each_of_the_three_and_stays() {
    let providers = Providers::start().await;
    let system = system_with(&providers).await;
    for (number, name) in ["google", "naver", "kakao"].into_iter().enumerate() {
        providers.somebody(Somebody::with_email(
            &format!("77{number}"),
            &format!("{name}.fan@naver.com"),
        ));
        let browser = visit(&system, "ko", DESKTOP).await;
        browser.screenshot("providers-ko").await;
        browser.click(&format!("a.{name}")).await;
        browser.wait_for_text("#sessions .hint", &name.to_uppercase()).await;
        assert_eq!(browser.url().await, page(&system), "no token in the URL");
        browser.reload().await;
        browser.wait_for_text("#sessions .hint", &name.to_uppercase()).await;
        browser.screenshot(&format!("by-{name}-ko")).await;
        without_complaints(&browser).await;
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_says_by_whom_and_shows_the_way() {
    let providers = Providers::start().await;
    let system = system_with(&providers).await;
    let email = "taken@naver.com";
    providers.somebody(Somebody::with_email("881", email));
    let browser = visit(&system, "ko", DESKTOP).await;
    browser.click("a.google").await;
    browser.wait_for("#sessions .device").await;
    browser.click("#logout").await;
    providers.somebody(Somebody::with_email("882", email));
    browser.click("a.kakao").await;
    browser.wait_for_text("#notice.bad", "GOOGLE로 가입된 이메일입니다.").await;
    browser.wait_for("a.google.suggested").await;
    browser.screenshot("conflict-ko").await;
    assert_eq!(browser.url().await, page(&system), "said once");
    sign_up(&system, &browser, (email, 1)).await;
    browser.wait_for_text("#notice.bad", "GOOGLE로 가입된 이메일입니다.").await;
    browser.wait_for("a.google.suggested").await;
    providers.somebody(Somebody::with_email("881", email));
    browser.click("a.google").await;
    browser.wait_for_text("#sessions .hint", "GOOGLE").await;
    without_complaints(&browser).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_to_the_provider_is_back_at_the_page() {
    let providers = Providers::start().await;
    let system = system_with(&providers).await;
    providers.fault(Some(Fault::Denied));
    let browser = visit(&system, "en-US", DESKTOP).await;
    browser.click("a.google").await;
    browser.wait_for_text("#notice.bad", "You have cancelled.").await;
    browser.screenshot("denied-en").await;
    providers.fault(Some(Fault::Token500));
    browser.click("a.naver").await;
    browser.wait_for_text("#notice.bad", "The provider does not answer.").await;
    without_complaints(&browser).await;
    system.stop().await;
}
