//! People come by Google, Naver and Kakao, and nobody else comes in that way.

mod answers;
mod linking;
mod providers;

use tests::browser::Browser;
use tests::caller::Answer;
use tests::fake_users::{Account, FakeUsers};
use tests::social::{NAMES, Providers, Somebody};
use tests::system::System;
use url::Url;

/// Where the front end is: not where auth-service is.
const FRONT_END: &str = "https://app.example/home";

/// All services, and the providers.
struct World {
    system: System,
    providers: Providers,
    users: FakeUsers,
}

impl World {
    async fn start() -> Self {
        let (providers, users) = (Providers::start().await, FakeUsers::start().await);
        let system = System::start_with(|options| {
            options.social = providers.configured();
            options.user_url = Some(users.url());
            options.front_end_url = Some(FRONT_END.to_owned());
        });
        let system = system.await;
        Self { system, providers, users }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.system.services.auth.url())
    }

    /// Somebody comes by a provider, in a browser of his own.
    async fn come_by(&self, provider: &str, somebody: Somebody) -> (Browser, Answer) {
        self.providers.somebody(somebody);
        let mut browser = self.browser();
        let answer = browser.come_by(provider).await;
        (browser, answer)
    }

    fn identity(&self, identity: &str) -> Option<Account> {
        let accounts = self.users.accounts();
        accounts.into_iter().find(|own| own.identities.iter().any(|one| one == identity))
    }

    async fn stop(self) {
        self.system.stop().await;
        self.providers.stop().await;
        self.users.stop().await;
    }
}

/// Where an answer leads, which has to be the front end.
fn landed(answer: &Answer) -> Url {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let page: Url = answer.header("location").parse().unwrap();
    assert_eq!(page.origin().ascii_serialization(), "https://app.example", "{page}");
    page
}

/// `error` and `errorCode` of the page that somebody is led to; empty for a success.
fn verdict(answer: &Answer) -> (String, String) {
    let page = landed(answer);
    let text = |name: &str| {
        let found = page.query_pairs().find(|(own, _)| own == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    (text("error"), text("errorCode"))
}

fn is_signed_in(browser: &Browser) -> bool {
    browser.cookies.contains_key("__Secure-baton_refresh")
}

fn upper(provider: &str) -> String {
    provider.to_uppercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_comes_by_each_provider_and_is_signed_in() {
    let world = World::start().await;
    for (place, provider) in NAMES.into_iter().enumerate() {
        let email = format!("somebody{place}@naver.com");
        let somebody = Somebody::with_email("1001", &email);
        let (mut browser, answer) = world.come_by(provider, somebody).await;
        assert_eq!(landed(&answer).as_str(), FRONT_END, "{provider}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let names: Vec<_> = browser.cookies.keys().map(String::as_str).collect();
        assert_eq!(names, ["__Secure-baton_refresh"], "the state's cookie is gone");
        let account = world.identity(&format!("{}:1001", upper(provider))).unwrap();
        assert_eq!(account.email.as_deref(), Some(email.as_str()), "{provider}");
        assert_eq!((account.name.as_str(), account.provider), ("이름", upper(provider)));
        let claims = tests::oauth::claims_of(&browser.access_token().await);
        assert_eq!(claims["sub"], account.id.to_string());
    }
    let admin = world.system.admin().await;
    let row = world.system.audit_row(&admin, |row| row["event"] == "login.social").await;
    assert_eq!(row["detail"], "GOOGLE");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_leaves_with_a_challenge_and_a_cookie_that_only_the_callback_sees() {
    let world = World::start().await;
    for provider in NAMES {
        let mut browser = world.browser();
        let answer = browser.get(&format!("/oauth2/authorization/{provider}")).await;
        assert_eq!((answer.status, answer.header("cache-control")), (302, "no-store"));
        let url: Url = answer.header("location").parse().unwrap();
        let asked: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        let callback = format!("{}/login/oauth2/code/{provider}", world.system.services.auth.url());
        assert_eq!(asked["redirect_uri"], callback);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!((asked["code_challenge"].len(), asked["state"].len()), (43, 43));
        assert_eq!(asked.contains_key("nonce"), provider == "google");
        let (name, cookie) = browser.cookies.iter().next().unwrap();
        assert_eq!(*name, format!("__Secure-baton_social_{}", &asked["state"][..8]));
        let attributes = "HttpOnly; SameSite=Lax; Secure; Path=/login/oauth2/code/; Max-Age=600";
        assert_eq!(cookie.attributes, attributes);
        let secrets = [&asked["state"], &asked["code_challenge"]];
        assert!(secrets.iter().all(|secret| !cookie.value.contains(*secret)));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_come_before_comes_in_whatever_has_become_of_his_address() {
    let world = World::start().await;
    for (place, provider) in NAMES.into_iter().enumerate() {
        let first = Somebody::with_email("77", &format!("first{place}@naver.com"));
        let later = [
            Somebody::with_email("77", "another@naver.com"),
            Somebody { verified: Some(false), ..first.clone() },
            Somebody { valid: Some(false), ..first.clone() },
            Somebody { email: None, verified: None, valid: None, ..first.clone() },
        ];
        assert_eq!(landed(&world.come_by(provider, first).await.1).as_str(), FRONT_END);
        let account = world.identity(&format!("{}:77", upper(provider))).unwrap();
        for later in later {
            let (mut browser, answer) = world.come_by(provider, later.clone()).await;
            assert_eq!(landed(&answer).as_str(), FRONT_END, "{provider} {later:?}");
            let claims = tests::oauth::claims_of(&browser.access_token().await);
            assert_eq!(claims["sub"], account.id.to_string(), "{provider} {later:?}");
        }
    }
    assert_eq!(world.users.accounts().len(), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_verified_lets_nobody_in_and_keeps_nobody_out() {
    let world = World::start().await;
    let victim = Somebody::with_email("1", "victim@example.com");
    let attacker = Somebody { subject: "666".to_owned(), ..victim.clone() };
    let unverified = Somebody { verified: Some(false), ..attacker.clone() };
    let invalid = Somebody { valid: Some(false), ..attacker.clone() };
    for (provider, somebody) in
        [("google", &unverified), ("kakao", &unverified), ("kakao", &invalid)]
    {
        let (browser, answer) = world.come_by(provider, somebody.clone()).await;
        let expected = ("email_unverified".to_owned(), "A011".to_owned());
        assert_eq!(verdict(&answer), expected, "{provider} {somebody:?}");
        assert!(!is_signed_in(&browser));
    }
    assert_eq!(world.users.accounts(), []);
    // Naver says nothing of an address of another host: who comes by it has none here.
    let (_, answer) = world.come_by("naver", attacker).await;
    assert_eq!(landed(&answer).as_str(), FRONT_END);
    assert_eq!(world.identity("NAVER:666").unwrap().email, None);
    let (_, answer) = world.come_by("google", victim).await;
    assert_eq!(landed(&answer).as_str(), FRONT_END);
    let owner = world.identity("GOOGLE:1").unwrap();
    assert_eq!(owner.email.as_deref(), Some("victim@example.com"));
    let admin = world.system.admin().await;
    let refused = |row: &serde_json::Value| row["event"] == "login.social_refused";
    world.system.audit_row(&admin, refused).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_an_account_is_answered_with_the_way_it_was_made_and_no_more() {
    let world = World::start().await;
    let somebody = Somebody::with_email("5", "taken@naver.com");
    let (_, answer) = world.come_by("kakao", somebody.clone()).await;
    assert_eq!(landed(&answer).as_str(), FRONT_END);
    for provider in ["google", "naver"] {
        let (browser, answer) = world.come_by(provider, somebody.clone()).await;
        let expected = format!("{FRONT_END}?error=email_taken&errorCode=U001&provider=KAKAO");
        assert_eq!(landed(&answer).as_str(), expected);
        assert!(!is_signed_in(&browser));
    }
    assert_eq!(world.users.accounts().len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_text_whatever_it_looks_like() {
    let world = World::start().await;
    let evil = "<script>alert(1)</script>\r\nSet-Cookie: evil=1\0\u{202e}";
    for provider in NAMES {
        let somebody = Somebody {
            name: evil.to_owned(),
            email: None,
            ..Somebody::with_email("31337", "none@naver.com")
        };
        let (browser, answer) = world.come_by(provider, somebody).await;
        assert_eq!(landed(&answer).as_str(), FRONT_END);
        assert!(!browser.cookies.contains_key("evil"));
        let account = world.identity(&format!("{}:31337", upper(provider))).unwrap();
        assert_eq!(account.name, "<script>alert(1)</script>Set-Cookie: evil=1", "{provider}");
        assert_eq!(account.email, None);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_at_a_page_of_the_front_end_and_nowhere_else() {
    let world = World::start().await;
    for (target, page) in [
        ("/orders/1", "https://app.example/orders/1"),
        ("/orders?page=2%23end", "https://app.example/orders?page=2%23end"),
        ("/.//other.example", "https://app.example//other.example"),
        ("/%5C%5Cother.example", "https://app.example/%5C%5Cother.example"),
    ] {
        let mut browser = world.browser();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("target", target)
            .finish();
        let answer = browser.get(&format!("/oauth2/authorization/google?{query}")).await;
        let back = browser.at_provider(&answer.header("location").parse().unwrap()).await;
        assert_eq!(landed(&browser.get(&back).await).as_str(), page, "{target}");
    }
    let bad = [
        "https%3A%2F%2Fother.example",
        "%2F%2Fother.example",
        "%2F%5Cother.example",
        "%2F%09%2Fother.example",
        "%5C%5Cother.example",
        "javascript%3Aalert(1)",
        "orders",
        "",
    ];
    for bad in bad {
        let answer =
            world.browser().get(&format!("/oauth2/authorization/google?target={bad}")).await;
        assert_eq!(answer.verdict(), (400, "C001"), "{bad}");
        assert_eq!((answer.header("location"), answer.header("set-cookie")), ("", ""), "{bad}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_set_up_is_no_path() {
    let (providers, users) = (Providers::start().await, FakeUsers::start().await);
    let system = System::start_with(|options| {
        options.social = providers.configured().into_iter().take(1).collect();
        options.user_url = Some(users.url());
    });
    let system = system.await;
    let mut browser = Browser::new(&system.services.auth.url());
    for provider in ["naver", "kakao", "GOOGLE", "github", "local", "%67oogle%00"] {
        for path in ["/oauth2/authorization", "/login/oauth2/code"] {
            let answer = browser.get(&format!("{path}/{provider}")).await;
            assert_eq!(answer.verdict(), (404, "C003"), "{path}/{provider}");
        }
    }
    // Its own page is where a login ends unless the settings say otherwise.
    let answer = browser.come_by("google").await;
    let page = format!("{}/account", system.services.auth.url());
    assert_eq!((answer.status, answer.header("location")), (303, page.as_str()));
    system.stop().await;
}
