//! How a token may travel: in one `Authorization` header, and by no other way.

use serde_json::Value;

use crate::raw_http::{self, Answer};
use crate::{Service, refusal};

const INVALID: &str = r#"Bearer error="invalid_token", error_description="the token is not valid""#;

fn no_session() -> (u16, String, String) {
    (401, "A001".to_owned(), "Bearer".to_owned())
}

fn invalid() -> (u16, String, String) {
    (401, "A002".to_owned(), INVALID.to_owned())
}

/// H01. CVE-2023-1387: what is in a query is in somebody's log.
#[actix_web::test]
async fn a_token_anywhere_but_in_authorization_does_not_count() {
    let service = Service::start();
    let token = service.token("");
    let bearer = format!("Bearer {token}");
    for name in [
        "X-Forwarded-Authorization",
        "Proxy-Authorization",
        "X-Authorization",
        "X-Access-Token",
        "Authorization2",
    ] {
        let answer = service.get("/orders", &[(name, &bearer)]).await;
        assert_eq!(refusal(&answer), no_session(), "{name}");
    }
    for name in ["access_token", "token", "Authorization"] {
        let answer = service.get("/orders", &[("Cookie", &format!("{name}={token}"))]).await;
        assert_eq!(refusal(&answer), no_session(), "cookie {name}");
    }
    let form = format!("access_token={token}");
    let answer = service.post_json("/settle", "application/x-www-form-urlencoded", &form).await;
    assert_eq!(refusal(&answer), no_session(), "form");
}

/// H01. RFC 6750 section 2.3.
#[actix_web::test]
async fn a_token_in_the_query_is_refused_also_beside_a_good_one() {
    let service = Service::start();
    let token = service.token("");
    for path in ["/orders", "/public", "/greet", "/nowhere"] {
        for query in [
            format!("access_token={token}"),
            format!("a=1&access_token={token}"),
            "access_token".into(),
        ] {
            let answer = service.get(&format!("{path}?{query}"), &[]).await;
            assert_eq!(refusal(&answer), no_session(), "{path}?{query}");
            let answer = service.get_as(&format!("{path}?{query}"), &token).await;
            assert_eq!(refusal(&answer), no_session(), "{path}?{query} beside a good one");
        }
    }
    assert_eq!(service.get_as("/orders?my_access_token=1", &token).await.status, 200);
}

/// H02.
#[actix_web::test]
async fn of_two_authorization_headers_neither_is_chosen() {
    let service = Service::start();
    let good = format!("Bearer {}", service.token(""));
    let pairs = [
        (&*good, "Bearer forged"),
        ("Bearer forged", &*good),
        (&*good, &*good),
        ("Basic YTpi", &*good),
        ("", &*good),
    ];
    for path in ["/orders", "/public"] {
        for (first, second) in pairs {
            let answer =
                service.get(path, &[("Authorization", first), ("authorization", second)]).await;
            assert_eq!(refusal(&answer), invalid(), "{path}: {first:.20}, {second:.20}");
        }
        let joined = format!("{good}, {good}");
        assert_eq!(refusal(&service.get(path, &[("Authorization", &joined)]).await), invalid());
    }
}

/// H03. RFC 9110 section 11.1.
#[actix_web::test]
async fn the_scheme_may_be_written_in_any_case() {
    let service = Service::start();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let header = format!("{scheme} {}", service.token(""));
        let answer = service.get("/orders", &[("Authorization", &header)]).await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
}

/// H04.
#[actix_web::test]
async fn an_authorization_header_that_is_not_one_bearer_token_is_refused() {
    let service = Service::start();
    let token = service.token("");
    let values = [
        token.clone(),
        format!("Basic {token}"),
        format!("DPoP {token}"),
        format!("Bearer {token} x"),
        format!("Bearer x {token}"),
        format!("Bearer Bearer {token}"),
        format!("Bearer:{token}"),
        format!("Bearer={token}"),
        format!("Bearer\t{token}"),
        format!("Bearer \"{token}\""),
        format!("Bearer  {token}"),
        format!("Bearer {token},"),
        format!("\"Bearer {token}\""),
        format!("Bearer {token}\u{e4}"),
        "Bearer".to_owned(),
        String::new(),
    ];
    for path in ["/orders", "/public"] {
        for value in &values {
            let answer = service.get(path, &[("Authorization", value)]).await;
            assert_eq!(refusal(&answer), invalid(), "{path}: {value:.40}");
        }
    }
}

/// H05. CVE-2025-64484: no header but the token makes a caller, however it is spelled.
#[actix_web::test]
async fn a_header_that_claims_a_session_changes_nothing() {
    let service = Service::start();
    let own = format!("Bearer {}", service.token(""));
    let session = r#"{"companyId":1,"userId":1}"#;
    let claims = [
        vec![("X-Session", session)],
        vec![("session", session)],
        vec![("X_Session", session)],
        vec![("X-User-Id", "1"), ("X-Company-Id", "1"), ("X-Roles", "admin")],
        vec![("X-Session", session), ("Connection", "X-Session")],
        vec![("X-Session", session), ("X-Session", session)],
    ];
    for authorization in [None, Some(("Authorization", own.as_str()))] {
        for path in ["/public", "/greet", "/orders", "/session"] {
            let plain: Vec<_> = authorization.into_iter().collect();
            let expected = comparable(&service.get(path, &plain).await);
            for claimed in &claims {
                let with_claim = [&plain[..], claimed].concat();
                let answer = service.get(path, &with_claim).await;
                assert_eq!(comparable(&answer), expected, "{path}: {claimed:?}");
            }
        }
    }
}

/// An answer without what differs between any two.
fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let differing = ["date", "x-request-id", "content-length"];
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !differing.contains(&name.as_str()));
    headers.sort();
    let mut body: Value =
        serde_json::from_str(&answer.body).unwrap_or_else(|_| answer.body.clone().into());
    if body.is_object() {
        body["timestamp"] = Value::Null;
    }
    (answer.status, headers, body)
}

/// J22. The server goes on, whatever is thrown at it.
#[actix_web::test]
async fn an_authorization_header_of_any_size_leaves_the_server_standing() {
    let service = Service::start();
    let token = service.token("");
    for size in [6 * 1024, 64 * 1024, 1024 * 1024] {
        let value = format!("Bearer {}", "a".repeat(size));
        let answer = service.get("/public", &[("Authorization", &value)]).await;
        assert!([401, 400, 413, 431].contains(&answer.status), "{size}: {answer:?}");
        assert_eq!(service.get_as("/orders", &token).await.status, 200, "after {size}");
    }
}

/// H06. RFC 9112 sections 3 and 6.1. (A bare LF for a line end is taken, as section 2.2 allows.)
#[actix_web::test]
async fn a_head_without_one_host_or_with_an_odd_first_line_is_refused() {
    let service = Service::start();
    let heads = [
        "GET /public HTTP/1.1\r\n",
        "GET /public HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        "GET  /public HTTP/1.1\r\nHost: test\r\n",
        "GET /pub lic HTTP/1.1\r\nHost: test\r\n",
        "GET /public\r\n",
        "GET /public HTTP/9.9\r\nHost: test\r\n",
        "POST /upload HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n",
    ];
    for head in heads {
        let came = raw_http::exchange(service.address, format!("{head}\r\n").as_bytes()).await;
        assert!(came.starts_with("HTTP/1.1 400 "), "{head:?}: {came}");
    }
}

/// H06. RFC 9112 sections 5 and 6: where two parsers could disagree, the connection ends.
#[actix_web::test]
async fn a_request_that_two_parsers_could_read_differently_is_refused_and_the_connection_closed() {
    let service = Service::start();
    let smuggled = "GET /public HTTP/1.1\r\nHost: test\r\n\r\n";
    let heads = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: -1\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        " Content-Length: 5\r\n",
        "X-A: b\r\n c\r\n",
        "X A: b\r\n",
        "X-A: b\0c\r\n",
    ];
    for head in heads {
        let request =
            format!("POST /upload HTTP/1.1\r\nHost: test\r\n{head}\r\n0\r\n\r\n{smuggled}");
        let came = raw_http::exchange(service.address, request.as_bytes()).await;
        assert!(came.starts_with("HTTP/1.1 400 "), "{head:?}: {came}");
        assert_eq!(came.matches("HTTP/1.1 ").count(), 1, "{head:?}: {came}");
    }
    assert_eq!(service.get("/public", &[]).await.status, 200);
}

/// Else the body of a refused upload would be the next request on the connection.
#[actix_web::test]
async fn the_body_of_a_refused_request_is_never_read_as_a_request() {
    let service = Service::start();
    let smuggled = "GET /greet HTTP/1.1\r\nHost: test\r\n\r\n";
    let length = smuggled.len();
    for path in ["/orders", "/settle", "/nowhere", "/panic"] {
        for method in ["GET", "POST"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{smuggled}"
            );
            let last = "GET /public HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
            let came = raw_http::exchange(service.address, (request + last).as_bytes()).await;
            assert!(!came.contains("stranger"), "{method} {path}: {came}");
        }
    }
}
