//! CORS: a preflight carries no credentials, and is not ours to answer.

use crate::{Pair, no_session, ok};

const PREFLIGHT: [(&str, &str); 2] =
    [("Origin", "https://shop.test"), ("Access-Control-Request-Method", "GET")];

#[actix_web::test]
async fn a_preflight_reaches_what_stands_behind_the_guard_and_nothing_else_does() {
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
