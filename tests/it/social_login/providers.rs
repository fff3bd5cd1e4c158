//! Whatever a provider does wrong, nobody comes in, and the browser hears of it soon.

use tests::social::{Fault, NAMES, Somebody};

use super::{FRONT_END, World, is_signed_in, landed, verdict};

const FAILED: (&str, &str) = ("social_login_failed", "A010");
const AWAY: (&str, &str) = ("provider_unavailable", "A012");

/// Comes by a provider with this fault; nobody is let in, and it is said why.
async fn fails(world: &World, (provider, fault): (&str, Fault), expected: (&str, &str)) {
    world.providers.fault(fault);
    let (browser, answer) =
        world.come_by(provider, Somebody::with_email("1001", "somebody@naver.com")).await;
    let (error, code) = verdict(&answer);
    assert_eq!((error.as_str(), code.as_str()), expected, "{provider} {fault:?}");
    assert!(!is_signed_in(&browser), "{provider} {fault:?}");
    assert_eq!(browser.cookies.len(), 0, "{provider} {fault:?}: the state's cookie is gone");
    assert_eq!(world.users.accounts(), [], "{provider} {fault:?}");
    world.providers.fault(None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_at_any_provider_ends_at_the_front_end_with_its_code() {
    let world = World::start().await;
    let table = [
        (Fault::Denied, ("access_denied", "A010")),
        (Fault::TokenError, FAILED),
        (Fault::Token500, AWAY),
        (Fault::TokenGarbage, AWAY),
        (Fault::TokenRedirect, AWAY),
        (Fault::Userinfo500, AWAY),
        (Fault::Userinfo401, AWAY),
        (Fault::UserinfoGarbage, AWAY),
        (Fault::UserinfoShape, AWAY),
        (Fault::HugeUserinfo, AWAY),
    ];
    for provider in NAMES {
        for (fault, expected) in table {
            fails(&world, (provider, fault), expected).await;
        }
    }
    fails(&world, ("naver", Fault::NaverResultcode), AWAY).await;
    // None of that has left anything behind.
    let (_, answer) =
        world.come_by("google", Somebody::with_email("1001", "somebody@naver.com")).await;
    assert_eq!(landed(&answer).as_str(), FRONT_END);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_that_is_not_of_google_for_us_and_now_lets_nobody_in() {
    let world = World::start().await;
    for fault in [
        Fault::NoIdToken,
        Fault::WrongNonce,
        Fault::WrongAud,
        Fault::WrongIss,
        Fault::ExpiredIdToken,
        Fault::ForeignKey,
        Fault::Unsigned,
        Fault::SubMismatch,
    ] {
        fails(&world, ("google", fault), FAILED).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_keys_of_google_nobody_comes_in() {
    let world = World::start().await;
    fails(&world, ("google", Fault::Certs500), AWAY).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_it_is_another_is_refused_before_a_code_is_sent() {
    let world = World::start().await;
    world.providers.fault(Fault::MixupIss);
    let answer = world.browser().come_by("google").await;
    assert_eq!(answer.verdict(), (400, "A010"));
    assert_eq!(world.providers.token_requests(), 0);
    world.stop().await;
}

/// A slow one answers rightly after 30 s: a browser that waited for that would come in.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_slow_provider() {
    let world = World::start().await;
    for (provider, fault) in
        [("google", Fault::TokenSlow), ("naver", Fault::UserinfoSlow), ("kakao", Fault::TokenSlow)]
    {
        fails(&world, (provider, fault), AWAY).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_or_a_user_service_that_is_away_is_said_to_be() {
    let world = World::start().await;
    world.users.stop().await;
    let (browser, answer) =
        world.come_by("kakao", Somebody::with_email("1001", "somebody@naver.com")).await;
    let expected = ("temporarily_unavailable".to_owned(), "C008".to_owned());
    assert_eq!(verdict(&answer), expected);
    assert!(!is_signed_in(&browser));
    let mut browser = world.browser();
    let back = browser.at_provider(&browser.clone().leave_for("kakao").await).await;
    let url = browser.leave_for("kakao").await;
    let own = browser.at_provider(&url).await;
    world.providers.stop().await;
    assert_eq!(browser.get(&back).await.verdict(), (400, "A010"), "not this browser's");
    assert_eq!(verdict(&browser.get(&own).await), (AWAY.0.to_owned(), AWAY.1.to_owned()));
    world.stop().await;
}
