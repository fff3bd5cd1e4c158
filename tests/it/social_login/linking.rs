//! A further identity is a further way in: only the person himself adds one to his account.

use auth_service::domain::client::Client;
use serde_json::{Value, json};
use shared::Scopes;
use tests::browser::Browser;
use tests::caller::{Answer, Caller, send};
use tests::oauth::{OAuthClient, declared};
use tests::social::Somebody;
use tests::system::ANY_SESSION;
use url::Url;

use super::{FRONT_END, World, is_signed_in, landed, verdict};

const LINK_KAKAO: &str = "/api/v2/auth/links/kakao";

/// Somebody who has come by Google, with his token and the id of his account.
async fn member(world: &World) -> (Browser, String, i64) {
    let (mut browser, answer) =
        world.come_by("google", Somebody::with_email("1", "member@naver.com")).await;
    assert_eq!(landed(&answer).as_str(), FRONT_END);
    let token = browser.access_token().await;
    (browser, token, world.identity("GOOGLE:1").unwrap().id)
}

/// A page in this browser asks for a link; the cookie of the answer is kept.
async fn ask(world: &World, (browser, token): (&mut Browser, &str), body: &Value) -> Answer {
    let caller = Caller::new(Some(token.to_owned()));
    let url = format!("{}{LINK_KAKAO}", world.system.services.auth.url());
    let answer = send(caller.request(reqwest::Method::POST, &url).json(body)).await;
    browser.keep(&answer);
    answer
}

fn address(answer: &Answer) -> Url {
    let address = answer.body["data"]["authorizationUrl"].as_str();
    address.unwrap_or_else(|| panic!("{}", answer.text)).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_is_linked_and_both_lead_to_one_account() {
    let world = World::start().await;
    let (mut browser, token, id) = member(&world).await;
    let body = json!({"target": "/settings?tab=logins"});
    let answer = ask(&world, (&mut browser, &token), &body).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let before = browser.cookies["__Secure-baton_refresh"].clone();
    world.providers.somebody(Somebody::with_email("2", "other@example.com"));
    let back = browser.at_provider(&address(&answer)).await;
    let page = landed(&browser.get(&back).await);
    assert_eq!(page.as_str(), "https://app.example/settings?tab=logins&linked=KAKAO");
    assert_eq!(browser.cookies["__Secure-baton_refresh"], before, "nobody logs in by a link");
    let account = world.identity("KAKAO:2").unwrap();
    assert_eq!((account.id, account.email.as_deref()), (id, Some("member@naver.com")));
    let (mut other, answer) =
        world.come_by("kakao", Somebody::with_email("2", "other@example.com")).await;
    assert_eq!(landed(&answer).as_str(), FRONT_END);
    assert_eq!(tests::oauth::claims_of(&other.access_token().await)["sub"], id.to_string());
    let admin = world.system.admin().await;
    let row = world.system.audit_row(&admin, |row| row["event"] == "identity.linked").await;
    assert_eq!(
        (row["actor"].as_str(), row["detail"].as_str()),
        (Some(&*format!("user {id}")), Some("KAKAO"))
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_begun_by_the_person_himself_and_by_nobodys_page() {
    let world = World::start().await;
    let (mut browser, token, id) = member(&world).await;
    let mut verdicts = Vec::new();
    world.users.set_password(id, "right");
    for body in
        [json!({"password": "right"}), json!({"password": "wrong"}), json!({"passwort": ""})]
    {
        let answer = ask(&world, (&mut browser, &token), &body).await;
        verdicts.push((answer.status, answer.verdict().1.to_owned()));
    }
    let expected = [(200, ""), (401, "A006"), (400, "C002")];
    assert_eq!(verdicts, expected.map(|(status, code)| (status, code.to_owned())));
    let url = format!("{}{LINK_KAKAO}", world.system.services.auth.url());
    let stranger = world.system.stranger().post_json(&url, &json!({})).await;
    assert_eq!(stranger.verdict(), (401, "A001"));
    let service = service_for(&world, id).await;
    assert_eq!(service.post_json(&url, &json!({})).await.verdict(), (403, "A005"));
    let elsewhere = url.replace("kakao", "github");
    let member = Caller::new(Some(token.clone()));
    assert_eq!(member.post_json(&elsewhere, &json!({})).await.verdict(), (404, "C003"));
    let evil = json!({"target": "//other.example"});
    assert_eq!(member.post_json(&url, &evil).await.verdict(), (400, "C001"));
    let by_page = browser.get("/oauth2/authorization/kakao?link=1").await;
    assert_eq!(by_page.verdict(), (400, "C001"));
    world.stop().await;
}

/// A service that may act for everybody, with all that a person's token is good for.
async fn service_for(world: &World, user: i64) -> Caller {
    let client = Client {
        scopes: "account:self".parse::<Scopes>().unwrap(),
        audiences: ["auth-service".to_owned()].into(),
        session_policy: ANY_SESSION.parse().unwrap(),
        ..declared("a-service")
    };
    let client = OAuthClient::register(&world.system, &client).await;
    let session = json!({"companyId": 1, "userId": user}).to_string();
    let answer = client.token(&[("session", session.as_str())]).await;
    Caller::new(Some(answer.access_token().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_made_to_link_somebody_elses_identity() {
    let world = World::start().await;
    let (mut browser, token, _) = member(&world).await;
    // The member's link, in the attacker's browser: he would get into the account.
    let answer = ask(&world, (&mut browser, &token), &json!({})).await;
    world.providers.somebody(Somebody::with_email("666", "attacker@example.com"));
    let mut attacker = world.browser();
    let back = attacker.at_provider(&address(&answer)).await;
    assert_eq!(attacker.get(&back).await.verdict(), (400, "A010"));
    // The attacker's login, in the member's browser: he would be logged in as the attacker, or link his identity.
    let url = attacker.leave_for("kakao").await;
    let back = attacker.at_provider(&url).await;
    assert_eq!(browser.get(&back).await.verdict(), (400, "A010"));
    assert_eq!(world.providers.token_requests(), 1, "that of the member");
    assert!(world.identity("KAKAO:666").is_none());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_of_another_account_stays_there() {
    let world = World::start().await;
    let other = Somebody::with_email("2", "other@naver.com");
    world.come_by("kakao", other.clone()).await;
    let before = world.identity("KAKAO:2").unwrap();
    let (mut browser, token, id) = member(&world).await;
    let answer = ask(&world, (&mut browser, &token), &json!({})).await;
    world.providers.somebody(other);
    let back = browser.at_provider(&address(&answer)).await;
    let expected = format!("{FRONT_END}?error=identity_taken&errorCode=U001&provider=KAKAO");
    assert_eq!(landed(&browser.get(&back).await).as_str(), expected);
    assert_eq!(world.identity("KAKAO:2").unwrap(), before);
    assert_ne!(before.id, id);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_with_the_login_or_the_account_that_began_it() {
    let world = World::start().await;
    let (mut browser, token, id) = member(&world).await;
    world.providers.somebody(Somebody::with_email("2", "other@example.com"));
    let answer = ask(&world, (&mut browser, &token), &json!({})).await;
    let mut copy = browser.clone();
    let back = browser.at_provider(&address(&answer)).await;
    assert_eq!(browser.post("/api/v2/auth/logout", &Value::Null).await.status, 204);
    let ended = |code: &str| ("login_ended".to_owned(), code.to_owned());
    assert_eq!(verdict(&copy.get(&back).await), ended("A004"));
    assert!(!is_signed_in(&browser));
    let (mut browser, token, _) = member(&world).await;
    let answer = ask(&world, (&mut browser, &token), &json!({})).await;
    world.providers.somebody(Somebody::with_email("2", "other@example.com"));
    let back = browser.at_provider(&address(&answer)).await;
    world.users.close(id);
    assert_eq!(verdict(&browser.get(&back).await), ended("U002"));
    assert!(world.identity("KAKAO:2").is_none());
    world.stop().await;
}
