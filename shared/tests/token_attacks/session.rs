//! The session claim: a JSON string with one session, or the token is bad. It is never read as "nobody".

use chrono::DateTime;
use serde_json::{Value, json};
use shared::Algorithm;
use shared::session::MAX_SESSION_BYTES;

use crate::{ACCEPTED, Bench, Case, NOW_S};

async fn check(table: Vec<(String, Value, &'static str)>) {
    for bench in Bench::all() {
        let case = |(name, session, expected): &(String, Value, &'static str)| {
            let token = bench.with_claims(json!({ "session": session }));
            (name.clone(), token, *expected)
        };
        bench.check(table.iter().map(case).collect::<Vec<Case>>()).await;
    }
}

fn session_of(bytes: usize) -> String {
    let start = r#"{"companyId":100,"userId":200,"note":""#;
    format!(r#"{start}{}"}}"#, "x".repeat(bytes - start.len() - 2))
}

/// S01.
#[tokio::test]
async fn a_text_that_is_not_one_session_is_a_bad_token() {
    let good = r#"{"companyId":100,"userId":200}"#;
    let deep =
        format!(r#"{{"companyId":100,"userId":200,"a":{}{}}}"#, "[".repeat(900), "]".repeat(900));
    let texts = [
        "",
        " ",
        "null",
        "true",
        "0",
        "[]",
        "{}",
        "\"\"",
        "not json",
        "{",
        "}",
        r#"{"companyId":100}"#,
        r#"{"userId":200}"#,
        r#"{"companyid":100,"userid":200}"#,
        r#"{"companyId":100,"userId":200} {}"#,
        r#"{"companyId":100,"userId":200}x"#,
        r#"{"companyId":100,"userId":200,}"#,
        r#"{'companyId':100,'userId':200}"#,
        r#"[{"companyId":100,"userId":200}]"#,
        r#"{"companyId":100,"userId":200,"userId":201}"#,
        r#"{"companyId":100,"userId":200,"\u0075serId":201}"#,
        r#"{"companyId":100,"userId":200,"a":{"b":1,"b":2}}"#,
        r#"{"companyId":100,"userId":200,"a":"\ud800"}"#,
        r#"{"companyId":100,"userId":200,"a":1e400}"#,
        "\u{feff}{\"companyId\":100,\"userId\":200}",
        "{\"companyId\":100,\"userId\":200}\u{0}",
        "{\"companyId\":100,\"userId\":200,\"a\":\"\u{0}\"}",
        deep.as_str(),
    ];
    let mut table = vec![("the session".to_owned(), json!(good), ACCEPTED)];
    table.extend(texts.map(|text| (format!("{text:?}"), json!(text), "bad_claims")));
    table.push(("encoded twice".to_owned(), json!(json!(good).to_string()), "bad_claims"));
    check(table).await;
}

/// S02.
#[tokio::test]
async fn an_id_that_is_not_an_integer_above_0_is_a_bad_token() {
    let bad = [
        "null",
        "true",
        "\"200\"",
        "200.0",
        "2e2",
        "0",
        "-0",
        "-1",
        "[200]",
        "{}",
        "9223372036854775808",
        "-9223372036854775809",
        "0x10",
        "0200",
        "+1",
        "NaN",
    ];
    let good = ["1", "200", "9223372036854775807"];
    let texts = |id: &str| {
        [
            format!(r#"{{"companyId":100,"userId":{id}}}"#),
            format!(r#"{{"companyId":{id},"userId":200}}"#),
        ]
    };
    let rows = |ids: &[&str], expected: &'static str| {
        let texts = ids.iter().flat_map(|id| texts(id));
        texts.map(|text| (text.clone(), json!(text), expected)).collect::<Vec<_>>()
    };
    check([rows(&bad, "bad_claims"), rows(&good, ACCEPTED)].concat()).await;
}

/// S03. `null` takes the claim away in the other tables, so it is written out here.
#[tokio::test]
async fn a_session_that_is_not_a_json_string_is_a_bad_token() {
    let shapes = [
        "null",
        "0",
        "true",
        "[]",
        "{}",
        r#"{"companyId":100,"userId":200}"#,
        r#"["{\"companyId\":100,\"userId\":200}"]"#,
    ];
    for bench in Bench::all() {
        let mut claims = bench.claims();
        claims.as_object_mut().unwrap().remove("session");
        let start = claims.to_string().trim_end_matches('}').to_owned();
        let header = bench.issuer.header().to_string();
        let token = |member: &str| bench.sign_text(&header, &format!("{start}{member}}}"));
        let case = |shape: &&str| {
            ((*shape).to_owned(), token(&format!(r#","session":{shape}"#)), "bad_claims")
        };
        let mut cases: Vec<Case> = shapes.iter().map(case).collect();
        cases.push(("no session".to_owned(), token(""), ACCEPTED));
        cases.push(("a lone surrogate".to_owned(), token(r#","session":"\ud800""#), "bad_claims"));
        bench.check(cases).await;
    }
}

/// S04.
#[tokio::test]
async fn a_session_longer_than_2_kib_is_a_bad_token() {
    check(vec![
        ("2048 bytes".to_owned(), json!(session_of(MAX_SESSION_BYTES)), ACCEPTED),
        ("2049 bytes".to_owned(), json!(session_of(MAX_SESSION_BYTES + 1)), "bad_claims"),
        ("5 KiB".to_owned(), json!(session_of(5 * 1024)), "bad_claims"),
    ])
    .await;
}

/// S04. A producer may add members before its consumers know them.
#[tokio::test]
async fn what_a_session_says_arrives_and_the_moment_of_loading_is_our_own() {
    for algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        let text = r#"{"team":"서울","userId":200,"roles":["a","b"],"companyId":100,"doDT":"2020-01-01T00:00:00Z"}"#;
        let claims = bench.verifier.verify(&bench.with_claims(json!({"session": text}))).await;
        let session = claims.unwrap().session().unwrap();
        assert_eq!((session.company_id().get(), session.user_id().get()), (100, 200));
        assert_eq!(session.roles(), ["a", "b"]);
        assert_eq!(session.attribute("team"), Some(&json!("서울")));
        assert_eq!(session.attribute("doDT"), None);
        assert_eq!(session.do_dt(), DateTime::from_timestamp(NOW_S, 0));
    }
}
