//! Calls of a service: whose token goes along, what a 401 leads to, and where a token never goes.

use futures_util::future::join_all;
use shared::client::{CallError, ServiceClient, Target};
use shared::{SessionClient, TraceContext};

use super::*;

pub const INVALID: &str = "WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"the token is expired\"\r\n";

/// A service that is called with the tokens of a bench.
pub struct Shop {
    pub bench: Bench,
    pub service: FakeServer,
    pub client: ServiceClient,
}

impl Shop {
    pub async fn answering(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let bench = Bench::new().await;
        let service = FakeServer::start(script).await;
        let base_url = service.url("").parse().unwrap();
        let target = Target::new(base_url, AUDIENCE, "order:read".parse().unwrap());
        let client = ServiceClient::new(http(), bench.tokens.clone(), target);
        Self { bench, service, client }
    }

    pub fn of_user(&self, number: usize) -> SessionClient {
        self.client.with_session(user(number).session().unwrap())
    }

    /// The tokens that the service has seen, by their numbers.
    pub fn tokens_seen(&self) -> Vec<usize> {
        self.service.asked().iter().map(|asked| read(&bearer(asked)).1).collect()
    }
}

pub fn bearer(asked: &Asked) -> String {
    asked.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

/// A service that refuses the tokens with these numbers.
pub fn refusing(
    numbers: &'static [usize],
    challenge: &'static str,
) -> impl Fn(&Asked) -> Reply + Send + Sync {
    move |asked| match read(&bearer(asked)).1 {
        number if numbers.contains(&number) => Reply::with_headers(401, challenge, ""),
        _ => Reply::json(200, r#"{"data":"served"}"#),
    }
}

#[tokio::test]
async fn a_call_carries_the_token_of_its_session_and_the_trace() {
    let shop = Shop::answering(|_| Reply::json(200, "")).await;
    let trace = TraceContext::start();
    let call = shop.of_user(7).within(trace).get("/api/orders").query(&[("limit", "5")]);
    let call = call.header("Authorization", "Bearer mine").header("X-A", "b");
    assert_eq!(call.send().await.unwrap().status(), 200);
    shop.client.without_session().delete("/api/orders/1").send().await.unwrap();
    let asked = shop.service.asked();
    assert!(asked[0].text.starts_with("GET /api/orders?limit=5 HTTP/1.1\r\n"), "{}", asked[0].text);
    assert_eq!(read(&bearer(&asked[0])).0, r#"{"companyId":100,"userId":7}"#);
    assert_eq!(asked[0].text.to_lowercase().matches("authorization:").count(), 1);
    let sent = TraceContext::parse(asked[0].header("traceparent").unwrap()).unwrap();
    assert!(sent.trace_id() == trace.trace_id() && sent != trace);
    assert!(asked[1].text.starts_with("DELETE /api/orders/1 "));
    assert_eq!(read(&bearer(&asked[1])).0, "");
}

/// B06.
#[tokio::test]
async fn a_401_for_the_token_leads_to_one_fresh_token_and_one_more_try() {
    let shop = Shop::answering(refusing(&[1], INVALID)).await;
    let call =
        shop.of_user(1).post("/api/orders").json(&json!({"product": 3})).idempotency_key("k");
    assert_eq!(call.fetch::<String>().await.unwrap(), "served");
    assert_eq!((shop.tokens_seen(), shop.bench.endpoint.count()), (vec![1, 2], 2));
    for asked in shop.service.asked() {
        assert!(asked.text.ends_with(r#"{"product":3}"#), "{}", asked.text);
        assert_eq!(asked.header("idempotency-key"), Some("k"));
    }
    shop.of_user(1).get("/").send().await.unwrap();
    assert_eq!(shop.tokens_seen(), [1, 2, 2], "the fresh one is kept");
}

/// B06.
#[tokio::test]
async fn a_service_that_refuses_every_token_is_asked_twice_and_no_more() {
    let shop = Shop::answering(refusing(&[1, 2, 3, 4], INVALID)).await;
    assert_eq!(shop.of_user(1).get("/").send().await.unwrap().status(), 401);
    assert_eq!((shop.tokens_seen(), shop.bench.endpoint.count()), (vec![1, 2], 2));
    let error = shop.of_user(1).get("/").fetch::<String>().await.unwrap_err();
    assert!(
        matches!(error, CallError::Refused { status: 401, .. }) && !error.is_transient(),
        "{error}"
    );
}

/// B06. It refuses the fresh ones, too, so it is not the token's fault.
#[tokio::test]
async fn a_service_that_refuses_every_token_does_not_make_each_call_fetch_one() {
    let shop = Shop::answering(|_| Reply::with_headers(401, INVALID, "")).await;
    for _ in 0..50 {
        assert_eq!(shop.of_user(1).get("/").send().await.unwrap().status(), 401);
    }
    assert_eq!((shop.bench.endpoint.count(), shop.service.count()), (2, 51));
    shop.bench.clock.advance(Duration::from_millis(9_999));
    shop.of_user(1).get("/").send().await.unwrap();
    assert_eq!(shop.bench.endpoint.count(), 2);
    // By now it may have been revoked.
    shop.bench.clock.advance(Duration::from_millis(1));
    shop.of_user(1).get("/").send().await.unwrap();
    assert_eq!(shop.bench.endpoint.count(), 3);
}

/// RFC 9110 section 11.6.1.
#[tokio::test]
async fn a_401_is_understood_however_it_is_written() {
    let challenges = [
        "WWW-Authenticate: bearer ERROR = invalid_token\r\n",
        "WWW-Authenticate: Basic realm=\"a, b\", Bearer realm=\"x\", error=\"invalid_token\"\r\n",
        "WWW-Authenticate: Negotiate\r\nwww-authenticate: Bearer error=\"invalid_token\"\r\n",
    ];
    for challenge in challenges {
        let shop = Shop::answering(refusing(&[1], challenge)).await;
        assert_eq!(shop.of_user(1).get("/").send().await.unwrap().status(), 200, "{challenge}");
        assert_eq!(shop.tokens_seen(), [1, 2]);
    }
}

#[tokio::test]
async fn the_trace_and_the_request_id_go_along() {
    let shop = Shop::answering(|_| Reply::json(200, "")).await;
    let caller = shop.of_user(1).with_request_id("from-outside-7");
    caller.get("/").header("X-Request-Id", "another").send().await.unwrap();
    caller.get("/").send().await.unwrap();
    let unfit = ["", "a b", "a\r\nX-A: b", "\u{e4}", &"x".repeat(129)];
    for id in unfit {
        shop.of_user(1).with_request_id(id).get("/").send().await.unwrap();
    }
    shop.of_user(1).get("/").send().await.unwrap();
    let asked = shop.service.asked();
    let ids: Vec<_> = asked.iter().map(|asked| asked.header("x-request-id")).collect();
    assert_eq!(ids[..2], [Some("from-outside-7"); 2]);
    assert!(ids[2..].iter().all(Option::is_none), "{ids:?}");
    let traces: Vec<_> = asked
        .iter()
        .map(|asked| TraceContext::parse(asked.header("traceparent").unwrap()).unwrap())
        .collect();
    assert!(traces[0].trace_id() == traces[1].trace_id() && traces[0] != traces[1]);
    assert_ne!(traces[0].trace_id(), traces[7].trace_id(), "another client, another trace");
}

/// A value that somebody else has sent does not belong into our log.
#[tokio::test]
async fn an_unexpected_answer_is_not_repeated() {
    let bodies = [
        r#"{"data":"010-1234"}"#,
        r#"{"data":{"010-1234":1}}"#,
        r#"{"010-1234":1}"#,
        "010-1234",
        r#"{"data":7,"data":"010-1234"}"#,
    ];
    for body in bodies {
        let shop = Shop::answering(move |_| Reply::json(200, body)).await;
        let error = shop.of_user(1).get("/").fetch::<u32>().await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("line 1") && !shown.contains("010"), "{shown}");
    }
    let shop = Shop::answering(|_| Reply::json(200, r#"{"data":"010-1234"}"#)).await;
    let error = shop.of_user(1).get("/").fetch::<shared::Algorithm>().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("010"), "{error}");
}

/// RFC 6750 section 3.1: it says nothing against the token, so a fresh one would fare no better.
#[tokio::test]
async fn any_other_refusal_costs_no_token_and_no_second_try() {
    let table = [
        (401, ""),
        (401, "WWW-Authenticate: Bearer\r\n"),
        (401, "WWW-Authenticate: Bearer error=\"invalid_request\"\r\n"),
        (401, "WWW-Authenticate: Basic realm=\"x\"\r\n"),
        (403, "WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"a\"\r\n"),
        (403, INVALID),
        (400, INVALID),
        (500, INVALID),
    ];
    for (status, headers) in table {
        let shop = Shop::answering(move |_| Reply::with_headers(status, headers, "")).await;
        for _ in 0..2 {
            let response = shop.of_user(1).get("/").send().await.unwrap();
            assert_eq!(response.status().as_u16(), status);
        }
        assert_eq!(
            (shop.tokens_seen(), shop.bench.endpoint.count()),
            (vec![1, 1], 1),
            "{status} {headers}"
        );
    }
}

/// Fifty callers hold the token that was revoked.
#[tokio::test]
async fn many_401s_for_one_token_lead_to_one_fresh_token() {
    let refuse = refusing(&[1], INVALID);
    let shop = Shop::answering(move |asked| refuse(asked).after(Duration::from_millis(50))).await;
    let calls = join_all((0..50).map(|_| shop.of_user(1).get("/").send())).await;
    assert!(calls.iter().all(|call| call.as_ref().is_ok_and(|response| response.status() == 200)));
    assert_eq!((shop.service.count(), shop.bench.endpoint.count()), (100, 2));
}

#[tokio::test]
async fn a_late_401_for_an_old_token_does_not_drop_the_new_one() {
    let bench = Bench::new().await;
    let old = bench.tokens.token(&user(1), DEADLINE).await.unwrap();
    bench.tokens.reject(&user(2), &old);
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1, "rejected for another session");
    bench.tokens.reject(&user(1), &old);
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 2);
    bench.clock.advance(Duration::from_secs(20));
    bench.tokens.reject(&user(1), &old);
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 2, "a late 401");
    assert_eq!(bench.endpoint.count(), 2);
}

/// What was read from the stream is gone; but the next call gets a fresh token.
#[tokio::test]
async fn a_streamed_body_is_sent_once_only() {
    let shop = Shop::answering(refusing(&[1], INVALID)).await;
    let parts = futures_util::stream::iter(["a", "b"].map(Ok::<_, std::io::Error>));
    let call = shop.of_user(1).post("/").body(reqwest::Body::wrap_stream(parts));
    assert_eq!(call.send().await.unwrap().status(), 401);
    assert_eq!(shop.tokens_seen(), [1]);
    shop.of_user(1).get("/").send().await.unwrap();
    assert_eq!(shop.tokens_seen(), [1, 2]);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_the_token_goes_nowhere_else() {
    let elsewhere = FakeServer::start(|_| Reply::json(200, "")).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}\r\n", elsewhere.url("/steal"));
        let shop = Shop::answering(move |_| Reply::with_headers(status, &location, "")).await;
        let response = shop.of_user(1).get("/").send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        let location = format!("Location: {}\r\n", elsewhere.url("/steal"));
        shop.bench.endpoint.answer(move |_| Reply::with_headers(status, &location, ""));
        assert!(
            shop.of_user(2).get("/").send().await.is_err(),
            "the secret must not follow either"
        );
    }
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn no_path_leads_a_token_to_another_host() {
    let elsewhere = FakeServer::start(|_| Reply::json(200, "")).await;
    let shop = Shop::answering(|_| Reply::json(200, "")).await;
    let url = elsewhere.url("/x");
    let host = url.trim_start_matches("http:");
    let paths = [
        host.to_owned(),
        url.clone(),
        format!("@{}", &host[2..]),
        host.replace('/', "\\"),
        format!(":{}", &host[2..]),
        "/a?b=c".into(),
        "/a#b".into(),
        "".into(),
        "a".into(),
        "/\r\nX-A: b".into(),
    ];
    for path in &paths {
        match shop.of_user(1).get(path).send().await {
            Ok(response) => assert_eq!(response.status(), 200, "{path}"),
            Err(error) => assert!(matches!(error, CallError::Request(_)), "{path}: {error}"),
        }
    }
    assert_eq!(elsewhere.count(), 0);
    for asked in shop.service.asked() {
        assert!(asked.header("x-a").is_none(), "{}", asked.text);
    }
}

/// An id from outside, put into a path, must not turn one route into another.
#[tokio::test]
async fn a_path_that_goes_up_is_not_sent() {
    let shop = Shop::answering(|_| Reply::json(200, "")).await;
    let ids = [
        "..",
        ".",
        "../admin",
        "%2e%2e",
        ".%2E/admin",
        "%2e",
        "x/../../admin",
        "..\\admin",
        "x\\..\\..\\admin",
        ".\n./admin",
        ".\t.",
    ];
    for id in ids {
        let outcome = shop.of_user(1).get(&format!("/api/orders/{id}")).send().await;
        assert!(matches!(outcome, Err(CallError::Request(_))), "{id:?}: {outcome:?}");
    }
    assert_eq!(shop.service.count(), 0);
    for id in ["...", "a..b", "..a", "%2e%2e%2e", "a.", "서울", "a b"] {
        shop.of_user(1).get(&format!("/api/orders/{id}")).send().await.unwrap();
    }
    let asked = shop.service.asked();
    assert!(asked.iter().all(|asked| asked.text.starts_with("GET /api/orders/")), "{asked:?}");
}

#[tokio::test]
async fn what_a_service_answers_is_data_or_an_error_with_its_code() {
    let refusal = r#"{"success":false,"message":"no such order","data":null,"errorCode":"O001","statusCode":404}"#;
    type Refusal = (&'static str, Option<&'static str>, bool);
    let table: [(Reply, Result<u32, Refusal>); 8] = [
        (Reply::json(200, r#"{"success":true,"data":7}"#), Ok(7)),
        (Reply::json(404, refusal), Err(("no such order", Some("O001"), false))),
        (Reply::json(500, "<html>"), Err(("500", None, true))),
        (Reply::json(429, ""), Err(("429", None, true))),
        (Reply::json(302, ""), Err(("302", None, false))),
        (Reply::json(200, r#"{"data":"seven"}"#), Err(("not what was expected", None, false))),
        (Reply::json(200, ""), Err(("not what was expected", None, false))),
        (Reply::Silence, Err(("timed out", None, true))),
    ];
    for (reply, expected) in table {
        let shop = Shop::answering(move |_| reply.clone()).await;
        match (shop.of_user(1).get("/").fetch::<u32>().await, expected) {
            (Ok(data), Ok(expected)) => assert_eq!(data, expected),
            (Err(error), Err((word, code, transient))) => {
                assert!(error.to_string().contains(word), "{error}");
                assert_eq!((error.code(), error.is_transient()), (code, transient), "{error}");
            }
            (other, _) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_call_without_a_token_never_reaches_the_service() {
    let shop = Shop::answering(|_| Reply::json(200, "")).await;
    shop.bench.endpoint.answer(|_| Reply::json(401, json!({"error": "invalid_client"})));
    let error = shop.of_user(1).get("/").send().await.unwrap_err();
    assert!(matches!(error, CallError::Token(TokenFetchError::Refused { .. })), "{error}");
    assert_eq!(shop.service.count(), 0);
}
