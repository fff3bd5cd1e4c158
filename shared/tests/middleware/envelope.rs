//! Whatever goes wrong is said in one envelope, in the caller's language, without the cause.

use serde_json::json;
use shared::TraceContext;

use crate::{Service, raw_http, refusal};

#[actix_web::test]
async fn bad_input_is_answered_in_the_envelope() {
    let service = Service::start();
    let json = "application/json";
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(256 * 1024));
    let table = [
        ("/echo", json, "", (400, "C002")),
        ("/echo", json, "{", (400, "C002")),
        ("/echo", json, r#"{"text":1}"#, (400, "C002")),
        ("/echo", json, r#"{"other":"a"}"#, (400, "C002")),
        ("/echo", json, "\u{feff}{}", (400, "C002")),
        ("/echo", json, &large, (413, "C005")),
        ("/upload", "application/octet-stream", &large, (413, "C005")),
        ("/echo", "text/plain", r#"{"text":"a"}"#, (415, "C006")),
        ("/echo", "application/xml", "<text/>", (415, "C006")),
        ("/nowhere", json, "{}", (404, "C003")),
        ("/public", json, "{}", (405, "C004")),
    ];
    for (path, content_type, body, (status, code)) in table {
        let answer = service.post_json(path, content_type, body).await;
        assert_eq!(refusal(&answer), (status, code.to_owned(), String::new()), "{path} {body:.30}");
    }
    let answer = service.post_json("/echo", json, r#"{"text":"a"}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "a"));
}

#[actix_web::test]
async fn a_bad_query_or_path_is_answered_in_the_envelope() {
    let service = Service::start();
    for path in
        ["/page", "/page?limit=", "/page?limit=many", "/page?limit=-1", "/page?limit=1&limit=2"]
    {
        let answer = service.get(path, &[]).await;
        assert_eq!(refusal(&answer).1, "C001", "{path}");
        assert_eq!(answer.json()["data"]["fields"][0]["field"], "query", "{path}");
    }
    let answer = service.get_as("/orders/seven", &service.token("")).await;
    assert_eq!(refusal(&answer).1, "C003");
}

/// A closed connection would look like a network fault, and be tried again.
#[actix_web::test]
async fn a_handler_that_panics_is_answered_and_the_next_request_is_fine() {
    let service = Service::start();
    let request = |path: &str, more: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: test\r\nX-Request-Id: r-1\r\n{more}\r\n")
    };
    let sent = [request("/panic", ""), request("/public", "Connection: close\r\n")].concat();
    let came = raw_http::exchange(service.address, sent.as_bytes()).await;
    assert_eq!(came.matches("HTTP/1.1 500 ").count(), 1, "{came}");
    assert_eq!(came.matches("HTTP/1.1 200 ").count(), 1, "{came}");
    for _ in 0..5 {
        let answer =
            service.get("/panic", &[("X-Request-Id", "r-1"), ("Accept-Language", "en")]).await;
        assert_eq!(refusal(&answer), (500, "C009".to_owned(), String::new()));
        assert_eq!(answer.header("x-request-id"), Some("r-1"));
        assert_eq!(answer.json()["message"], "Something went wrong on our side.");
        assert!(!answer.body.contains("s3cret"), "{answer:?}");
    }
}

/// The text of an error may hold the address of a database.
#[actix_web::test]
async fn the_cause_of_a_500_is_not_in_the_answer() {
    let service = Service::start();
    let answer = service.get("/database", &[]).await;
    assert_eq!(refusal(&answer).1, "C009");
    assert!(!answer.body.contains("s3cret"), "{answer:?}");
}

#[actix_web::test]
async fn the_message_is_in_the_language_that_was_asked_for() {
    let service = Service::start();
    let table = [
        (None, "로그인이 필요합니다."),
        (Some("ko"), "로그인이 필요합니다."),
        (Some("ko-KR,en;q=0.8"), "로그인이 필요합니다."),
        (Some("fr"), "로그인이 필요합니다."),
        (Some("en"), "A session is required."),
        (Some("en-US,en;q=0.9,ko;q=0.8"), "A session is required."),
        (Some("ko;q=0.2, en;q=0.7"), "A session is required."),
    ];
    for (asked, message) in table {
        let headers: Vec<_> = asked.iter().map(|asked| ("Accept-Language", *asked)).collect();
        let answer = service.get("/orders", &headers).await;
        assert_eq!(answer.json()["message"], message, "{asked:?}");
    }
}

#[actix_web::test]
async fn a_request_id_is_echoed_if_it_is_one_and_made_otherwise() {
    let service = Service::start();
    let long = "x".repeat(129);
    for path in ["/public", "/orders", "/nowhere", "/panic"] {
        let answer = service.get(path, &[("X-Request-Id", "order-42/a")]).await;
        assert_eq!(answer.header("x-request-id"), Some("order-42/a"), "{path}");
        for bad in ["", "a b", "\u{e4}", long.as_str()] {
            let answer = service.get(path, &[("X-Request-Id", bad)]).await;
            let made = answer.header("x-request-id").unwrap_or_default();
            assert!(made != bad && made.len() == 36, "{path}: {bad:?} -> {made:?}");
        }
    }
    let first = service.get("/public", &[]).await.header("x-request-id").map(str::to_owned);
    let second = service.get("/public", &[]).await.header("x-request-id").map(str::to_owned);
    assert!(first.is_some() && first != second);
}

#[actix_web::test]
async fn a_trace_is_carried_on_with_a_span_of_our_own() {
    let service = Service::start();
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let own = service.get("/trace", &[("traceparent", given)]).await.body;
    assert_eq!(TraceContext::parse(&own).unwrap().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_ne!(own, given);
    let fresh = service.get("/trace", &[("traceparent", "nonsense")]).await.body;
    assert!(TraceContext::parse(&fresh).is_some(), "{fresh}");
}

/// A browser shows a page the refusal only if the headers of CORS are on it.
#[actix_web::test]
async fn what_an_inner_layer_adds_to_a_refusal_stays_on_it() {
    let service = Service::start();
    for headers in [vec![], vec![("Accept-Language", "en")]] {
        let answer = service.get("/cors", &headers).await;
        assert_eq!(refusal(&answer), (401, "A001".to_owned(), "Bearer".to_owned()));
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.test"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

/// The edge rewords what actix says by itself. What a handler says stays as it is.
#[actix_web::test]
async fn a_status_that_only_a_handler_gives_is_left_alone() {
    let service = Service::start();
    let answer = service.get("/teapot", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "short and stout"));
}

#[actix_web::test]
async fn a_success_has_the_envelope_and_its_own_headers() {
    let service = Service::start();
    let answer = service.get_as("/orders", &service.token("")).await;
    let mut body = answer.json();
    assert!(body["timestamp"].take().is_string());
    let data = r#"{"companyId":100,"userId":200}"#;
    let expected = json!({
        "success": true, "message": "OK", "data": data, "errorCode": null, "statusCode": 200, "timestamp": null,
    });
    assert_eq!((body, answer.header("x-total")), (expected, Some("1")));
}
