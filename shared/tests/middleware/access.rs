//! Who may call what: the middleware finds out, the guards refuse.

use serde_json::json;

use crate::{AUDIENCE, NOW_S, Service, issuer, refusal, session};

const INVALID: &str = r#"Bearer error="invalid_token", error_description="the token is not valid""#;
const EXPIRED: &str = r#"Bearer error="invalid_token", error_description="the token is expired""#;
const ROUTES: [(&str, &str); 7] = [
    ("GET", "/public"),
    ("GET", "/greet"),
    ("GET", "/orders"),
    ("GET", "/orders/7"),
    ("GET", "/orders/help"),
    ("POST", "/settle"),
    ("GET", "/admin"),
];

/// The answers of [`ROUTES`] where those of one guard are alike.
fn by_guard(none: &str, session: &str, settle: &str, admin: &str) -> [String; 7] {
    [none, none, session, session, session, settle, admin].map(str::to_owned)
}

/// What each of [`ROUTES`] answers, in short.
async fn answers(service: &Service, token: Option<&str>) -> [String; 7] {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> =
        bearer.iter().map(|it| ("Authorization", it.as_str())).collect();
    let mut shown = Vec::new();
    for (method, path) in ROUTES {
        let answer = service.ask(method, path, &headers).await;
        shown.push(match answer.status {
            200 => "200".to_owned(),
            _ => format!("{:?}", refusal(&answer)),
        });
    }
    shown.try_into().unwrap()
}

fn refused(status: u16, code: &str, challenge: &str) -> String {
    format!("{:?}", (status, code, challenge))
}

/// S05, J25.
#[actix_web::test]
async fn each_route_lets_in_whom_its_guard_says_and_nobody_else() {
    let service = Service::start();
    let (ok, no_session) = ("200", &*refused(401, "A001", "Bearer"));
    let lacks = |scope: &str| {
        refused(403, "A005", &format!(r#"Bearer error="insufficient_scope", scope="{scope}""#))
    };
    let (settle, admin) = (&*lacks("order:settle"), &*lacks("auth:admin"));
    let user = |scope: &str| Some(service.token(scope));
    let client = Some(service.token_of(None, "auth:admin"));
    let near = user("order settle auth:admin2 AUTH:ADMIN");
    let table = [
        ("nobody", None, by_guard(ok, no_session, no_session, no_session)),
        ("a user", user(""), by_guard(ok, ok, settle, admin)),
        ("a user who settles", user("order:settle"), by_guard(ok, ok, ok, admin)),
        ("a user with all", user("order:settle auth:admin"), by_guard(ok, ok, ok, ok)),
        ("a user with near scopes", near, by_guard(ok, ok, settle, admin)),
        ("a client", client, by_guard(ok, no_session, settle, ok)),
    ];
    for (caller, token, expected) in table {
        assert_eq!(answers(&service, token.as_deref()).await, expected, "{caller}");
    }
}

/// A bad token is never silently anonymous, also where nobody needs one.
#[actix_web::test]
async fn a_bad_token_is_refused_on_every_route_public_ones_too() {
    let service = Service::start();
    let all = |code: &str, challenge: &str| [(); 7].map(|()| refused(401, code, challenge));
    let claims =
        |audience: &str| service.issuer.claims(audience, Default::default(), Some(session()));
    let sign = |claims: &shared::Claims| service.issuer.sign(claims).unwrap().expose().to_owned();
    let mut old = claims(AUDIENCE);
    (old.iat, old.exp) = (NOW_S - 330, NOW_S - 30);
    let forged = issuer().sign(&claims(AUDIENCE)).unwrap().expose().to_owned();
    let mut odd = json!(claims(AUDIENCE));
    odd["session"] = json!("{}");
    let odd =
        service.issuer.sign_raw(service.issuer.header().to_string(), odd.to_string()).unwrap();
    let table = [
        ("forged", forged, all("A002", INVALID)),
        ("for another service", sign(&claims("user-service")), all("A002", INVALID)),
        ("expired", sign(&old), all("A003", EXPIRED)),
        ("its session is none", odd.expose().to_owned(), all("A002", INVALID)),
        ("no token", "x".to_owned(), all("A002", INVALID)),
    ];
    for (name, token, expected) in table {
        assert_eq!(answers(&service, Some(&token)).await, expected, "{name}");
    }
}

#[actix_web::test]
async fn a_client_without_a_session_is_known_by_its_claims() {
    let service = Service::start();
    let token = service.token_of(None, "");
    assert_eq!(service.get_as("/caller", &token).await.body, "test-client");
    let no_session = (401, "A001".to_owned(), "Bearer".to_owned());
    assert_eq!(refusal(&service.get("/caller", &[]).await), no_session);
}

#[actix_web::test]
async fn an_optional_session_is_told_from_none() {
    let service = Service::start();
    let token = service.token("");
    let client = service.token_of(None, "");
    assert_eq!(service.get("/greet", &[]).await.body, "stranger");
    assert_eq!(service.get_as("/greet", &token).await.body, "user 200");
    assert_eq!(service.get_as("/greet", &client).await.body, "stranger");
}

/// The moment is the verifier's clock, not what a session says of itself.
#[actix_web::test]
async fn the_session_that_is_shown_says_when_it_was_loaded_here() {
    let service = Service::start();
    let answer = service.get_as("/session", &service.token("")).await;
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["success"], &body["errorCode"]),
        (200, &json!(true), &json!(null))
    );
    assert_eq!(
        body["data"],
        json!({"companyId": 100, "userId": 200, "doDT": "2027-01-15T08:00:00Z"})
    );
    assert_eq!(service.get("/session", &[]).await.status, 401);
}

/// Token A's session must not stay behind for whoever comes next on the same connection and worker.
#[actix_web::test]
async fn two_callers_on_one_connection_keep_their_own_sessions() {
    let service = Service::start();
    let request = |headers: &str| format!("GET /greet HTTP/1.1\r\nHost: test\r\n{headers}\r\n");
    let bearer = format!("Authorization: Bearer {}\r\n", service.token(""));
    let sent = [request(&bearer), request(""), request(&bearer), request("Connection: close\r\n")]
        .concat();
    let came = crate::raw_http::exchange(service.address, sent.as_bytes()).await;
    let names: Vec<&str> = ["user 200", "stranger"].into_iter().collect();
    let mut order: Vec<(usize, &str)> =
        names.iter().flat_map(|name| came.match_indices(name)).collect();
    order.sort_unstable();
    let order: Vec<&str> = order.into_iter().map(|(_, name)| name).collect();
    assert_eq!(order, ["user 200", "stranger", "user 200", "stranger"], "{came}");
}
