//! What attackers and broken issuers send as a token. Every case names the reason for which the verifier has to
//! refuse it, for all three algorithms; a good token is accepted beside it, so that each table can fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its case has failed")]

#[path = "token_attacks/header.rs"]
mod header;
#[path = "token_attacks/interoperation.rs"]
mod interoperation;
#[path = "token_attacks/signature.rs"]
mod signature;
#[path = "token_attacks/rsa_padding.rs"]
mod rsa_padding;
#[path = "token_attacks/encoding.rs"]
mod encoding;
#[path = "token_attacks/claims.rs"]
mod claims;
#[path = "token_attacks/session.rs"]
mod session;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::testing::{StoppedClock, TestIssuer};
use shared::{Algorithm, CompanyId, Scopes, Session, TokenSigner, TokenVerifier, UserId};

const NOW_S: i64 = 1_800_000_000;
const AUDIENCE: &str = "order-service";
const ACCEPTED: &str = "accepted";

/// What the case is, the token, and the verdict to expect.
type Case = (String, String, &'static str);

/// An issuer and a service that trusts it, on a clock that stands at [`NOW_S`].
struct Bench {
    algorithm: Algorithm,
    issuer: TestIssuer,
    verifier: TokenVerifier,
}

impl Bench {
    fn new(algorithm: Algorithm) -> Self {
        let clock = Arc::new(StoppedClock::at(NOW_S));
        Self::of(TestIssuer::new(algorithm, clock).unwrap(), algorithm)
    }

    fn with_key(algorithm: Algorithm, pkcs8: &[u8]) -> Self {
        let clock = Arc::new(StoppedClock::at(NOW_S));
        let signer = TokenSigner::from_pkcs8(algorithm, pkcs8).unwrap();
        Self::of(TestIssuer::with_signer(signer, clock), algorithm)
    }

    fn of(issuer: TestIssuer, algorithm: Algorithm) -> Self {
        let verifier = issuer.verifier(AUDIENCE).unwrap();
        Self { algorithm, issuer, verifier }
    }

    /// One of each algorithm.
    fn all() -> [Self; 3] {
        Algorithm::ALL.map(Self::new)
    }

    /// The claims of a good token.
    fn claims(&self) -> Value {
        let session = Session::new(id(100), UserId::try_from(200).unwrap());
        let scope: Scopes = "order:read".parse().unwrap();
        json!(self.issuer.claims(AUDIENCE, scope, Some(session)))
    }

    fn good(&self) -> String {
        self.sign(&self.issuer.header(), &self.claims())
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    fn sign_text(&self, header: &str, claims: &str) -> String {
        self.issuer.sign_raw(header, claims).unwrap().expose().to_owned()
    }

    /// A good token but for these members of its header; `null` takes one away.
    fn with_header(&self, members: Value) -> String {
        self.sign(&bent(self.issuer.header(), members), &self.claims())
    }

    /// A good token but for these claims; `null` takes one away.
    fn with_claims(&self, members: Value) -> String {
        self.sign(&self.issuer.header(), &bent(self.claims(), members))
    }

    async fn verdict(&self, token: &str) -> &'static str {
        match self.verifier.verify(token).await {
            Ok(_) => ACCEPTED,
            Err(error) => error.reason().label(),
        }
    }

    /// Tries the good token and then all cases; shows all that went wrong at once.
    async fn check(&self, cases: Vec<Case>) {
        let mut wrong = Vec::new();
        let good = ("a good token".to_owned(), self.good(), ACCEPTED);
        for (name, token, expected) in std::iter::once(good).chain(cases) {
            let verdict = self.verdict(&token).await;
            if verdict != expected {
                wrong.push(format!("{name}: {verdict}, should be {expected}"));
            }
        }
        assert!(wrong.is_empty(), "{}:\n{}", self.algorithm, wrong.join("\n"));
    }
}

fn id(number: i64) -> CompanyId {
    CompanyId::try_from(number).unwrap()
}

fn bent(mut object: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

/// The three parts of a token.
fn parts(token: &str) -> (&str, &str, &str) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    (header, payload, signature)
}

fn signature_of(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(parts(token).2).unwrap()
}

fn with_signature(token: &str, signature: &[u8]) -> String {
    let (header, payload, _) = parts(token);
    format!("{header}.{payload}.{}", base64url(signature))
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
