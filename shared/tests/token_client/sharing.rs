//! Who shares a token with whom, and how often one is fetched.

use futures_util::future::join_all;
use shared::client::token_source::TokenSource;

use super::*;

/// B05, B09.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_callers_of_twenty_sessions_fetch_twenty_tokens_and_get_their_own() {
    let issue = issuing(json!(300));
    let bench = Bench::answering(move |asked| issue(asked).after(Duration::from_millis(50))).await;
    let bench = Arc::new(bench);
    let calls = (0..200).map(|call| {
        let (bench, request) = (Arc::clone(&bench), user(call % 20 + 1));
        tokio::spawn(async move { (bench.token(&request).await.unwrap(), request) })
    });
    let mut tokens = std::collections::HashSet::new();
    for call in join_all(calls).await {
        let (token, request) = call.unwrap();
        assert_eq!(read(&token).0, request.session().unwrap().as_json());
        tokens.insert(token);
    }
    assert_eq!((bench.endpoint.count(), tokens.len()), (20, 20));
    let counts = bench.tokens.counts();
    assert_eq!((counts.fetched, counts.hits + counts.waits), (20, 200));
}

#[tokio::test]
async fn two_texts_of_one_session_share_a_token() {
    let bench = Bench::new().await;
    let texts = [
        r#"{"companyId":1,"userId":2,"team":{"a":1,"b":2},"roles":["x"]}"#,
        r#" { "roles":["x"], "team":{"b":2,"a":1}, "userId":2, "companyId":1 } "#,
        r#"{"companyId":1,"userId":2,"team":{"a":1,"b":2},"roles":["\u0078"],"doDT":"2020-01-01T00:00:00Z"}"#,
    ];
    for text in texts {
        assert_eq!(read(&bench.token(&request(Some(text))).await.unwrap()).1, 1, "{text}");
    }
    let session = Session::parse(texts[0]).unwrap();
    let scope = "order:settle  order:read".parse().unwrap();
    let reordered = TokenRequest::new(AUDIENCE, scope, Some(session));
    assert_eq!(read(&bench.token(&reordered).await.unwrap()).1, 1);
    assert_eq!(bench.endpoint.count(), 1);
}

/// B09. Whatever differs in what the token says must differ in what it is kept under.
#[tokio::test]
async fn no_two_sessions_scopes_or_audiences_share_a_token() {
    let bench = Bench::new().await;
    let plain = r#"{"companyId":1,"userId":2}"#;
    let sessions = [
        None,
        Some(plain),
        Some(r#"{"companyId":2,"userId":1}"#),
        Some(r#"{"companyId":1,"userId":22}"#),
        Some(r#"{"companyId":1,"userId":2,"roles":["admin"]}"#),
        Some(r#"{"companyId":1,"userId":2,"roles":["admin","user"]}"#),
        Some(r#"{"companyId":1,"userId":2,"roles":["user","admin"]}"#),
        Some(r#"{"companyId":1,"userId":2,"team":"a"}"#),
        Some(r#"{"companyId":1,"userId":2,"team":"b"}"#),
        Some(r#"{"companyId":1,"userId":2,"team":null}"#),
    ];
    let mut requests: Vec<TokenRequest> = sessions.into_iter().map(request).collect();
    let plain = || Session::parse(plain).ok();
    let scope = requests[0].scope().clone();
    requests.push(TokenRequest::new("user-service", scope, plain()));
    requests.push(TokenRequest::new(AUDIENCE, "order:read".parse().unwrap(), plain()));
    requests.push(TokenRequest::new(AUDIENCE, "".parse().unwrap(), plain()));
    for _ in 0..2 {
        for (number, request) in requests.iter().enumerate() {
            let (session, own) = read(&bench.token(request).await.unwrap());
            let expected = request.session().map_or("", Session::as_json).to_owned();
            assert_eq!((session, own), (expected, number + 1), "{request:?}");
        }
    }
}

#[test]
fn two_clients_secrets_or_endpoints_are_two_sources() {
    let url = "https://auth/oauth2/token";
    let other = ClientCredentials::new(http(), url.parse().unwrap(), "other", &Secret::new(SECRET));
    let sources = [
        source_of(url, SECRET),
        source_of(url, "another"),
        source_of("https://auth2/oauth2/token", SECRET),
        other,
    ];
    let identities: std::collections::HashSet<_> =
        sources.iter().map(TokenSource::identity).collect();
    assert_eq!(identities.len(), 4);
    assert_eq!(source_of(url, SECRET).identity(), sources[0].identity());
}

#[tokio::test]
async fn the_endpoint_is_asked_for_what_the_caller_wants_with_the_secret_in_the_body() {
    let bench = Bench::new().await;
    bench.token(&request(Some(r#"{"userId":2,"companyId":1}"#))).await.unwrap();
    let asked = &bench.endpoint.asked()[0];
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "batch"),
        ("client_secret", SECRET),
        ("scope", "order:read order:settle"),
        ("resource", AUDIENCE),
        ("session", r#"{"companyId":1,"userId":2}"#),
    ];
    for (name, value) in expected {
        assert_eq!(field(asked, name).as_deref(), Some(value));
    }
    assert!(asked.text.starts_with("POST /oauth2/token HTTP/1.1\r\n"));
    bench.token(&request(None)).await.unwrap();
    assert_eq!(field(&bench.endpoint.asked()[1], "session"), None);
}

/// B05. Let's Encrypt, 13 October 2016: who waits has a deadline of his own.
#[tokio::test]
async fn a_caller_who_gives_up_does_not_cancel_the_fetch_for_the_others() {
    let issue = issuing(json!(300));
    let bench = Bench::answering(move |asked| issue(asked).after(Duration::from_millis(200))).await;
    let impatient = Duration::from_millis(20);
    let gave_up = bench.tokens.token(&user(1), impatient).await;
    assert!(
        matches!(gave_up, Err(TokenFetchError::Deadline { waited, last: None }) if waited == impatient)
    );
    let dropped = tokio::time::timeout(impatient, bench.token(&user(1))).await;
    assert!(dropped.is_err());
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
    assert_eq!(bench.endpoint.count(), 1);
}

/// Also when the one who gave up was the only one.
#[tokio::test]
async fn a_token_that_nobody_waits_for_any_more_is_kept() {
    let issue = issuing(json!(300));
    let bench = Bench::answering(move |asked| issue(asked).after(Duration::from_millis(50))).await;
    assert!(bench.tokens.token(&user(1), Duration::ZERO).await.is_err());
    bench.fetched(1).await;
    assert_eq!(read(&bench.token(&user(1)).await.unwrap()).1, 1);
    assert_eq!(bench.tokens.counts().hits, 1);
}
