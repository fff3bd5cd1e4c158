//! What tokens and sessions cost: signing, verifying, reading.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot prepare its case has failed")]

use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::{Bencher, black_box};
use shared::testing::TestIssuer;
use shared::{
    Algorithm, Claims, Clock, Jwk, Revocation, RevocationKind, RevocationSource, Revocations,
    Session, SystemClock,
};

const AUDIENCE: &str = "order-service";
const SESSION: &str = r#"{"companyId":100,"userId":200,"roles":["clerk"],"team":"서울"}"#;

fn main() {
    divan::main();
}

fn issuer(algorithm: Algorithm) -> TestIssuer {
    TestIssuer::new(algorithm, SystemClock::shared()).unwrap()
}

fn claims(issuer: &TestIssuer) -> Claims {
    let session = Session::parse(SESSION).unwrap();
    issuer.claims(AUDIENCE, "order:read order:write".parse().unwrap(), Some(session))
}

#[divan::bench(args = Algorithm::ALL, min_time = 0.5)]
fn sign(bencher: Bencher, algorithm: Algorithm) {
    let issuer = issuer(algorithm);
    let claims = claims(&issuer);
    bencher.bench(|| issuer.sign(black_box(&claims)).unwrap());
}

#[divan::bench(args = Algorithm::ALL, min_time = 0.5)]
fn verify_known(bencher: Bencher, algorithm: Algorithm) {
    let issuer = issuer(algorithm);
    let (verifier, token) = (issuer.verifier(AUDIENCE).unwrap(), signed(&issuer));
    let verify = || verifier.verify_now(black_box(token.as_bytes())).unwrap().unwrap();
    // It is remembered from its second use on.
    drop((verify(), verify()));
    bencher.bench(verify);
}

/// The same while others have been revoked.
#[divan::bench(args = [0, 1_000, 100_000], min_time = 0.5)]
fn verify_known_with_revocations(bencher: Bencher, others: i64) {
    let issuer = issuer(Algorithm::Es256);
    let known = Known::of(others);
    let (verifier, token) = (issuer.verifier(AUDIENCE).unwrap(), signed(&issuer));
    let verifier = verifier.with_revocations(known);
    let verify = || verifier.verify_now(black_box(token.as_bytes())).unwrap().unwrap();
    drop((verify(), verify()));
    bencher.bench(verify);
}

/// What a token costs that has not been looked up among them yet.
#[divan::bench(args = [0, 1_000, 100_000], min_time = 0.5)]
fn look_up_revocations(bencher: Bencher, others: i64) {
    let (known, claims) = (Known::of(others), claims(&issuer(Algorithm::EdDsa)));
    bencher.bench(|| known.revocations.hits(black_box(&claims), claims.iat));
}

/// Revocations as a feed has them, its age included.
struct Known {
    revocations: Revocations,
    clock: SystemClock,
}

impl Known {
    fn of(others: i64) -> Self {
        let revocations = Revocations::new();
        let kinds = [RevocationKind::Jti, RevocationKind::User, RevocationKind::Client];
        for (seq, kind) in (1_000..1_000 + others).zip(kinds.into_iter().cycle()) {
            let (before, exp) = (Some(i64::MAX - 1), i64::MAX);
            revocations.insert(Revocation { seq, kind, value: seq.to_string(), before, exp });
        }
        Self { revocations, clock: SystemClock::new() }
    }
}

impl RevocationSource for Known {
    fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    fn staleness(&self) -> Option<Duration> {
        Some(self.clock.monotonic())
    }
}

/// Signature, claims and rules; nothing is remembered.
#[divan::bench(args = Algorithm::ALL, min_time = 0.5)]
fn verify_unseen(bencher: Bencher, algorithm: Algorithm) {
    let issuer = issuer(algorithm);
    let verifier = issuer.verifier(AUDIENCE).unwrap().remembering(0, Duration::ZERO);
    let token = signed(&issuer);
    bencher.bench(|| verifier.verify_now(black_box(token.as_bytes())).unwrap().unwrap());
}

/// What no verifier can be quicker than; what is missing to `verify_unseen` is reading.
#[divan::bench(args = Algorithm::ALL, min_time = 0.5)]
fn check_bare_signature(bencher: Bencher, algorithm: Algorithm) {
    let issuer = issuer(algorithm);
    let (token, key) = (signed(&issuer), parsed(issuer.signer().public_key()));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bencher.bench(|| key.verify_sig(black_box(message.as_bytes()), &signature).unwrap());
}

#[divan::bench(min_time = 0.5)]
fn read_claims(bencher: Bencher) {
    let json = serde_json::to_vec(&claims(&issuer(Algorithm::EdDsa))).unwrap();
    bencher.bench(|| serde_json::from_slice::<Claims>(black_box(&json)).unwrap());
}

#[divan::bench(min_time = 0.5)]
fn read_session() -> Session {
    Session::parse(black_box(SESSION)).unwrap()
}

fn signed(issuer: &TestIssuer) -> String {
    issuer.sign(&claims(issuer)).unwrap().expose().to_owned()
}

fn parsed(jwk: &Jwk) -> ParsedPublicKey {
    let member =
        |member: &Option<String>| URL_SAFE_NO_PAD.decode(member.as_deref().unwrap()).unwrap();
    match jwk.kty.as_str() {
        "EC" => {
            let point = [vec![4], member(&jwk.x), member(&jwk.y)].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap()
        }
        "OKP" => ParsedPublicKey::new(&ED25519, member(&jwk.x)).unwrap(),
        _ => RsaPublicKeyComponents { n: member(&jwk.n), e: member(&jwk.e) }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .unwrap(),
    }
}
