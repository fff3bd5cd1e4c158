//! Access tokens: what they say ([`Claims`]), how they are written ([`signer::TokenSigner`]) and read
//! ([`verifier::TokenVerifier`]).

pub mod algorithm;
mod claims;
mod header;
pub mod jws;
pub mod key_set;
#[cfg(feature = "client")]
pub mod remote_keys;
pub mod revocation;
#[cfg(feature = "client")]
pub mod revocation_feed;
pub mod signer;
pub mod verified;
pub mod verifier;

use std::fmt;

use zeroize::Zeroizing;

pub use claims::Claims;

/// The media type of an access token in its header (RFC 9068 section 2.1).
pub(crate) const TOKEN_TYPE: &str = "at+jwt";

/// A token as it travels. It cannot be printed: [`AccessToken::expose`] is the one way to its text.
#[derive(Clone)]
pub struct AccessToken(std::sync::Arc<Zeroizing<String>>);

impl AccessToken {
    /// Wraps the text of a token.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(std::sync::Arc::new(Zeroizing::new(text)))
    }

    /// The token itself, for the `Authorization` header.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessToken(hidden)")
    }
}

impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(
            self.expose().as_bytes(),
            other.expose().as_bytes(),
        )
        .is_ok()
    }
}

impl Eq for AccessToken {}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not a JWS of ours at all; the text says which part.
    #[error("malformed token: {0}")]
    Malformed(&'static str),
    /// No key of the issuer has this key id.
    #[error("no such key")]
    UnknownKey,
    /// The header names another algorithm than the key's.
    #[error("the key has another algorithm")]
    WrongAlgorithm,
    /// The signature does not fit.
    #[error("wrong signature")]
    BadSignature,
    /// A claim is missing or of the wrong kind, or the session claim is not a session.
    #[error("bad claims: {0}")]
    BadClaims(String),
    /// It comes from somebody else.
    #[error("other issuer")]
    WrongIssuer,
    /// It is meant for another service.
    #[error("other audience")]
    WrongAudience,
    /// It has expired `ago_s` seconds ago.
    #[error("expired {ago_s} s ago")]
    Expired {
        /// Seconds since it expired.
        ago_s: i64,
    },
    /// It will be good only in `ahead_s` seconds: the clocks of issuer and verifier differ.
    #[error("issued {ahead_s} s in the future: clock skew?")]
    NotYetValid {
        /// Seconds until it is good.
        ahead_s: i64,
    },
    /// It lives longer than any token that the issuer gives out.
    #[error("lives longer than its issuer allows")]
    LifetimeTooLong,
    /// It was revoked, or the login that it descends from has ended.
    #[error("revoked")]
    Revoked,
    /// The issuer's keys could not be had: the token may be good.
    #[error("the issuer's keys are not available: {0}")]
    KeysUnavailable(String),
}
