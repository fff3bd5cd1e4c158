//! What a browser brings back has to belong to what it has begun.

use auth_service::config::Config;
use tests::browser::{Browser, Kept};
use tests::caller::Answer;
use tests::social::{Fault, Somebody};
use url::Url;

use super::{FRONT_END, World, is_signed_in, landed, verdict};

const REFUSED: (u16, &str) = (400, "A010");

/// The callback with one parameter changed; None takes it away.
fn with(back: &str, name: &str, value: Option<&str>) -> String {
    let url: Url = format!("https://auth.example{back}").parse().unwrap();
    let others = url.query_pairs().filter(|(own, _)| own != name);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(others);
    if let Some(value) = value {
        query.append_pair(name, value);
    }
    format!("{}?{}", url.path(), query.finish())
}

fn state_of(back: &str) -> String {
    let url: Url = format!("https://auth.example{back}").parse().unwrap();
    url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

/// A browser that has been at a provider, and where it was sent back to.
async fn sent_back(world: &World, provider: &str) -> (Browser, String) {
    let mut browser = world.browser();
    let url = browser.leave_for(provider).await;
    let back = browser.at_provider(&url).await;
    (browser, back)
}

fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.verdict(), REFUSED, "{what}: {}", answer.text);
    assert_eq!((answer.header("location"), answer.header("set-cookie")), ("", ""), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_browser_has_not_begun_is_refused_before_a_code_is_sent_anywhere() {
    let world = World::start().await;
    let (browser, back) = sent_back(&world, "google").await;
    let (other, elsewhere) = sent_back(&world, "google").await;
    let (foreign, other_state) = (state_of(&elsewhere), state_of(&elsewhere));
    let unknown = "A".repeat(43);
    let table = [
        ("no state", with(&back, "state", None)),
        ("an empty state", with(&back, "state", Some(""))),
        ("a state that nobody has made", with(&back, "state", Some(&unknown))),
        ("a state that is none", with(&back, "state", Some("../../etc"))),
        ("another browser's state", with(&back, "state", Some(&foreign))),
        ("two states", format!("{back}&state={other_state}")),
        ("two codes", format!("{back}&code=another")),
        ("no code", with(&back, "code", None)),
        ("an empty code", with(&back, "code", Some(""))),
        ("a huge code", with(&back, "code", Some(&"c".repeat(5000)))),
        ("another issuer", with(&back, "iss", Some("https://other.example"))),
        ("the callback of another provider", back.replace("/google?", "/naver?")),
        (
            "an error with another browser's state",
            format!("{}&error=access_denied", with(&back, "state", Some(&foreign))),
        ),
        ("nothing", "/login/oauth2/code/google".to_owned()),
    ];
    for (what, back) in &table {
        assert_refused(&browser.clone().get(back).await, what);
    }
    assert_refused(&world.browser().get(&back).await, "a browser without the cookie");
    assert_refused(&other.clone().get(&back).await, "another browser");
    assert_eq!(world.providers.token_requests(), 0);
    assert_eq!(world.users.accounts(), []);
    // All that has used nothing up.
    assert_eq!(landed(&browser.clone().get(&back).await).as_str(), FRONT_END);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_good_for_its_own_state_and_cannot_be_made_up() {
    let world = World::start().await;
    let (browser, back) = sent_back(&world, "google").await;
    let (other, _) = sent_back(&world, "google").await;
    let (name, own) = browser.cookies.iter().next().map(|(a, b)| (a.clone(), b.clone())).unwrap();
    let another = other.cookies.values().next().unwrap().value.clone();
    let changed = format!("{}{}", &own.value[..40], own.value[40..].replace('A', "B"));
    let bent = format!("{}{}", if own.value.starts_with('A') { "B" } else { "A" }, &own.value[1..]);
    let half = own.value[..own.value.len() / 2].to_owned();
    for value in [another, changed + "A", bent, half, String::new(), "{}".to_owned()] {
        let mut browser = browser.clone();
        let kept = Kept { value: value.clone(), ..own.clone() };
        browser.cookies.insert(name.clone(), kept);
        assert_refused(&browser.get(&back).await, &value);
    }
    assert_eq!(world.providers.token_requests(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_used_once_whoever_keeps_the_cookie_and_whichever_replica_is_asked() {
    let world = World::start().await;
    let replica = second_replica(&world).await;
    let (browser, back) = sent_back(&world, "google").await;
    let mut tries = Vec::new();
    for place in 0..6 {
        let root = if place % 2 == 0 { &replica.0 } else { &world.system.services.auth.url() };
        let (mut browser, back) = (browser.at(root), back.clone());
        tries.push(tokio::spawn(async move { browser.get(&back).await }));
    }
    let mut let_in = 0;
    for own in tries {
        let answer = own.await.unwrap();
        match answer.status {
            303 => let_in += usize::from(landed(&answer).as_str() == FRONT_END),
            _ => assert_refused(&answer, "too late"),
        }
    }
    assert_eq!((let_in, world.providers.token_requests()), (1, 1));
    assert_refused(&browser.clone().get(&back).await, "once more");
    // One that was refused at the provider is used up, too.
    world.providers.fault(Fault::Denied);
    let (browser, back) = sent_back(&world, "kakao").await;
    let denied = ("access_denied".to_owned(), "A010".to_owned());
    assert_eq!(verdict(&browser.clone().get(&back).await), denied);
    assert_refused(&browser.clone().get(&back).await, "denied, once more");
    assert_eq!(world.providers.token_requests(), 1);
    replica.1.stop().await;
    world.stop().await;
}

/// Another auth-service on the same database.
async fn second_replica(world: &World) -> (String, shared::server::Stopper) {
    let options = &world.system.options;
    let key = options.data_dir.join("master.key");
    let mut config = Config::embedded(&options.databases.auth, &key).unwrap();
    config.issuer = Some(world.system.services.auth.url());
    config.cache_url.clone_from(&options.cache_url);
    config.social.clone_from(&options.social);
    config.user_url.clone_from(&options.user_url);
    FRONT_END.clone_into(&mut config.front_end_url);
    let server = auth_service::startup::bind(&config).await.unwrap();
    let (url, stopper) = (format!("http://{}", server.address()), server.stopper());
    tokio::spawn(server.run());
    (url, stopper)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_for_who_began_and_at_its_own_provider() {
    let world = World::start().await;
    let failed = ("social_login_failed".to_owned(), "A010".to_owned());
    for (provider, other) in [("google", "naver"), ("naver", "kakao"), ("kakao", "google")] {
        let (mut browser, back) = sent_back(&world, provider).await;
        let (_, foreign) = sent_back(&world, other).await;
        let code = code_of(&foreign);
        let answer = browser.get(&with(&back, "code", Some(&code))).await;
        assert_eq!(verdict(&answer), failed, "the code of {other} at {provider}");
        // A code that was stolen, brought by a browser with a login of its own: it has another verifier.
        let (mut thief, back) = sent_back(&world, provider).await;
        let (_, stolen) = sent_back(&world, provider).await;
        let answer = thief.get(&with(&back, "code", Some(&code_of(&stolen)))).await;
        assert_eq!(verdict(&answer), failed, "a stolen code of {provider}");
        assert!(!is_signed_in(&thief) && !is_signed_in(&browser));
    }
    assert_eq!(world.users.accounts(), []);
    world.stop().await;
}

fn code_of(back: &str) -> String {
    let url: Url = format!("https://auth.example{back}").parse().unwrap();
    url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_of_one_browser_do_not_get_into_each_others_way() {
    let world = World::start().await;
    let mut browser = world.browser();
    let (one, two) = (browser.leave_for("google").await, browser.leave_for("kakao").await);
    world.providers.somebody(Somebody::with_email("2", "two@naver.com"));
    for url in [two, one] {
        let back = browser.at_provider(&url).await;
        let (error, _) = verdict(&browser.get(&back).await);
        assert!(["", "email_taken"].contains(&error.as_str()), "{error}");
    }
    assert!(is_signed_in(&browser));
    assert_eq!(browser.cookies.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_answers_in_place_of_a_code_is_not_repeated() {
    let world = World::start().await;
    let (mut browser, back) = sent_back(&world, "naver").await;
    let evil = "<script>alert(1)</script>\r\nLocation: https://other.example";
    let back = with(&with(&back, "code", None), "error", Some(evil));
    let back = with(&back, "error_description", Some("somebody@example.com"));
    let expected = format!("{FRONT_END}?error=social_login_failed&errorCode=A010");
    assert_eq!(landed(&browser.get(&back).await).as_str(), expected);
    world.stop().await;
}
