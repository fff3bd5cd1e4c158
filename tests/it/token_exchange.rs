//! Token exchange (RFC 8693): a call goes on from service to service, on behalf of the one who began it.

use std::time::{Duration, Instant};

use auth_service::domain::client::Client;
use serde_json::{Value, json};
use shared::{Expectation, RemoteKeys, RevocationFeed, TokenError, TokenVerifier};
use tests::caller::{Answer, Caller};
use tests::oauth::{ACCESS_TOKEN, EXCHANGE, OAuthClient, claims_of, declared};
use tests::system::{ANY_SESSION, System};

const SESSION: &str = r#"{"companyId":100,"userId":200,"roles":["clerk"],"team":"서울"}"#;

/// A service that may exchange what it receives for a token for these.
fn service(id: &str, scope: &str, exchange: &[&str]) -> Client {
    Client {
        scopes: scope.parse().unwrap(),
        exchange: exchange.iter().map(|name| (*name).to_owned()).collect(),
        ..declared(id)
    }
}

struct Services {
    /// Logs users in, as it were: it may be anybody.
    web: OAuthClient,
    order: OAuthClient,
    file: OAuthClient,
    user: OAuthClient,
}

impl Services {
    async fn register(system: &System) -> Self {
        let web = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("web") };
        let order = service("order-service", "file:read file:write user:read", &["file-service"]);
        let file = service("file-service", "user:read file:read", &["user-service"]);
        let user = service("user-service", "user:read", &["batch-service"]);
        Self {
            web: OAuthClient::register(system, &web).await,
            order: OAuthClient::register(system, &order).await,
            file: OAuthClient::register(system, &file).await,
            user: OAuthClient::register(system, &user).await,
        }
    }

    async fn root(&self, scope: &str) -> String {
        let more = [("session", SESSION), ("resource", "order-service"), ("scope", scope)];
        self.web.token(&more).await.access_token().to_owned()
    }
}

/// Where a token for this service is good, and what is said to it there.
async fn at_service(system: &System, service: &str, token: &str) -> Answer {
    let url = match service {
        "order-service" => system.services.order.url(),
        "file-service" => system.services.file.url(),
        _ => system.services.user.url(),
    };
    Caller::new(Some(token.to_owned())).get(&format!("{url}/api/session")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn along_four_hops_the_session_stays_everything_else_narrows_and_the_root_ends_them_all() {
    let system = System::start().await;
    let services = Services::register(&system).await;
    let root = services.root("file:read file:write user:read").await;
    let second = services.order.exchange(&root, "file-service", &[]).await;
    let third = services.file.exchange(second.access_token(), "user-service", &[]).await;
    let fourth = services.user.exchange(third.access_token(), "batch-service", &[]).await;
    let hops = [root.as_str(), second.access_token(), third.access_token(), fourth.access_token()];
    check_chain(&hops.map(claims_of));

    let audiences = ["order-service", "file-service", "user-service"];
    for (token, audience) in hops.iter().zip(audiences) {
        let seen = at_service(&system, audience, token).await;
        assert_eq!(seen.status, 200, "{audience}: {}", seen.text);
        assert_eq!(seen.body["data"]["team"], "서울", "{audience}: {}", seen.text);
    }
    let batch = verifier(&system, "batch-service");
    assert!(batch.verify(hops[3]).await.is_ok());

    let began = Instant::now();
    assert_eq!(services.web.revoke(&root).await.status, 200);
    for (token, audience) in hops.iter().zip(audiences) {
        while at_service(&system, audience, token).await.verdict() != (401, "A004") {
            assert!(began.elapsed() < Duration::from_secs(1), "{audience} within a second");
        }
    }
    while !matches!(batch.verify(hops[3]).await, Err(TokenError::Revoked)) {
        assert!(began.elapsed() < Duration::from_secs(1), "batch-service within a second");
    }
    assert_eq!(services.user.introspect(hops[3]).await.body, json!({"active": false}));
    let late = services.order.exchange(&root, "file-service", &[]).await;
    assert_eq!(late.refusal(), (400, "invalid_request"));
    system.stop().await;
}

/// As a service would have it that has no routes.
fn verifier(system: &System, audience: &str) -> TokenVerifier {
    let auth = system.services.auth.url();
    let audience = audience.to_owned();
    let expectation = Expectation { issuer: auth.clone(), audience, max_lifetime_s: 3600 };
    let keys = RemoteKeys::verifier(&format!("{auth}/.well-known/jwks.json"), expectation);
    let (verifier, keys) = keys.unwrap();
    let feed = format!("{auth}/oauth2/revocations");
    RevocationFeed::following(verifier, &keys, &feed).unwrap().0
}

fn check_chain(hops: &[Value; 4]) {
    let scopes = |claims: &Value| claims["scope"].as_array().unwrap().clone();
    for pair in hops.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        for unchanged in ["session", "sid", "sub", "iss"] {
            assert_eq!(before[unchanged], after[unchanged], "{unchanged}");
        }
        assert!(after["exp"].as_i64() <= before["exp"].as_i64());
        assert!(scopes(after).iter().all(|scope| scopes(before).contains(scope)));
        assert_eq!(after["aud"].as_array().unwrap().len(), 1);
        assert_ne!(before["jti"], after["jti"]);
    }
    assert_eq!(hops[0]["sid"], hops[0]["jti"], "the first is the root");
    assert_eq!(hops[0].get("act"), None);
    let nested = json!({"sub": "user-service", "act":
        {"sub": "file-service", "act": {"sub": "order-service", "act": {"sub": "web"}}}});
    assert_eq!(hops[3]["act"], nested);
    assert_eq!(hops[3]["client_id"], "user-service");
    assert_eq!(scopes(&hops[3]), ["user:read"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_by_an_exchange_than_his_token_and_his_own_rights_hold() {
    let system = System::start().await;
    let services = Services::register(&system).await;
    let root = services.root("file:read").await;
    let nobody = OAuthClient::register(&system, &service("nobody", "file:read", &[])).await;
    let Services { order, file, web, .. } = &services;
    type Case<'c> = (&'c OAuthClient, &'c str, &'c [(&'c str, &'c str)], &'c str);
    let refresh_token = "urn:ietf:params:oauth:token-type:refresh_token";
    let table: [Case<'_>; 9] = [
        (order, "file-service", &[("scope", "file:write")], "invalid_scope"),
        (order, "file-service", &[("scope", "order:settle")], "invalid_scope"),
        (order, "user-service", &[], "invalid_target"),
        (order, "file-service", &[("audience", "user-service")], "invalid_target"),
        (file, "user-service", &[], "invalid_request"),
        (&nobody, "file-service", &[], "unauthorized_client"),
        (web, "order-service", &[], "unauthorized_client"),
        (order, "file-service", &[("actor_token", &root)], "invalid_request"),
        (order, "file-service", &[("requested_token_type", refresh_token)], "invalid_request"),
    ];
    for (client, target, more, error) in table {
        let answer = client.exchange(&root, target, more).await;
        assert_eq!(answer.refusal(), (400, error), "{} {target} {more:?}", client.id);
    }
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token", root.as_str()),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    assert_eq!(order.post("/oauth2/token", &form).await.refusal(), (400, "invalid_request"));
    let good = order.exchange(&root, "file-service", &[]).await;
    assert_eq!(good.body["issued_token_type"], ACCESS_TOKEN);
    assert!(good.body.get("refresh_token").is_none());
    system.stop().await;
}

/// A token of another issuer, or one that was bent, is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_subject_token_is_not_exchanged() {
    let system = System::start().await;
    let services = Services::register(&system).await;
    let root = services.root("file:read").await;
    let (message, signature) = root.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let mut claims = claims_of(&root);
    claims["session"] = json!(r#"{"companyId":1,"userId":1}"#);
    let bent = format!("{header}.{}.{signature}", base64(&claims.to_string()));
    let none =
        format!("{}.{}.", base64(r#"{"alg":"none","typ":"at+jwt"}"#), base64(&claims.to_string()));
    for token in [bent, none, format!("{message}."), message.to_owned(), "a.b.c".to_owned()] {
        let answer = services.order.exchange(&token, "file-service", &[]).await;
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{token}");
        assert_eq!(answer.body["error_description"], "the subject token is not valid");
    }
    system.stop().await;
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
