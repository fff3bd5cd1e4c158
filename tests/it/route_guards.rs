//! Every route of every service, with every kind of bad token.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use reqwest::Method;
use serde_json::json;
use shared::testing::TestIssuer;
use shared::{Algorithm, Claims, Jwks, Scopes, Session, SystemClock};
use tests::caller::{Answer, Caller, send};
use tests::system::{ALL_SCOPES, System};

/// Who may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Guard {
    /// Everybody, and who it is makes no difference.
    Open,
    /// Everybody; who we know is told more.
    Public,
    Session,
    /// A session, and the scope.
    SessionAndScope,
    /// The scope; a session does not matter.
    Scope,
}

impl Guard {
    /// As the service declares it.
    fn of_policy(policy: &str) -> Self {
        match (policy, policy.contains("scope ")) {
            ("public", _) => Self::Open,
            ("optional", _) => Self::Public,
            ("session", _) => Self::Session,
            (both, true) if both.starts_with("session, ") => Self::SessionAndScope,
            (_, true) => Self::Scope,
            _ => panic!("no case for {policy}"),
        }
    }
}

/// Service, method, path, its guard, and what a good token is answered.
type Route = (&'static str, &'static str, &'static str, Guard, (u16, &'static str));

const DORMANT: &str = "/internal/dormant-users?seenBefore=2026-07-17T00:00:00Z";
const DORMANT_COMPANIES: &str = "/internal/dormant-users/companies?seenBefore=2026-07-17T00:00:00Z";
const EXPIRED_COMPANIES: &str = "/internal/expired/companies?before=2026-07-17T00:00:00Z";

const ROUTES: &[Route] = &[
    ("user", "GET", "/api/session", Guard::Session, (200, "")),
    ("user", "GET", "/api/me", Guard::Session, (404, "U002")),
    ("user", "GET", "/api/users", Guard::SessionAndScope, (200, "")),
    ("user", "GET", "/api/users/1", Guard::SessionAndScope, (404, "U002")),
    ("user", "POST", "/api/v2/users/email-codes", Guard::Open, (400, "C002")),
    ("user", "POST", "/api/v2/users/email-codes/verify", Guard::Open, (400, "C002")),
    ("user", "POST", "/api/v2/users", Guard::Open, (400, "C002")),
    ("user", "POST", "/api/v2/users/password-reset", Guard::Open, (400, "C002")),
    ("user", "GET", "/api/v2/users/me", Guard::SessionAndScope, (404, "U002")),
    ("user", "PATCH", "/api/v2/users/me", Guard::SessionAndScope, (400, "C002")),
    ("user", "DELETE", "/api/v2/users/me", Guard::SessionAndScope, (404, "U002")),
    ("user", "POST", "/api/v2/users/me/password", Guard::SessionAndScope, (400, "C002")),
    ("user", "GET", "/api/v2/users/me/identities", Guard::SessionAndScope, (404, "U002")),
    ("user", "DELETE", "/api/v2/users/me/identities/y", Guard::SessionAndScope, (404, "U007")),
    ("user", "POST", "/internal/users/import", Guard::SessionAndScope, (400, "C002")),
    ("user", "GET", DORMANT, Guard::SessionAndScope, (200, "")),
    ("user", "GET", DORMANT_COMPANIES, Guard::Scope, (200, "")),
    ("user", "POST", "/internal/users/x/dormancy-warning", Guard::SessionAndScope, (400, "C001")),
    (
        "user",
        "POST",
        "/internal/users/x/dormancy-withdrawal",
        Guard::SessionAndScope,
        (400, "C002"),
    ),
    ("user", "POST", "/internal/logins", Guard::Scope, (400, "C002")),
    ("user", "POST", "/internal/social-logins", Guard::Scope, (400, "C002")),
    ("user", "POST", "/internal/users/x/identities", Guard::Scope, (400, "C002")),
    ("user", "POST", "/internal/users/x/password-check", Guard::Scope, (400, "C002")),
    ("user", "GET", "/internal/users/x", Guard::Scope, (404, "U002")),
    ("order", "GET", "/api/products", Guard::Public, (200, "")),
    ("order", "GET", "/api/session", Guard::Session, (200, "")),
    ("order", "GET", "/api/orders", Guard::SessionAndScope, (200, "")),
    ("order", "POST", "/api/orders", Guard::SessionAndScope, (400, "C001")),
    ("order", "GET", "/api/orders/exports", Guard::SessionAndScope, (200, "")),
    ("order", "POST", "/api/orders/exports", Guard::SessionAndScope, (400, "C001")),
    ("order", "GET", "/api/orders/exports/x", Guard::SessionAndScope, (404, "O006")),
    ("order", "GET", "/api/orders/x", Guard::SessionAndScope, (404, "O001")),
    ("order", "POST", "/api/orders/x/pay", Guard::SessionAndScope, (400, "C001")),
    ("order", "POST", "/api/orders/x/cancel", Guard::SessionAndScope, (400, "C001")),
    ("order", "GET", "/api/orders/x/receipt", Guard::SessionAndScope, (404, "O001")),
    ("order", "POST", "/api/orders/x/settle", Guard::SessionAndScope, (400, "C002")),
    ("order", "POST", "/internal/orders/import", Guard::SessionAndScope, (400, "C002")),
    ("order", "GET", "/internal/settlements/companies?paidOn=2026-07-17", Guard::Scope, (200, "")),
    ("order", "GET", "/internal/exports/companies", Guard::Scope, (200, "")),
    ("order", "GET", "/internal/exports", Guard::SessionAndScope, (200, "")),
    ("order", "POST", "/internal/exports/x/finish", Guard::SessionAndScope, (400, "C002")),
    ("file", "GET", "/api/session", Guard::Session, (200, "")),
    ("file", "GET", "/api/files", Guard::SessionAndScope, (200, "")),
    ("file", "POST", "/api/files", Guard::SessionAndScope, (400, "C001")),
    ("file", "GET", "/api/files/usage", Guard::SessionAndScope, (200, "")),
    ("file", "OPTIONS", "/api/files/uploads", Guard::Open, (204, "")),
    ("file", "POST", "/api/files/uploads", Guard::SessionAndScope, (412, "F008")),
    ("file", "OPTIONS", "/api/files/uploads/x", Guard::Open, (204, "")),
    ("file", "HEAD", "/api/files/uploads/x", Guard::SessionAndScope, (412, "F008")),
    ("file", "POST", "/api/files/uploads/x", Guard::SessionAndScope, (405, "C004")),
    ("file", "PATCH", "/api/files/uploads/x", Guard::SessionAndScope, (412, "F008")),
    ("file", "DELETE", "/api/files/uploads/x", Guard::SessionAndScope, (412, "F008")),
    ("file", "GET", "/api/files/x/metadata", Guard::SessionAndScope, (404, "F001")),
    ("file", "POST", "/api/files/x/download-url", Guard::SessionAndScope, (404, "F001")),
    ("file", "GET", "/api/files/x", Guard::SessionAndScope, (404, "F001")),
    ("file", "HEAD", "/api/files/x", Guard::SessionAndScope, (404, "F001")),
    ("file", "DELETE", "/api/files/x", Guard::SessionAndScope, (404, "F001")),
    ("file", "GET", EXPIRED_COMPANIES, Guard::Scope, (200, "")),
    ("user", "GET", "/openapi.json", Guard::Open, (200, "")),
    ("user", "GET", "/docs", Guard::Open, (200, "")),
    ("user", "GET", "/docs/docs.css", Guard::Open, (200, "")),
    ("user", "GET", "/docs/docs.js", Guard::Open, (200, "")),
    ("order", "GET", "/openapi.json", Guard::Open, (200, "")),
    ("order", "GET", "/docs", Guard::Open, (200, "")),
    ("order", "GET", "/docs/docs.css", Guard::Open, (200, "")),
    ("order", "GET", "/docs/docs.js", Guard::Open, (200, "")),
    ("file", "GET", "/openapi.json", Guard::Open, (200, "")),
    ("file", "GET", "/docs", Guard::Open, (200, "")),
    ("file", "GET", "/docs/docs.css", Guard::Open, (200, "")),
    ("file", "GET", "/docs/docs.js", Guard::Open, (200, "")),
];

/// What may be wrong with a token.
#[derive(Clone, Copy, Debug)]
enum Token {
    None,
    Forged,
    AlgNone,
    OtherIssuer,
    OtherAudience,
    Expired,
    WithoutScope,
    WithoutSession,
    SessionIsNotJson,
    Good,
}

const TOKENS: [Token; 10] = [
    Token::None,
    Token::Forged,
    Token::AlgNone,
    Token::OtherIssuer,
    Token::OtherAudience,
    Token::Expired,
    Token::WithoutScope,
    Token::WithoutSession,
    Token::SessionIsNotJson,
    Token::Good,
];

const BAD: (u16, &str) = (401, "A002");
const NO_SESSION: (u16, &str) = (401, "A001");

fn expected(token: Token, guard: Guard, good: (u16, &'static str)) -> (u16, &'static str) {
    match (token, guard) {
        (Token::Good, _) => good,
        (Token::Expired, _) => (401, "A003"),
        (
            Token::Forged
            | Token::AlgNone
            | Token::OtherIssuer
            | Token::OtherAudience
            | Token::SessionIsNotJson,
            _,
        ) => BAD,
        (Token::None, Guard::Open) => good,
        (Token::None, Guard::Public) => (200, ""),
        (Token::None, _) => NO_SESSION,
        (Token::WithoutScope, Guard::Open | Guard::Public | Guard::Session) => good,
        (Token::WithoutScope, Guard::SessionAndScope | Guard::Scope) => (403, "A005"),
        (Token::WithoutSession, Guard::Open | Guard::Public | Guard::Scope) => good,
        (Token::WithoutSession, Guard::Session | Guard::SessionAndScope) => NO_SESSION,
    }
}

/// An issuer of the test's own, whose keys are published over HTTP.
struct Issuer {
    url: String,
    trusted: TestIssuer,
    /// Signs with another key under the same name.
    impostor: TestIssuer,
}

impl Issuer {
    async fn start(algorithm: Algorithm) -> Self {
        let clock = SystemClock::shared();
        let trusted = TestIssuer::new(algorithm, Arc::clone(&clock)).unwrap();
        let keys = Jwks { keys: vec![trusted.signer().public_key().clone()] };
        let keys = serde_json::to_string(&keys).unwrap();
        let server = HttpServer::new(move || {
            let keys = keys.clone();
            let show = move || std::future::ready(HttpResponse::Ok().body(keys.clone()));
            App::new().route("/.well-known/jwks.json", web::get().to(show))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        let impostor = TestIssuer::new(algorithm, clock).unwrap();
        Self { trusted: trusted.named(&url), impostor: impostor.named(&url), url }
    }

    fn claims(&self, audience: &str) -> Claims {
        let session = Session::parse(r#"{"companyId":100,"userId":200}"#).unwrap();
        let scope: Scopes = format!("{ALL_SCOPES} user:internal").parse().unwrap();
        self.trusted.claims(audience, scope, Some(session))
    }

    fn token(&self, kind: Token, audience: &str) -> Option<String> {
        let claims = self.claims(audience);
        let sign = |claims: &Claims| self.trusted.sign(claims).unwrap().expose().to_owned();
        Some(match kind {
            Token::None => return None,
            Token::Good => sign(&claims),
            Token::Forged => self.forged(&claims),
            Token::AlgNone => alg_none(&sign(&claims)),
            Token::OtherIssuer => sign(&Claims { iss: "https://evil.example".into(), ..claims }),
            Token::OtherAudience => sign(&Claims { aud: vec!["auth-service".into()], ..claims }),
            Token::Expired => {
                let (iat, exp) = (claims.iat - 600, claims.exp - 600);
                sign(&Claims { iat, exp, ..claims })
            }
            Token::WithoutScope => sign(&Claims { scope: Scopes::default(), ..claims }),
            Token::WithoutSession => sign(&Claims { session: None, ..claims }),
            Token::SessionIsNotJson => {
                let mut claims = json!(claims);
                claims["session"] = json!("{companyId: 100}");
                let header = self.trusted.header().to_string();
                let token = self.trusted.sign_raw(header, claims.to_string());
                token.unwrap().expose().to_owned()
            }
        })
    }

    /// The impostor's signature under the trusted key's name.
    fn forged(&self, claims: &Claims) -> String {
        let header = self.trusted.header().to_string();
        let token = self.impostor.sign_raw(header, json!(claims).to_string());
        token.unwrap().expose().to_owned()
    }
}

fn alg_none(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    // {"alg":"none","typ":"at+jwt"} and no signature.
    format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.")
}

async fn answer(system: &System, issuer: &Issuer, route: &Route, token: Token) -> Answer {
    let (service, method, path, ..) = *route;
    let url = match service {
        "user" => system.services.user.url(),
        "order" => system.services.order.url(),
        _ => system.services.file.url(),
    };
    let token = issuer.token(token, &format!("{service}-service"));
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = Caller::new(token).request(method.clone(), &format!("{url}{path}"));
    let written = [Method::POST, Method::PATCH].contains(&method);
    let json = written && !path.starts_with("/api/files");
    send(if json { request.json(&json!({"no": "such field"})) } else { request }).await
}

async fn check_all_routes(algorithm: Algorithm) {
    let issuer = Issuer::start(algorithm).await;
    let url = issuer.url.clone();
    let system = System::start_with(|options| options.other_issuer = Some(url)).await;
    let mut wrong = Vec::new();
    for route in ROUTES {
        let (service, method, path, guard, good) = *route;
        for token in TOKENS {
            let answer = answer(&system, &issuer, route, token).await;
            let expected = expected(token, guard, good);
            let challenge = answer.header("www-authenticate").to_owned();
            let challenged = match expected.1 {
                "A001" => challenge == "Bearer",
                "A002" | "A003" => challenge.starts_with(r#"Bearer error="invalid_token""#),
                "A005" => challenge.starts_with(r#"Bearer error="insufficient_scope", scope=""#),
                _ => challenge.is_empty(),
            };
            // The answer to a HEAD has no body, so no code.
            let code = if method == "HEAD" { "" } else { expected.1 };
            if answer.verdict() != (expected.0, code) || !challenged {
                wrong.push(format!(
                    "{service} {method} {path} {token:?}: {:?} {challenge}, expected {expected:?}",
                    answer.verdict()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_every_kind_of_token_as_its_guard_says_es256() {
    check_all_routes(Algorithm::Es256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_every_kind_of_token_as_its_guard_says_eddsa() {
    check_all_routes(Algorithm::EdDsa).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_every_kind_of_token_as_its_guard_says_rs256() {
    check_all_routes(Algorithm::Rs256).await;
}

/// A route that somebody adds has to be added to the table, and a policy that somebody changes is changed there, too.
#[test]
fn the_table_names_every_route_of_the_services_and_its_policy() {
    let services = [
        ("user", user_service::routes::routes()),
        ("order", order_service::routes::routes()),
        ("file", file_service::routes::routes()),
    ];
    for (service, routes) in services {
        let of_service = ROUTES.iter().filter(|route| route.0 == service);
        let in_table: BTreeSet<_> = of_service
            .map(|(_, method, path, guard, _)| ((*method).to_owned(), pattern(path), *guard))
            .collect();
        let declared: BTreeSet<_> = routes
            .list()
            .into_iter()
            .map(|(method, path, policy)| (method, path, Guard::of_policy(&policy)))
            .collect();
        assert_eq!(in_table, declared, "{service}");
    }
}

/// `/api/orders/{id}` for `/api/orders/x?a=b`.
fn pattern(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let named = |part| match part {
        "x" | "1" => "{id}",
        "y" => "{provider}",
        other => other,
    };
    path.split('/').map(named).collect::<Vec<_>>().join("/")
}

/// The routes of auth-service and those of health take no bearer tokens: who sends one is no client, and gets the
/// keys and the health like anybody.
#[tokio::test(flavor = "multi_thread")]
async fn auth_service_never_takes_a_bearer_token_for_a_client() {
    let system = System::start().await;
    let issuer = Issuer::start(Algorithm::Es256).await;
    let auth = system.services.auth.url();
    let health = format!("http://{}", system.services.auth.management_address);
    for token in TOKENS {
        let caller = Caller::new(issuer.token(token, "auth-service"));
        for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
            assert_eq!(caller.get(&format!("{auth}{path}")).await.status, 200, "{path} {token:?}");
        }
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(
                caller.get(&format!("{health}{path}")).await.status,
                200,
                "{path} {token:?}"
            );
        }
        let form = [("grant_type", "client_credentials")];
        let answer = caller.post_form(&system.token_url(), &form).await;
        let refusal = (answer.status, &answer.body["error"]);
        assert_eq!(refusal, (401, &json!("invalid_client")), "{token:?}");
    }
    system.stop().await;
}
