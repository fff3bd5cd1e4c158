//! What is tried again, how often, and when a call gives up.

use shared::client::{CallError, ServiceClient, Target};
use shared::{Clock, SystemClock};

use super::calls::Shop;
use super::*;

/// A service that answers so to the first requests, and then as it should.
fn failing(times: usize, reply: Reply) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let number = AtomicUsize::new(0);
    move |_| match number.fetch_add(1, Ordering::SeqCst) {
        number if number < times => reply.clone(),
        _ => Reply::json(200, r#"{"data":"served"}"#),
    }
}

fn closing() -> Reply {
    Reply::Bytes(Vec::new())
}

#[tokio::test]
async fn a_call_that_can_be_repeated_survives_two_passing_failures() {
    let replies = [429, 502, 503, 504].map(|status| Reply::json(status, ""));
    for reply in replies.into_iter().chain([closing()]) {
        let shop = Shop::answering(failing(2, reply.clone())).await;
        let call = shop.of_user(1).post("/").json(&json!({"a": 1})).idempotency_key("k");
        assert_eq!(call.fetch::<String>().await.unwrap(), "served", "{reply:?}");
        assert!(shop.service.asked().iter().all(|asked| asked.text.ends_with(r#"{"a":1}"#)));
        assert_eq!((shop.service.count(), shop.bench.tokens.counts().retried), (3, 2));
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let shop = Shop::answering(failing(1, Reply::json(503, ""))).await;
        let method = method.parse().unwrap();
        let response = shop.of_user(1).call(method, "/").send().await.unwrap();
        assert_eq!((response.status().as_u16(), shop.service.count()), (200, 2));
    }
}

#[tokio::test]
async fn the_third_failure_is_the_answer() {
    let shop = Shop::answering(failing(9, Reply::json(503, ""))).await;
    assert_eq!(shop.of_user(1).get("/").send().await.unwrap().status(), 503);
    assert_eq!(shop.service.count(), 3);
    let shop = Shop::answering(failing(9, closing())).await;
    let error = shop.of_user(1).get("/").send().await.unwrap_err();
    assert!(matches!(error, CallError::Transport(_)), "{error}");
    assert_eq!(shop.service.count(), 3);
}

/// Twice might be once too often.
#[tokio::test]
async fn what_must_not_or_need_not_be_repeated_is_sent_once() {
    for method in ["POST", "PATCH"] {
        let shop = Shop::answering(failing(1, Reply::json(503, ""))).await;
        shop.of_user(1).call(method.parse().unwrap(), "/").send().await.unwrap();
        assert_eq!(shop.service.count(), 1, "{method}");
    }
    for status in [400, 401, 403, 404, 408, 409, 500, 501] {
        let shop = Shop::answering(failing(1, Reply::json(status, ""))).await;
        assert_eq!(shop.of_user(1).get("/").send().await.unwrap().status().as_u16(), status);
        assert_eq!(shop.service.count(), 1, "{status}");
    }
    let shop = Shop::answering(failing(1, Reply::json(503, ""))).await;
    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>("a")]);
    let body = reqwest::Body::wrap_stream(stream);
    shop.of_user(1).post("/").idempotency_key("k").body(body).send().await.unwrap();
    assert_eq!(shop.service.count(), 1, "a stream");
}

#[tokio::test]
async fn retries_can_be_switched_off_for_a_target() {
    let shop = Shop::answering(failing(1, Reply::json(503, ""))).await;
    let base_url = shop.service.url("").parse().unwrap();
    let target = Target::new(base_url, AUDIENCE, Default::default()).without_retries();
    let client = ServiceClient::new(http(), shop.bench.tokens.clone(), target);
    assert_eq!(client.without_session().get("/").send().await.unwrap().status(), 503);
    assert_eq!(shop.service.count(), 1);
}

/// Callers who all try again keep a service down that has stumbled.
#[tokio::test]
async fn the_retries_of_a_host_are_a_tenth_of_its_calls_and_ten_in_store() {
    let shop = Shop::answering(|_| Reply::json(503, "")).await;
    for _ in 0..100 {
        shop.of_user(1).get("/").send().await.unwrap();
    }
    let retried = shop.bench.tokens.counts().retried;
    assert!((19..=20).contains(&retried), "{retried}");
}

#[tokio::test]
async fn a_retry_after_is_obeyed_when_there_is_time() {
    let shop =
        Shop::answering(failing(1, Reply::with_headers(503, "Retry-After: 1\r\n", ""))).await;
    let started = SystemClock::new();
    assert_eq!(shop.of_user(1).get("/").send().await.unwrap().status(), 200);
    assert!(started.monotonic() >= Duration::from_secs(1), "{:?}", started.monotonic());
}

#[tokio::test]
async fn a_retry_after_beyond_the_deadline_hands_back_the_answer_at_once() {
    for wait in ["5", "99999999999999999999", "18446744073709551615"] {
        let header = format!("Retry-After: {wait}\r\n");
        let shop = Shop::answering(failing(9, Reply::with_headers(429, &header, ""))).await;
        let started = SystemClock::new();
        let call = shop.of_user(1).get("/").deadline(Duration::from_millis(900));
        let status = call.send().await.unwrap().status();
        assert_eq!(status, 429);
        assert!(started.monotonic() < Duration::from_millis(800), "{:?}", started.monotonic());
    }
}

/// (what the endpoint does, what the service does, a word of the error)
fn hanging() -> [(Reply, Reply, &'static str); 3] {
    let token = json!({"access_token": "a.1", "token_type": "Bearer", "expires_in": 300});
    let good = Reply::json(200, token);
    let slow = Reply::json(200, "x").after(DEADLINE);
    [
        (Reply::Silence, Reply::Silence, "waiting for a token"),
        (good.clone(), Reply::Silence, "waiting for the service"),
        (good, slow, "waiting for the service"),
    ]
}

/// Whatever it is that does not answer.
#[tokio::test]
async fn a_call_ends_within_its_own_deadline_and_says_what_it_waited_for() {
    for (token, answer, word) in hanging() {
        let shop = Shop::answering(move |_| answer.clone()).await;
        shop.bench.endpoint.answer(move |_| token.clone());
        let started = SystemClock::new();
        let deadline = Duration::from_millis(300);
        let error = shop.of_user(1).get("/").deadline(deadline).send().await.unwrap_err();
        let took = started.monotonic();
        assert!((deadline..deadline * 2).contains(&took), "{took:?}");
        assert!(matches!(error, CallError::Deadline { after, .. } if after == deadline));
        assert!(error.is_transient() && error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn a_deadline_between_attempts_names_the_last_failure() {
    let number = AtomicUsize::new(0);
    let shop = Shop::answering(move |_| match number.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(502, ""),
        _ => Reply::Silence,
    })
    .await;
    let call = shop.of_user(1).get("/").deadline(Duration::from_millis(300));
    let error = call.send().await.unwrap_err().to_string();
    assert!(error.contains("502") && error.contains("300ms"), "{error}");
}

/// The head is there, the body is not.
#[tokio::test]
async fn a_body_that_trickles_does_not_outlast_the_deadline() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{".to_vec();
    let (listener, head) = (tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), head);
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(&head).await.unwrap();
        std::future::pending::<()>().await;
    });
    let shop = Shop::answering(|_| Reply::Silence).await;
    let base_url = format!("http://{address}").parse().unwrap();
    let target = Target::new(base_url, AUDIENCE, Default::default());
    let patient = http_client(Timeouts::default()).unwrap();
    let client = ServiceClient::new(patient, shop.bench.tokens.clone(), target);
    let call = client.without_session().get("/").deadline(Duration::from_millis(300));
    let error = call.fetch::<u32>().await.unwrap_err();
    assert!(error.to_string().contains("the rest of the answer"), "{error}");
    server.abort();
}
