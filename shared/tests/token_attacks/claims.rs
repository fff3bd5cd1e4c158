//! The claims: all there, each of its one kind, from this issuer, for this service, for now.

use serde_json::{Value, json};

use crate::{ACCEPTED, AUDIENCE, Bench, Case, NOW_S};

const OUR_ISSUER: &str = "https://issuer.test";

/// Checks a table of claims in place of the good token's, as JSON values.
async fn check(table: &[(Value, &'static str)]) {
    for bench in Bench::all() {
        let case = |(members, expected): &(Value, &'static str)| {
            (members.to_string(), bench.with_claims(members.clone()), *expected)
        };
        bench.check(table.iter().map(case).collect()).await;
    }
}

/// Checks a table of members as they are written, since not all of them are JSON that a library would write.
/// They replace the claim `name` of the good token.
async fn check_texts(name: &str, table: &[(&str, &'static str)]) {
    for bench in Bench::all() {
        let mut claims = bench.claims();
        claims.as_object_mut().unwrap().remove(name);
        let claims = claims.to_string();
        let start = claims.trim_end_matches('}');
        let case = |(text, expected): &(&str, &'static str)| {
            let token =
                bench.sign_text(&bench.issuer.header().to_string(), &format!("{start}{text}}}"));
            ((*text).to_owned(), token, *expected)
        };
        bench.check(table.iter().map(case).collect::<Vec<Case>>()).await;
    }
}

/// J15. CVE-2026-25537: an `exp` of the wrong kind is not "no `exp`".
#[tokio::test]
async fn an_expiry_that_is_missing_or_no_integer_is_refused() {
    check_texts(
        "exp",
        &[
            (r#","exp":1800000300"#, ACCEPTED),
            ("", "bad_claims"),
            (r#","exp":null"#, "bad_claims"),
            (r#","exp":"1800000300""#, "bad_claims"),
            (r#","exp":"""#, "bad_claims"),
            (r#","exp":true"#, "bad_claims"),
            (r#","exp":[1800000300]"#, "bad_claims"),
            (r#","exp":{}"#, "bad_claims"),
            (r#","exp":0"#, "bad_claims"),
            (r#","exp":-1"#, "bad_claims"),
            (r#","exp":-9223372036854775808"#, "bad_claims"),
            (r#","exp":1800000300.5"#, "bad_claims"),
            (r#","exp":18446744073709551616"#, "bad_claims"),
            (r#","exp":9223372036854775808"#, "bad_claims"),
            (r#","exp":9223372036854775807"#, "lifetime_too_long"),
            (r#","exp":1e400"#, "bad_claims"),
            (r#","exp":NaN"#, "bad_claims"),
            (r#","exp":Infinity"#, "bad_claims"),
        ],
    )
    .await;
}

/// J15, J16, J17.
#[tokio::test]
async fn a_token_is_good_from_its_issue_to_its_expiry_give_or_take_30_s() {
    check(&[
        (json!({"iat": NOW_S - 300, "exp": NOW_S}), ACCEPTED),
        (json!({"iat": NOW_S - 329, "exp": NOW_S - 29}), ACCEPTED),
        (json!({"iat": NOW_S - 330, "exp": NOW_S - 30}), "expired"),
        (json!({"iat": NOW_S - 90_000, "exp": NOW_S - 86_400}), "expired"),
        (json!({"iat": 1, "exp": 2}), "expired"),
        (json!({"iat": NOW_S + 30, "exp": NOW_S + 330}), ACCEPTED),
        (json!({"iat": NOW_S + 31, "exp": NOW_S + 331}), "not_yet_valid"),
        (json!({"nbf": NOW_S + 30}), ACCEPTED),
        (json!({"nbf": NOW_S + 31}), "not_yet_valid"),
        (json!({"nbf": i64::MAX}), "not_yet_valid"),
        (json!({"nbf": i64::MIN}), ACCEPTED),
        (json!({"nbf": "1800000000"}), "bad_claims"),
        (json!({"iat": NOW_S, "exp": NOW_S + 3600}), ACCEPTED),
        (json!({"iat": NOW_S, "exp": NOW_S + 3601}), "lifetime_too_long"),
        (json!({"iat": NOW_S, "exp": NOW_S + 315_360_000}), "lifetime_too_long"),
        (json!({"iat": 1, "exp": NOW_S + 300}), "lifetime_too_long"),
        (json!({"iat": NOW_S, "exp": NOW_S}), "bad_claims"),
        (json!({"iat": NOW_S + 10, "exp": NOW_S + 5}), "bad_claims"),
        (json!({"iat": 0}), "bad_claims"),
        (json!({"iat": i64::MIN}), "bad_claims"),
        (json!({"iat": "1800000000"}), "bad_claims"),
        (json!({"iat": 1_800_000_000.5}), "bad_claims"),
        (json!({"iat": null}), "bad_claims"),
    ])
    .await;
}

/// J18.
#[tokio::test]
async fn an_issuer_that_is_not_exactly_ours_is_refused() {
    check(&[
        (json!({"iss": OUR_ISSUER}), ACCEPTED),
        (json!({"iss": "https://attacker.test"}), "wrong_issuer"),
        (json!({"iss": format!("{OUR_ISSUER}/")}), "wrong_issuer"),
        (json!({"iss": format!("{OUR_ISSUER}.attacker.test")}), "wrong_issuer"),
        (json!({"iss": "http://issuer.test"}), "wrong_issuer"),
        (json!({"iss": "https://ISSUER.test"}), "wrong_issuer"),
        (json!({"iss": format!(" {OUR_ISSUER}")}), "wrong_issuer"),
        (json!({"iss": format!("{OUR_ISSUER}\u{0}")}), "wrong_issuer"),
        (json!({"iss": ""}), "wrong_issuer"),
        (json!({"iss": null}), "bad_claims"),
        (json!({"iss": [OUR_ISSUER]}), "bad_claims"),
        (json!({"iss": 1}), "bad_claims"),
    ])
    .await;
}

/// J19.
#[tokio::test]
async fn a_token_for_another_service_is_refused() {
    check(&[
        (json!({"aud": [AUDIENCE]}), ACCEPTED),
        (json!({"aud": AUDIENCE}), ACCEPTED),
        (json!({"aud": ["user-service", AUDIENCE]}), ACCEPTED),
        (json!({"aud": ["user-service"]}), "wrong_audience"),
        (json!({"aud": "user-service"}), "wrong_audience"),
        (json!({"aud": []}), "wrong_audience"),
        (json!({"aud": ""}), "wrong_audience"),
        (json!({"aud": ["order"]}), "wrong_audience"),
        (json!({"aud": ["order-service-2"]}), "wrong_audience"),
        (json!({"aud": ["ORDER-SERVICE"]}), "wrong_audience"),
        (json!({"aud": ["*"]}), "wrong_audience"),
        (json!({"aud": format!("{AUDIENCE} user-service")}), "wrong_audience"),
        (json!({"aud": null}), "bad_claims"),
        (json!({"aud": 1}), "bad_claims"),
        (json!({"aud": [AUDIENCE, 1]}), "bad_claims"),
        (json!({"aud": [[AUDIENCE]]}), "bad_claims"),
        (json!({"aud": {AUDIENCE: true}}), "bad_claims"),
    ])
    .await;
}

/// RFC 9068 section 2.2 and our own contract: what a service may rely on is there and says something.
#[tokio::test]
async fn a_claim_that_services_rely_on_is_there_and_of_its_kind() {
    check(&[
        (json!({"sub": null}), "bad_claims"),
        (json!({"sub": ""}), "bad_claims"),
        (json!({"sub": 200}), "bad_claims"),
        (json!({"client_id": null}), "bad_claims"),
        (json!({"client_id": ""}), "bad_claims"),
        (json!({"client_id": ["a"]}), "bad_claims"),
        (json!({"jti": null}), "bad_claims"),
        (json!({"jti": ""}), "bad_claims"),
        (json!({"jti": 7}), "bad_claims"),
        (json!({"sid": 7}), "bad_claims"),
        (json!({"scope": null}), ACCEPTED),
        (json!({"scope": "order:read user:read"}), ACCEPTED),
        (json!({"scope": ["order:read", "user:read"]}), ACCEPTED),
        (json!({"scope": ["order:read user:read"]}), "bad_claims"),
        (json!({"scope": [""]}), "bad_claims"),
        (json!({"scope": ["a\"b"]}), "bad_claims"),
        (json!({"scope": 1}), "bad_claims"),
        (json!({"scope": {"order:read": true}}), "bad_claims"),
        (json!({"unheard_of": {"a": [1, 2]}}), ACCEPTED),
    ])
    .await;
}

/// J21. Two services that read different ones of two equal names would see two callers.
#[tokio::test]
async fn a_claim_that_occurs_twice_is_refused() {
    check_texts(
        "sub",
        &[
            (r#","sub":"client""#, ACCEPTED),
            (r#","sub":"client","sub":"admin""#, "bad_claims"),
            (r#","sub":"client","sub":"client""#, "bad_claims"),
            (r#","sub":"client","s\u0075b":"admin""#, "bad_claims"),
            (r#","sub":"client","exp":1800000300"#, "bad_claims"),
            (r#","sub":"client","scope":["auth:admin"]"#, "bad_claims"),
            (r#","sub":"client","session":"{}""#, "bad_claims"),
            (r#","sub":"client","act":{"sub":"a","sub":"b"}"#, "bad_claims"),
            (r#","sub":"client","unheard_of":{"a":[{"b":1,"b":1}]}"#, "bad_claims"),
            (r#","sub":"client","nbf":null,"nbf":1"#, "bad_claims"),
            (r#","sub":"client","sid":null,"sid":"a""#, "bad_claims"),
        ],
    )
    .await;
}

/// J21. Whichever it is, and also where both say the same.
#[tokio::test]
async fn no_claim_may_occur_twice() {
    let members = [
        ("iss", json!(OUR_ISSUER)),
        ("sub", json!("client")),
        ("aud", json!([AUDIENCE])),
        ("client_id", json!("client")),
        ("scope", json!(["order:read"])),
        ("iat", json!(NOW_S)),
        ("exp", json!(NOW_S + 300)),
        ("nbf", json!(NOW_S)),
        ("jti", json!("1")),
        ("session", json!(r#"{"companyId":100,"userId":200}"#)),
        ("sid", json!("1")),
        ("act", json!({"sub": "a"})),
        ("unheard_of", json!(1)),
    ];
    for bench in Bench::all() {
        let header = bench.issuer.header().to_string();
        let mut cases: Vec<Case> = Vec::new();
        for (name, value) in &members {
            let mut claims = bench.claims();
            claims.as_object_mut().unwrap().remove(*name);
            let start = claims.to_string().trim_end_matches('}').to_owned();
            let member = format!(r#","{name}":{value}"#);
            let once = bench.sign_text(&header, &format!("{start}{member}}}"));
            let twice = bench.sign_text(&header, &format!("{start}{member}{member}}}"));
            cases.push((format!("{name} once"), once, ACCEPTED));
            cases.push((format!("{name} twice"), twice, "bad_claims"));
        }
        bench.check(cases).await;
    }
}

/// No log line and no metric may be forged by what a token says.
#[tokio::test]
async fn no_error_repeats_control_characters_or_much_of_a_token() {
    let bench = Bench::new(shared::Algorithm::EdDsa);
    let text = format!("\r\nlevel=info {}", "x".repeat(5_000));
    for name in ["iss", "aud", "exp", "iat", "scope", "session", "act"] {
        let token = bench.with_claims(json!({ name: text }));
        let Err(error) = bench.verifier.verify(&token).await else {
            assert_eq!(name, "act", "any value may stand there");
            continue;
        };
        let shown = error.to_string();
        assert!(!shown.contains(['\r', '\n']) && shown.len() < 400, "{name}: {shown:?}");
    }
}
