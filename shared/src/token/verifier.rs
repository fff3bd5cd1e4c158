//! [`TokenVerifier`]: reads tokens, and accepts only what this service was meant to get.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Clock;
use crate::strict_json;
use crate::token::algorithm::Algorithm;
use crate::token::key_set::{KeySource, VerifyingKey};
use crate::token::{Claims, TOKEN_TYPE, TokenError};

/// How far the clocks of issuer and verifier may differ, in seconds.
pub const LEEWAY_S: i64 = 30;
/// The longest token, in bytes. Ours stay below 5 KiB with the largest session.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// The longest key id, in bytes.
const MAX_KID_BYTES: usize = 128;
/// Header members that would let the token choose its own key or change its own meaning.
const REFUSED_HEADERS: [&str; 7] = ["crit", "b64", "zip", "jwk", "jku", "x5c", "x5u"];

/// What a verifier demands of every token.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The one issuer (`iss`), compared exactly.
    pub issuer: String,
    /// The name of this service, which `aud` has to contain.
    pub audience: String,
    /// The longest lifetime (`exp` - `iat`) that the issuer gives out, in seconds.
    pub max_lifetime_s: i64,
}

/// Verifies access tokens (RFC 9068 section 4, RFC 8725).
#[derive(Clone)]
pub struct TokenVerifier {
    keys: Arc<dyn KeySource>,
    expectation: Arc<Expectation>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

impl TokenVerifier {
    /// A verifier with these keys.
    #[must_use]
    pub fn new(keys: Arc<dyn KeySource>, expectation: Expectation, clock: Arc<dyn Clock>) -> Self {
        Self { keys, expectation: Arc::new(expectation), clock }
    }

    /// Verifies the token. The session in the claims is marked as loaded now.
    ///
    /// # Errors
    /// A [`TokenError`]. [`TokenError::KeysUnavailable`] alone says nothing about the token: try again later.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let parts = Parts::split(token)?;
        let header = parts.header()?;
        let key = match self.keys.find_now(&header.kid) {
            Some(key) => key,
            None => self.find_key(&header.kid).await?,
        };
        parts.check_signature(&header, &key)?;
        let claims = parts.claims()?;
        self.expectation.check(&claims, self.clock.now().timestamp())?;
        Ok(self.loaded(claims))
    }

    async fn find_key(&self, kid: &str) -> Result<Arc<VerifyingKey>, TokenError> {
        match self.keys.find(kid).await {
            Ok(key) => key.ok_or(TokenError::UnknownKey),
            Err(unavailable) => Err(TokenError::KeysUnavailable(unavailable.0)),
        }
    }

    fn loaded(&self, mut claims: Claims) -> Claims {
        claims.session = claims.session.map(|session| session.loaded_at(self.clock.now()));
        claims
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TokenVerifier").field(&self.expectation).finish()
    }
}

/// The three parts of a compact JWS (RFC 7515 section 7.1).
struct Parts<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    /// Header, dot and payload: what is signed.
    message: &'t str,
}

impl<'t> Parts<'t> {
    fn split(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed("too long"));
        }
        let parts = || {
            let (message, signature) = token.rsplit_once('.')?;
            let (header, payload) = message.split_once('.')?;
            (!payload.contains('.')).then_some(Self { header, payload, signature, message })
        };
        parts().ok_or(TokenError::Malformed("not three parts"))
    }

    fn header(&self) -> Result<Header, TokenError> {
        let value = decode(self.header).ok_or(TokenError::Malformed("header is not JSON"))?;
        if REFUSED_HEADERS.iter().any(|name| value.get(name).is_some()) {
            return Err(TokenError::Malformed("header has a member that we refuse"));
        }
        let header: Header = serde_json::from_value(value)
            .map_err(|_| TokenError::Malformed("header lacks alg, typ or kid"))?;
        let media_type = header.typ.to_ascii_lowercase();
        if media_type.strip_prefix("application/").unwrap_or(&media_type) != TOKEN_TYPE {
            return Err(TokenError::Malformed("not an access token"));
        }
        if header.kid.len() > MAX_KID_BYTES {
            return Err(TokenError::Malformed("key id is too long"));
        }
        if header.alg.parse::<Algorithm>().is_err() {
            return Err(TokenError::WrongAlgorithm);
        }
        Ok(header)
    }

    fn check_signature(&self, header: &Header, key: &VerifyingKey) -> Result<(), TokenError> {
        if header.alg != key.algorithm.name() {
            return Err(TokenError::WrongAlgorithm);
        }
        let algorithm = key.algorithm.for_verification();
        let message = self.message.as_bytes();
        match jsonwebtoken::crypto::verify(self.signature, message, &key.key, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(TokenError::BadSignature),
        }
    }

    fn claims(&self) -> Result<Claims, TokenError> {
        let value = decode(self.payload).ok_or(TokenError::Malformed("claims are not JSON"))?;
        serde_json::from_value(value).map_err(|error| bad_claims(&error))
    }
}

/// The parser may quote what it read: the text goes to a log, so it is cut and its control characters escaped.
fn bad_claims(error: &serde_json::Error) -> TokenError {
    let text = error.to_string();
    TokenError::BadClaims(text.chars().take(120).flat_map(char::escape_debug).collect())
}

/// A JSON object in strict base64url: no padding, no other alphabet, no stray bits (RFC 7515 section 2).
fn decode(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    let value = strict_json::parse(std::str::from_utf8(&bytes).ok()?).ok()?;
    value.is_object().then_some(value)
}

impl Expectation {
    /// The rules about content and time, as a pure function of `now_s` (seconds since 1970).
    fn check(&self, claims: &Claims, now_s: i64) -> Result<(), TokenError> {
        if claims.iss != self.issuer {
            return Err(TokenError::WrongIssuer);
        }
        if !claims.aud.contains(&self.audience) {
            return Err(TokenError::WrongAudience);
        }
        for (name, value) in
            [("jti", &claims.jti), ("sub", &claims.sub), ("client_id", &claims.client_id)]
        {
            if value.is_empty() {
                return Err(TokenError::BadClaims(format!("{name} is empty")));
            }
        }
        self.check_times(claims, now_s)
    }

    fn check_times(&self, claims: &Claims, now_s: i64) -> Result<(), TokenError> {
        if claims.iat <= 0 || claims.exp <= claims.iat {
            return Err(TokenError::BadClaims("exp is not after iat".to_owned()));
        }
        if claims.exp - claims.iat > self.max_lifetime_s {
            return Err(TokenError::LifetimeTooLong);
        }
        let ahead_s = claims.iat.max(claims.nbf.unwrap_or(i64::MIN)).saturating_sub(now_s);
        if ahead_s > LEEWAY_S {
            return Err(TokenError::NotYetValid { ahead_s });
        }
        let ago_s = now_s - claims.exp;
        if ago_s >= LEEWAY_S { Err(TokenError::Expired { ago_s }) } else { Ok(()) }
    }
}
