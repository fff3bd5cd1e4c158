//! Tokens, and the lack of them.

use std::time::Duration;

use shared::Reason;

use crate::{Pair, SESSION, Verdict, invalid, no_session, ok, refusal};

type Case<'c> = (&'c str, &'c str, Vec<(&'c str, String)>, Verdict);

fn bearer(token: &str) -> Vec<(&'static str, String)> {
    vec![("Authorization", format!("Bearer {token}"))]
}

#[actix_web::test]
async fn both_let_in_the_same_callers_and_refuse_the_others_in_the_same_words() {
    let pair = Pair::with_tokens().await;
    let (user, service) =
        (pair.token("order:read", Some(SESSION)), pair.token("order:settle", None));
    let both = pair.token("order:read order:settle", None);
    let user_of_both = pair.token("order:read order:settle", Some(SESSION));
    let admin = SESSION.replace("clerk", "admin");
    let admin = pair.token("", Some(&admin));
    // Signed for somebody else: the last character of a signature may well be the one that replaces it.
    let (_, signature) = service.rsplit_once('.').unwrap();
    let forged = format!("{}.{signature}", user.rsplit_once('.').unwrap().0);
    let two = [bearer(&user), bearer(&user)].concat();
    let scope = r#"Bearer error="insufficient_scope", scope="order:settle""#;
    let role = r#"Bearer error="insufficient_scope", error_description="the session lacks a role""#;
    let lower = vec![("authorization", format!("bEARER {user}"))];
    let cases: Vec<Case<'_>> = vec![
        ("stranger, public", "GET /public", vec![], ok()),
        ("user, public", "GET /public", bearer(&user), ok()),
        ("service, public", "GET /public", bearer(&service), ok()),
        ("forged, public", "GET /public", bearer(&forged), invalid()),
        ("nonsense, public", "GET /public", bearer("a.b.c"), invalid()),
        ("no JWS", "GET /public", bearer("nonsense"), invalid()),
        ("no token behind the scheme", "GET /public", bearer(""), invalid()),
        ("Basic", "GET /public", vec![("Authorization", "Basic YTpi".to_owned())], invalid()),
        ("two headers", "GET /orders", two, invalid()),
        ("scheme in another case", "GET /orders", lower, ok()),
        ("stranger", "GET /orders", vec![], no_session()),
        ("user", "GET /orders", bearer(&user), ok()),
        ("service without a session", "GET /orders", bearer(&service), no_session()),
        ("stranger, guard alone", "GET /help", vec![], no_session()),
        ("service, guard alone", "GET /help", bearer(&service), no_session()),
        ("user, guard alone", "GET /help", bearer(&user), ok()),
        ("no guard, but an argument", "GET /mine", vec![], no_session()),
        ("token in the query", "GET /orders?access_token=x", vec![], no_session()),
        ("and beside a good one", "GET /orders?access_token=x", bearer(&user), no_session()),
        ("stranger, scope", "POST /settle", vec![], no_session()),
        ("without the scope", "POST /settle", bearer(&user), refusal(403, "A005", scope)),
        ("with the scope", "POST /settle", bearer(&service), ok()),
        ("without the role", "GET /admin", bearer(&user), refusal(403, "A014", role)),
        ("with the role", "GET /admin", bearer(&admin), ok()),
        ("stranger, role", "GET /admin", vec![], no_session()),
        ("stranger, session and scopes", "GET /both", vec![], no_session()),
        ("neither session nor scopes", "GET /both", bearer(&service), no_session()),
        ("scopes without a session", "GET /both", bearer(&both), no_session()),
        ("the first scope only", "GET /both", bearer(&user), refusal(403, "A005", scope)),
        ("session and scopes", "GET /both", bearer(&user_of_both), ok()),
    ];
    for (name, request, headers, expected) in &cases {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(&pair.ask(request, &headers).await.0, expected, "{name}");
    }
}

#[actix_web::test]
async fn both_count_each_refusal_under_its_reason() {
    let pair = Pair::with_tokens().await;
    let user = format!("Bearer {}", pair.token("order:read", Some(SESSION)));
    let nobody = format!("Bearer {}", pair.token("order:settle", None));
    let with = |value: &'static str| [("Authorization", value)];
    pair.ask("GET /help", &[]).await;
    pair.ask("GET /help", &[("Authorization", &nobody)]).await;
    pair.ask("GET /mine", &[("Authorization", &nobody)]).await;
    pair.ask("POST /settle", &[("Authorization", &user)]).await;
    pair.ask("GET /admin", &[("Authorization", &user)]).await;
    pair.ask("GET /public?access_token=x", &[]).await;
    pair.ask("GET /public", &with("Basic YTpi")).await;
    pair.ask("GET /public", &with("Bearer a.b.c")).await;
    pair.clock.advance(Duration::from_secs(330));
    pair.ask("GET /public", &[("Authorization", &user)]).await;
    let expected = [
        (Reason::NoToken, 1),
        (Reason::NoSession, 2),
        (Reason::ScopeMissing, 1),
        (Reason::RoleMissing, 1),
        (Reason::TokenInQuery, 1),
        (Reason::NotABearerToken, 1),
        (Reason::Malformed, 1),
        (Reason::Expired, 1),
        (Reason::BadSignature, 0),
    ];
    for (reason, count) in expected {
        assert_eq!(pair.refused(reason), count, "{reason:?}");
    }
}

/// The moment of loading is that of this request, also when the token has been seen before.
#[actix_web::test]
async fn the_session_is_marked_with_the_moment_of_each_request() {
    let pair = Pair::with_tokens().await;
    let user = format!("Bearer {}", pair.token("", Some(SESSION)));
    for second in ["00", "01", "02"] {
        let (verdict, said) = pair.ask("GET /orders", &[("Authorization", &user)]).await;
        assert_eq!(verdict, ok());
        assert_eq!(said, format!("{SESSION} loaded at 2027-01-15 08:00:{second} UTC"));
        pair.clock.advance(Duration::from_secs(1));
    }
}
