//! The form: one compact JWS in strict base64url, of bounded size; and no form costs more than a signature does.

use std::time::Duration;

use serde_json::json;
use shared::{Clock, SystemClock};

use crate::{ACCEPTED, Bench, Case, base64url, parts};

/// No token may keep a thread busy for longer.
const LONGEST_LOOK: Duration = Duration::from_millis(50);

/// J23. Two texts that decode to the same bytes must not both be the token (RFC 7515 section 2).
#[tokio::test]
async fn base64_that_is_not_strict_is_refused_in_every_part() {
    for bench in Bench::all() {
        let good = bench.good();
        let (_, _, signature) = parts(&good);
        let signed =
            |message: String| bench.issuer.sign_message(&message).unwrap().expose().to_owned();
        let [header, payload] = texts_with_spare_bits_and_dashes(&bench);
        let mut cases: Vec<Case> = Vec::new();
        for (name, change) in CHANGES {
            let case = |part: &str| format!("{name} in the {part}");
            cases.push((
                case("header"),
                signed(format!("{}.{payload}", change(&header))),
                "malformed",
            ));
            cases.push((
                case("payload"),
                signed(format!("{header}.{}", change(&payload))),
                "malformed",
            ));
            let message = good.rsplit_once('.').unwrap().0;
            // A signature without a dash cannot be written in the standard alphabet.
            if change(signature) != signature {
                let changed = format!("{message}.{}", change(signature));
                cases.push((case("signature"), changed, "bad_signature"));
            }
        }
        cases.push(("none of this".into(), signed(format!("{header}.{payload}")), ACCEPTED));
        bench.check(cases).await;
    }
}

/// A way to write a part that some decoder takes for the same.
type Change = (&'static str, fn(&str) -> String);

const CHANGES: [Change; 7] = [
    ("padding", |text| format!("{text}=")),
    ("full padding", |text| format!("{text}==")),
    ("stray bits in the last character", with_stray_bits),
    ("the standard alphabet", |text| text.replace('-', "+").replace('_', "/")),
    ("a newline", |text| format!("{text}\n")),
    ("a space before", |text| format!(" {text}")),
    ("a NUL", |text| format!("{text}\0")),
];

/// A header and claims whose last base64url character has unused bits, and that hold `-` and `_`.
fn texts_with_spare_bits_and_dashes(bench: &Bench) -> [String; 2] {
    [bench.issuer.header(), bench.claims()].map(|mut object| {
        // Of three equal characters in a row, one is the third of its triple: `?` gives `_` there, and `~` gives `-`.
        object["x"] = json!("???~~~");
        let mut text = object.to_string();
        while text.len() % 3 != 1 {
            text.insert(1, ' ');
        }
        base64url(text)
    })
}

/// The next character of the alphabet differs from the last one in its unused bits only.
fn with_stray_bits(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = text.split_at(text.len() - 1);
    let value = ALPHABET.iter().position(|byte| last.as_bytes() == [*byte]).unwrap();
    format!("{start}{}", char::from(ALPHABET[value + 1]))
}

/// J14, J22.
#[tokio::test]
async fn what_is_not_one_compact_jws_is_refused_at_once() {
    for bench in Bench::all() {
        let clock = SystemClock::new();
        for shape in shapes(&bench.good()) {
            let start = clock.monotonic();
            let verdict = bench.verdict(&shape).await;
            let took = clock.monotonic() - start;
            assert!(["malformed", "bad_signature"].contains(&verdict), "{shape:.200}: {verdict}");
            assert!(took < LONGEST_LOOK, "{shape:.200}: {took:?}");
        }
        bench.check(Vec::new()).await;
    }
}

/// What somebody makes of a good token, or calls one.
fn shapes(good: &str) -> Vec<String> {
    let (header, payload, signature) = parts(good);
    let pbes2 =
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": i32::MAX, "p2s": "AAAA"});
    let pbes2 = base64url(pbes2.to_string());
    let signed = json!({"protected": header, "signature": signature});
    let flattened = json!({"protected": header, "payload": payload, "signature": signature});
    let general = json!({"payload": payload, "signatures": [signed]});
    vec![
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        "e30.e30.e30".into(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}.{payload}..{signature}"),
        ".".repeat(2_000),
        format!("{pbes2}.e30.e30.e30.e30"),
        format!("{pbes2}.{payload}.{signature}"),
        flattened.to_string(),
        general.to_string(),
        format!(r#"{{"a":".{good}"}}"#),
        format!("{good} "),
        format!(" {good}"),
        good.replace('.', "%2E"),
        good.replace('.', "\u{3002}"),
        good.to_uppercase(),
    ]
}

/// J22. All of them are signed by the issuer.
#[tokio::test]
async fn a_part_that_is_not_a_json_object_of_ours_is_refused() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(2_500), "]".repeat(2_500));
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [(&str, &[u8]); 10] = [
        ("nothing", b""),
        ("no JSON", b"not json"),
        ("null", b"null"),
        ("an array", b"[]"),
        ("a string", b"\"{}\""),
        ("two objects", b"{}{}"),
        ("UTF-16", &utf16),
        ("bad UTF-8", b"{\"a\":\"\xff\"}"),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("2500 levels", deep.as_bytes()),
    ];
    for bench in Bench::all() {
        let (header, claims) = (bench.issuer.header().to_string(), bench.claims().to_string());
        let mut cases: Vec<Case> = Vec::new();
        for (name, body) in bodies {
            let as_header = bench.issuer.sign_raw(body, &claims).unwrap();
            cases.push((format!("{name} as header"), as_header.expose().to_owned(), "malformed"));
            let as_claims = bench.issuer.sign_raw(&header, body).unwrap();
            cases.push((format!("{name} as claims"), as_claims.expose().to_owned(), "bad_claims"));
        }
        bench.check(cases).await;
    }
}

/// RFC 7515 section 7.1. The issuer itself has signed them.
#[tokio::test]
async fn a_signed_message_of_other_than_two_parts_is_refused() {
    for bench in Bench::all() {
        let good = bench.good();
        let (header, payload, _) = parts(&good);
        let messages = [
            header.to_owned(),
            format!("{header}.{payload}."),
            format!("{header}.{payload}.{payload}"),
            format!(".{header}.{payload}"),
        ];
        let case = |message: &String| {
            let token = bench.issuer.sign_message(message).unwrap().expose().to_owned();
            (message.clone(), token, "malformed")
        };
        bench.check(messages.iter().map(case).collect()).await;
    }
}

/// A good token of exactly this many bytes, with spaces in its JSON for what is missing.
fn good_token_of(bench: &Bench, bytes: usize) -> String {
    let (header, claims) = (bench.issuer.header().to_string(), bench.claims().to_string());
    let signature = parts(&bench.good()).2.len();
    let padded = |text: &str, spaces: usize| format!("{text}{}", " ".repeat(spaces));
    let length = |text: &str, spaces| base64url(padded(text, spaces)).len();
    // No base64url is 4n + 1 characters long: then the header has to give way.
    let before = (0..3).find(|before| {
        let rest = bytes - length(&header, *before) - signature - 2;
        rest % 4 != 1
    });
    let before = before.unwrap();
    let rest = bytes - length(&header, before) - signature - 2;
    let after = rest * 3 / 4 - claims.len();
    let token = bench.sign_text(&padded(&header, before), &padded(&claims, after));
    assert_eq!(token.len(), bytes);
    token
}

/// J22.
#[tokio::test]
async fn a_token_longer_than_16_kib_is_refused_however_good_it_is() {
    for bench in Bench::all() {
        let (longest, too_long) =
            (good_token_of(&bench, 16 * 1024), good_token_of(&bench, 16 * 1024 + 1));
        let with_ballast = |bytes: usize| bench.with_claims(json!({"ballast": "x".repeat(bytes)}));
        bench
            .check(vec![
                ("16 KiB".into(), longest, ACCEPTED),
                ("a byte more".into(), too_long, "malformed"),
                ("64 KiB".into(), with_ballast(48 * 1024), "malformed"),
                ("1 MiB".into(), with_ballast(768 * 1024), "malformed"),
                (
                    "a header of 64 KiB".into(),
                    bench.with_header(json!({"x": "y".repeat(48 * 1024)})),
                    "malformed",
                ),
            ])
            .await;
    }
}
