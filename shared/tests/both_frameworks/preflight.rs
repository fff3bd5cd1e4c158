//! CORS: a preflight carries no credentials, and is not ours to answer.

use crate::{Pair, no_session, ok};

const PREFLIGHT: [(&str, &str); 2] =
    [("Origin", "https://shop.test"), ("Access-Control-Request-Method", "GET")];

#[actix_web::test]
async fn a_preflight_reaches_what_stands_behind_a_guard_that_lets_it_and_nothing_else_does() {
    let pair = Pair::with_tokens().await;
    let (verdict, said) = pair.ask("OPTIONS /cors", &PREFLIGHT).await;
    assert_eq!((verdict, said.as_str()), (ok(), "answered by the CORS layer"));
    for (request, headers) in [
        ("OPTIONS /cors", &PREFLIGHT[..1]),
        ("OPTIONS /cors", &PREFLIGHT[1..]),
        ("OPTIONS /cors", &[]),
        ("GET /cors", &PREFLIGHT),
        ("POST /cors", &PREFLIGHT),
    ] {
        assert_eq!(pair.ask(request, headers).await.0, no_session(), "{request} {headers:?}");
    }
}

/// Anybody can send these two headers, so by themselves they must open nothing.
#[actix_web::test]
async fn a_preflight_does_not_get_past_a_guard_that_was_not_told_to_let_it() {
    let pair = Pair::with_tokens().await;
    assert_eq!(pair.ask("OPTIONS /any", &PREFLIGHT).await.0, no_session());
    assert_eq!(pair.ask("OPTIONS /any", &[]).await.0, no_session());
}
