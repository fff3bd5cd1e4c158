//! J12. RFC 8017 section 8.2.2: the padding of an RSA signature is compared as a whole, never parsed.
//!
//! The issuer's library signs no wrong padding, so each case makes a key for which a chosen number is the
//! signature of a chosen padding: with the exponent 3 and the modulus `s³ - padding`, `s³` leaves the padding.

use aws_lc_rs::digest;
use serde_json::{Value, json};
use shared::token::verifier::Expectation;
use shared::{Algorithm, Jwk, KeySet, TokenVerifier};
use std::sync::Arc;

use crate::signature::difference;
use crate::{ACCEPTED, AUDIENCE, Bench, NOW_S, base64url, with_signature};

const MODULUS_BYTES: usize = 256;
/// DigestInfo of SHA-256 up to the hash (RFC 8017 section 9.2, note 1).
const SHA256_INFO: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

#[tokio::test]
async fn an_rsa_signature_whose_padding_is_not_exactly_right_is_refused() {
    let bench = Bench::new(Algorithm::Rs256);
    let header = json!({"typ": "at+jwt", "alg": "RS256", "kid": "cubic"});
    let template = bench.sign(&header, &bench.claims());
    let message = template.rsplit_once('.').unwrap().0;
    let hash = digest::digest(&digest::SHA256, message.as_bytes());
    let mut wrong = Vec::new();
    for (name, padding, expected) in cases(hash.as_ref()) {
        let (modulus, signature) = key_that_signs(&padding);
        let verifier = verifier(&bench.claims()["iss"], &modulus);
        let verdict = verifier.verify(&with_signature(&template, &signature)).await;
        let verdict = verdict.map_or_else(|error| error.reason().label(), |_| ACCEPTED);
        if verdict != expected {
            wrong.push(format!("{name}: {verdict}, should be {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cases(hash: &[u8]) -> Vec<(String, Vec<u8>, &'static str)> {
    let good = padded(&[SHA256_INFO, hash].concat());
    let refused = |(name, padding): (&str, Vec<u8>)| (name.to_owned(), padding, "bad_signature");
    let mut cases: Vec<_> = forgeries(hash).into_iter().map(refused).collect();
    for position in 0..MODULUS_BYTES {
        let mut changed = good.clone();
        changed[position] ^= 1;
        cases.push((format!("byte {position} changed"), changed, "bad_signature"));
    }
    cases.push(("the right padding".to_owned(), good, ACCEPTED));
    cases
}

fn forgeries(hash: &[u8]) -> [(&'static str, Vec<u8>); 9] {
    let short_info = b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20";
    let long_form = [b"\x30\x81\x31", &SHA256_INFO[2..]].concat();
    let sha1 = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";
    let sha512 = b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";
    let info = [SHA256_INFO, hash].concat();
    let behind = |filling: usize| {
        // Bleichenbacher 2006: a parser that stops after the hash leaves room for a cube root.
        let start = [&[0, 1], &vec![0xff; filling][..], &[0], &info].concat();
        [&start[..], &vec![0; MODULUS_BYTES - start.len()]].concat()
    };
    [
        ("garbage behind the hash, no filling", behind(0)),
        ("garbage behind the hash, 8 bytes of filling", behind(8)),
        ("one byte of garbage behind the hash", behind(MODULUS_BYTES - 4 - info.len())),
        ("no DigestInfo", padded(hash)),
        ("DigestInfo without parameters", padded(&[short_info, hash].concat())),
        ("a length in long form", padded(&[&long_form, hash].concat())),
        ("the hash called SHA-1", padded(&[sha1, &hash[..20]].concat())),
        ("the hash called SHA-512", padded(&[&sha512[..], hash, hash].concat())),
        ("the hash twice", padded(&[&info, hash].concat())),
    ]
}

/// EMSA-PKCS1-v1_5 around `content`.
fn padded(content: &[u8]) -> Vec<u8> {
    let filling = vec![0xff; MODULUS_BYTES - 3 - content.len()];
    [&[0, 1], &filling[..], &[0], content].concat()
}

/// A modulus of 2048 bits and a signature, such that the signature's cube leaves `padding`.
fn key_that_signs(padding: &[u8]) -> (Vec<u8>, Vec<u8>) {
    // 1.5 * 2^682: its cube has 2048 bits. Its last bit makes the modulus odd.
    let mut root = vec![0x1a; 86];
    root[0] = 6;
    root[85] = (padding[MODULUS_BYTES - 1] & 1) ^ 1;
    let cube = product(&product(&root, &root), &root);
    let cube = &cube[cube.len() - MODULUS_BYTES..];
    let signature = [&vec![0; MODULUS_BYTES - root.len()][..], &root].concat();
    (difference(cube, padding), signature)
}

/// Big-endian.
fn product(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut digits = vec![0u32; a.len() + b.len()];
    for (i, x) in a.iter().rev().enumerate() {
        for (j, y) in b.iter().rev().enumerate() {
            digits[i + j] += u32::from(*x) * u32::from(*y);
        }
    }
    let mut carry = 0;
    let carried = digits.iter().map(|digit| {
        carry += digit;
        let low = carry.to_le_bytes()[0];
        carry >>= 8;
        low
    });
    let mut bytes: Vec<u8> = carried.collect();
    bytes.reverse();
    bytes
}

fn verifier(issuer: &Value, modulus: &[u8]) -> TokenVerifier {
    let key = json!({"kty": "RSA", "kid": "cubic", "alg": "RS256", "use": "sig", "e": "Aw", "n": base64url(modulus)});
    let key: Jwk = serde_json::from_value(key).unwrap();
    let expectation = Expectation {
        issuer: issuer.as_str().unwrap().to_owned(),
        audience: AUDIENCE.to_owned(),
        max_lifetime_s: 3600,
    };
    let clock = shared::testing::StoppedClock::at(NOW_S);
    TokenVerifier::new(Arc::new(KeySet::from_jwks([key]).unwrap()), expectation, Arc::new(clock))
}
