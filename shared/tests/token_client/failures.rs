//! A token endpoint that does not do its job: the error says why, and the endpoint is left alone for a while.

use async_trait::async_trait;
use shared::client::token_source::{IssuedToken, TokenSource};

use super::*;

/// What the endpoint answers, and a word that the text of the error has to hold.
type Row = (&'static str, Reply, &'static str);

/// Asking again may help.
fn unavailable() -> Vec<Row> {
    let megabyte = json!({"access_token": "abc", "ballast": "x".repeat(1024 * 1024)});
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"abc\"".to_vec();
    vec![
        ("silence", Reply::Silence, "timed out"),
        ("500", Reply::json(500, "{}"), "500"),
        ("502 in HTML", Reply::json(502, "<html>"), "502"),
        ("503", Reply::json(503, ""), "503"),
        ("429", Reply::json(429, ""), "429"),
        ("a body that breaks off", Reply::Bytes(cut), "body"),
        ("no HTTP", Reply::Bytes(b"SSH-2.0\r\n".to_vec()), "HTTP"),
        ("1 MB", Reply::json(200, megabyte), "longer than"),
    ]
}

/// Asking again will not help: the client has to be set up otherwise.
fn refused() -> Vec<Row> {
    let refusal = |code: &str| json!({"error": code}).to_string();
    vec![
        ("wrong secret", Reply::json(401, refusal("invalid_client")), "invalid_client"),
        ("not allowed", Reply::json(400, refusal("unauthorized_client")), "unauthorized_client"),
        ("bad scope", Reply::json(400, refusal("invalid_scope")), "invalid_scope"),
    ]
}

/// This is no token endpoint.
fn nonsense() -> Vec<Row> {
    vec![
        ("403 in HTML", Reply::json(403, "<html>"), "403"),
        ("404", Reply::json(404, ""), "404"),
        ("a redirect", Reply::with_headers(307, "Location: /\r\n", ""), "307"),
        ("nothing", Reply::json(200, ""), "empty"),
        ("HTML", Reply::json(200, "<html>"), "line 1"),
        ("no object", Reply::json(200, "[]"), "expected struct"),
    ]
}

/// These are no tokens, or not such that we know how to use them.
fn no_tokens() -> Vec<Row> {
    let members = [
        ("no token", r#""token_type":"Bearer""#, "access_token"),
        ("an empty one", r#""access_token":"","token_type":"Bearer""#, "access_token"),
        ("two words", r#""access_token":"a b","token_type":"Bearer""#, "access_token"),
        ("a header", r#""access_token":"a\r\nX-A: b","token_type":"Bearer""#, "access_token"),
        ("a list", r#""access_token":["abc"],"token_type":"Bearer""#, "access_token"),
        ("no type", r#""access_token":"abc""#, "token_type"),
        ("mac", r#""access_token":"abc","token_type":"mac""#, "token_type"),
        ("DPoP", r#""access_token":"abc","token_type":"DPoP""#, "token_type"),
    ];
    let lifetimes = ["-1", r#""300""#, "300.5", "1e400", "[300]", "true"];
    let lifetimes = lifetimes.map(|lifetime| {
        let body =
            format!(r#"{{"access_token":"abc","token_type":"Bearer","expires_in":{lifetime}}}"#);
        (lifetime, Reply::json(200, body), "expires_in")
    });
    let members = members
        .map(|(name, members, word)| (name, Reply::json(200, format!("{{{members}}}")), word));
    members.into_iter().chain(lifetimes).collect()
}

fn kind(error: &TokenFetchError) -> &'static str {
    match error {
        TokenFetchError::Unavailable { .. } => "unavailable",
        TokenFetchError::Refused { .. } => "refused",
        TokenFetchError::Handoff(_) => "handoff",
        TokenFetchError::Nonsense(_) => "nonsense",
        TokenFetchError::Deadline { .. } => "deadline",
    }
}

/// B07, B08.
#[tokio::test]
async fn an_endpoint_that_gives_no_token_leads_to_an_error_that_names_the_cause() {
    let table = [
        ("unavailable", unavailable()),
        ("refused", refused()),
        ("nonsense", nonsense()),
        ("nonsense", no_tokens()),
    ];
    let rows =
        table.into_iter().flat_map(|(kind, rows)| rows.into_iter().map(move |row| (kind, row)));
    let mut wrong = Vec::new();
    for (expected, (name, reply, word)) in rows {
        let bench = Bench::answering(move |_| reply.clone()).await;
        match bench.token(&user(1)).await {
            Err(error) if kind(&error) == expected && error.to_string().contains(word) => {
                assert_eq!(error.is_transient(), expected == "unavailable", "{name}");
                assert!(error.to_string().len() < 300, "{name}: {error}");
            }
            other => wrong.push(format!("{name}: {other:?}, should be {expected}: ..{word}..")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_away() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let source = source_of(&format!("http://{nowhere}/oauth2/token"), SECRET);
    let tokens = TokenCache::new(Arc::new(source), Arc::new(StoppedClock::at(0)));
    let error = tokens.token(&user(1), DEADLINE).await.unwrap_err();
    assert!(kind(&error) == "unavailable" && error.to_string().contains("refused"), "{error}");
}

/// B08. Such a token may be used, but nobody knows for how long.
#[tokio::test]
async fn a_token_of_unknown_or_no_lifetime_is_used_once_and_not_kept() {
    for expires_in in [json!(null), json!(0)] {
        let bench = Bench::answering(issuing(expires_in.clone())).await;
        for call in 1..=3 {
            assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, call, "{expires_in}");
        }
    }
}

/// B08.
#[tokio::test]
async fn no_token_is_kept_for_more_than_an_hour_whatever_the_endpoint_says() {
    for expires_in in [json!(86_400), json!(u64::MAX)] {
        let bench = Bench::answering(issuing(expires_in)).await;
        bench.token(&user(1)).await.unwrap();
        bench.clock.advance(Duration::from_secs(3500));
        assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
        bench.clock.advance(Duration::from_secs(100));
        assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 2);
    }
}

/// B07. Callers do not wait in vain, and the endpoint gets time to recover.
#[tokio::test]
async fn after_a_failure_the_endpoint_is_asked_again_only_after_a_growing_pause() {
    let bench = Bench::answering(|_| Reply::json(500, "")).await;
    let pauses_ms = [100, 200, 400, 800, 1600, 2000, 2000];
    for (failures, pause_ms) in (1..).zip(pauses_ms) {
        for _ in 0..10 {
            let error = bench.token(&user(1)).await.unwrap_err();
            assert_eq!(kind(&error), "unavailable");
        }
        assert_eq!(bench.endpoint.count(), failures);
        // It ends at a random moment of its second half.
        bench.clock.advance(Duration::from_millis(pause_ms / 2 - 1));
        assert!(bench.token(&user(1)).await.is_err());
        assert_eq!(bench.endpoint.count(), failures, "asked before half of {pause_ms} ms was over");
        bench.clock.advance(Duration::from_millis(pause_ms / 2 + 1));
    }
    bench.endpoint.answer(issuing(json!(300)));
    assert!(bench.token(&user(1)).await.is_ok());
    // A success forgets the failures.
    bench.clock.advance(Duration::from_secs(300));
    bench.endpoint.answer(|_| Reply::json(500, ""));
    assert!(bench.token(&user(1)).await.is_err());
    bench.clock.advance(Duration::from_millis(100));
    bench.endpoint.answer(issuing(json!(300)));
    assert!(bench.token(&user(1)).await.is_ok());
}

const SEVEN_SECONDS_LATER: &str =
    "Date: Fri, 31 Dec 1999 23:59:50 GMT\r\nRetry-After: Fri, 31 Dec 1999 23:59:57 GMT\r\n";

/// RFC 9110 section 10.2.3.
#[tokio::test]
async fn an_endpoint_that_asks_to_be_left_alone_is_left_alone() {
    let table = [
        (429, "Retry-After: 7\r\n", 7_000, 7_000),
        (503, "retry-after:  7 \r\n", 7_000, 7_000),
        (503, "Retry-After: 0\r\n", 50, 100),
        (503, "Retry-After: 99999999999\r\n", 300_000, 300_000),
        (503, "Retry-After: -5\r\n", 50, 100),
        (503, "Retry-After: soon\r\n", 50, 100),
        (503, "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", 50, 100),
        // Held against the endpoint's own clock, which need not be ours.
        (503, SEVEN_SECONDS_LATER, 7_000, 7_000),
    ];
    for (status, header, earliest_ms, pause_ms) in table {
        let bench = Bench::answering(move |_| Reply::with_headers(status, header, "")).await;
        assert!(bench.token(&user(1)).await.is_err());
        bench.clock.advance(Duration::from_millis(earliest_ms - 1));
        assert!(bench.token(&user(1)).await.is_err());
        assert_eq!(bench.endpoint.count(), 1, "{header}");
        bench.clock.advance(Duration::from_millis(pause_ms - earliest_ms + 1));
        assert!(bench.token(&user(1)).await.is_err());
        assert_eq!(bench.endpoint.count(), 2, "{header}");
    }
}

/// One session may be refused while the others are fine.
#[tokio::test]
async fn the_failure_of_one_session_does_not_pause_another() {
    let issue = issuing(json!(300));
    let bench = Bench::answering(move |asked| match field(asked, "session") {
        Some(session) if session.contains(r#""userId":1}"#) => {
            Reply::json(400, json!({"error": "access_denied"}))
        }
        _ => issue(asked),
    })
    .await;
    assert_eq!(kind(&bench.token(&user(1)).await.unwrap_err()), "refused");
    assert!(bench.token(&user(2)).await.is_ok());
}

/// A source with a bug: it panics when it is asked for the first time.
struct PanicsOnce(AtomicUsize);

#[async_trait]
impl TokenSource for PanicsOnce {
    fn identity(&self) -> Arc<str> {
        "panics once".into()
    }

    async fn fetch(&self, _: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the first time");
        let token = shared::AccessToken::new("abc".to_owned());
        Ok(IssuedToken { token, lifetime: Duration::from_secs(300) })
    }
}

#[tokio::test]
async fn a_fetch_that_panics_fails_once_and_not_for_ever() {
    let clock = StoppedClock::at(0);
    let source = Arc::new(PanicsOnce(AtomicUsize::new(0)));
    let tokens = TokenCache::new(source, Arc::new(clock.clone()));
    assert_eq!(kind(&tokens.token(&user(1), DEADLINE).await.unwrap_err()), "nonsense");
    clock.advance(Duration::from_secs(1));
    assert_eq!(tokens.token(&user(1), DEADLINE).await.unwrap().expose(), "abc");
}

/// (what the endpoint does, a word of the error)
fn endpoints() -> [(Reply, &'static str); 7] {
    let megabyte = json!({"access_token": "abc", "ballast": "x".repeat(1024 * 1024)});
    let mac = r#"{"access_token":"abc","token_type":"mac"}"#;
    [
        (Reply::Silence, "a token"),
        (Reply::json(500, ""), "500"),
        (Reply::with_headers(429, "Retry-After: 60\r\n", ""), "429"),
        (Reply::json(200, "\u{0}\u{1}garbage"), "nonsense"),
        (Reply::json(200, megabyte), "longer than"),
        (Reply::json(200, mac), "token_type"),
        (Reply::json(500, "").after(Duration::from_secs(5)), "a token"),
    ]
}

/// The patience is the caller's, the cause is the endpoint's.
#[tokio::test]
async fn whatever_the_endpoint_does_each_caller_ends_within_his_own_deadline_and_knows_why() {
    for (reply, word) in endpoints() {
        let shown = format!("{reply:?}").chars().take(60).collect::<String>();
        let shop = super::calls::Shop::answering(|_| Reply::json(200, "")).await;
        shop.bench.endpoint.answer(move |_| reply.clone());
        let callers = [100, 300].map(|ms| {
            let (caller, clock) = (shop.of_user(1), shared::SystemClock::new());
            async move {
                let deadline = Duration::from_millis(ms);
                let error = caller.get("/").deadline(deadline).send().await.unwrap_err();
                (error.to_string(), shared::Clock::monotonic(&clock), deadline)
            }
        });
        for (error, took, deadline) in futures_util::future::join_all(callers).await {
            assert!(took < deadline + Duration::from_millis(250), "{shown}: {took:?}");
            assert!(error.contains(word), "{shown}: {error}");
        }
        assert_eq!((shop.bench.endpoint.count(), shop.service.count()), (1, 0), "{shown}");
    }
}
