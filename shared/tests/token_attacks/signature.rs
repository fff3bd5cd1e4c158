//! The signature: only the issuer's key, only over these bytes, only in the one form.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use shared::{Algorithm, Jwk};

use crate::{Bench, Case, parts, signature_of, with_signature};

/// J02, J03. CVE-2015-9235: a public key, in whatever form a library might load it, is no HMAC secret.
#[tokio::test]
async fn a_mac_keyed_with_the_public_key_or_a_weak_secret_is_refused() {
    let macs =
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
    for bench in Bench::all() {
        let mut cases: Vec<Case> = Vec::new();
        for (form, secret) in known_secrets(bench.issuer.signer().public_key()) {
            for (name, mac) in macs {
                // Under its own name, and under that of the key, in case somebody looks at the key only.
                for alg in [name, bench.algorithm.name()] {
                    let template = bench.with_header(json!({"alg": alg}));
                    let message = template.rsplit_once('.').unwrap().0;
                    let tag = hmac::sign(&hmac::Key::new(mac, &secret), message.as_bytes());
                    let expected = if alg == name { "wrong_algorithm" } else { "bad_signature" };
                    let case = format!("alg {alg}, {name} keyed with {form}");
                    cases.push((case, with_signature(&template, tag.as_ref()), expected));
                }
            }
        }
        bench.check(cases).await;
    }
}

/// What an attacker knows: the public key in every form, and what people use as passwords.
fn known_secrets(key: &Jwk) -> Vec<(&'static str, Vec<u8>)> {
    let members = [&key.n, &key.x, &key.y].into_iter().flatten();
    let raw =
        members.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap()).collect::<Vec<_>>().concat();
    let der = der_of(key, &raw);
    let pem = pem(&der);
    let stripped = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    vec![
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its last newline", pem.trim_end().as_bytes().to_vec()),
        ("PEM stripped", stripped.into_bytes()),
        ("DER", der),
        ("the modulus or point", raw.clone()),
        ("the uncompressed point", [vec![4], raw].concat()),
        ("its JWK", json!(key).to_string().into_bytes()),
        ("its first member", key.n.iter().chain(&key.x).flat_map(|text| text.bytes()).collect()),
        ("nothing", Vec::new()),
        ("one zero", vec![0]),
        ("secret", b"secret".to_vec()),
    ]
}

/// SubjectPublicKeyInfo for the curves, PKCS#1 for RSA with the exponent 65537.
fn der_of(key: &Jwk, raw: &[u8]) -> Vec<u8> {
    let (start, end): (&[u8], &[u8]) = match key.kty.as_str() {
        "EC" => (b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04", b""),
        "OKP" => (b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", b""),
        _ => (b"\x30\x82\x01\x0a\x02\x82\x01\x01\x00", b"\x02\x03\x01\x00\x01"),
    };
    [start, raw, end].concat()
}

fn pem(der: &[u8]) -> String {
    let mut text = STANDARD.encode(der);
    for position in (64..text.len()).step_by(64).rev() {
        text.insert(position, '\n');
    }
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

/// J10.
#[tokio::test]
async fn a_signature_that_is_gone_cut_zeroed_or_changed_by_one_bit_is_refused() {
    for bench in Bench::all() {
        let good = bench.good();
        let signature = signature_of(&good);
        let bad = |name: &str, bytes: &[u8]| {
            (name.to_owned(), with_signature(&good, bytes), "bad_signature")
        };
        let mut cases = vec![
            bad("stripped", &[]),
            bad("first half", &signature[..signature.len() / 2]),
            bad("last byte cut", &signature[..signature.len() - 1]),
            bad("first byte cut", &signature[1..]),
            bad("one byte more", &[&signature[..], &[0]].concat()),
            bad("one byte before", &[&[0], &signature[..]].concat()),
            bad("zeroed", &vec![0; signature.len()]),
            bad("all ones", &vec![0xff; signature.len()]),
            bad("twice", &signature.repeat(2)),
        ];
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            cases.push(bad(&format!("bit {bit} flipped"), &flipped));
        }
        bench.check(cases).await;
    }
}

/// J10.
#[tokio::test]
async fn a_signature_does_not_vouch_for_another_payload_or_header() {
    for bench in Bench::all() {
        let (good, other) = (bench.good(), bench.with_claims(json!({"sub": "admin"})));
        let ((header, payload, signature), (_, other_payload, other_signature)) =
            (parts(&good), parts(&other));
        let application = bench.with_header(json!({"typ": "application/at+jwt"}));
        let other_header = parts(&application).0;
        let case = |name: &str, token: String| (name.to_owned(), token, "bad_signature");
        bench
            .check(vec![
                case("payload swapped", format!("{header}.{other_payload}.{signature}")),
                case("signature swapped", format!("{header}.{payload}.{other_signature}")),
                case("header swapped", format!("{other_header}.{payload}.{signature}")),
                case("no payload", format!("{header}..{signature}")),
            ])
            .await;
    }
}

/// The order of P-256, from which r and s are taken.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// J11. CVE-2022-21449: with r = s = 0 the equation holds for every message.
#[tokio::test]
async fn a_psychic_ecdsa_signature_or_one_in_der_is_refused() {
    let bench = Bench::new(Algorithm::Es256);
    let good = bench.good();
    let signature = signature_of(&good);
    let (r, s) = signature.split_at(32);
    let (zero, one) = ([0; 32], {
        let mut one = [0; 32];
        one[31] = 1;
        one
    });
    let pairs: [(&str, &[u8], &[u8]); 8] = [
        ("r = s = 0", &zero, &zero),
        ("r = 0", &zero, s),
        ("s = 0", r, &zero),
        ("r = s = n", &ORDER, &ORDER),
        ("r = n", &ORDER, s),
        ("s = n", r, &ORDER),
        ("r = s = 1", &one, &one),
        ("r and s exchanged", s, r),
    ];
    let mut cases: Vec<Case> = pairs
        .iter()
        .map(|(name, r, s)| {
            ((*name).to_owned(), with_signature(&good, &[*r, *s].concat()), "bad_signature")
        })
        .collect();
    let der = der_signature(r, s);
    cases.push(("DER".into(), with_signature(&good, &der), "bad_signature"));
    bench.check(cases).await;
}

/// Two positive INTEGERs in a SEQUENCE.
fn der_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| [&[2, 33, 0], number].concat();
    [vec![0x30, 70], integer(r), integer(s)].concat()
}

/// `larger - smaller`, both big-endian and equally long.
pub(crate) fn difference(larger: &[u8], smaller: &[u8]) -> Vec<u8> {
    let mut borrowed = false;
    let mut digits: Vec<u8> = std::iter::zip(larger, smaller)
        .rev()
        .map(|(a, b)| {
            let (digit, first) = a.overflowing_sub(*b);
            let (digit, second) = digit.overflowing_sub(u8::from(borrowed));
            borrowed = first || second;
            digit
        })
        .collect();
    digits.reverse();
    digits
}

/// J24. Who knows (r, s) knows (r, n - s): a token's hash is no name for it, its `jti` is.
#[tokio::test]
async fn the_twin_of_an_ecdsa_signature_says_the_same_claims() {
    let bench = Bench::new(Algorithm::Es256);
    let good = bench.good();
    let signature = signature_of(&good);
    let twin =
        with_signature(&good, &[&signature[..32], &difference(&ORDER, &signature[32..])].concat());
    assert_ne!(good, twin);
    let (claims, same) = (bench.verifier.verify(&good).await, bench.verifier.verify(&twin).await);
    assert_eq!(claims.unwrap().claims().jti, same.unwrap().claims().jti);
}
