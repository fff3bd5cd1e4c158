//! Access tokens: what they say ([`Claims`]), how they are written ([`signer::TokenSigner`]) and read
//! ([`verifier::TokenVerifier`]).

pub mod algorithm;
pub mod key_set;
#[cfg(feature = "client")]
pub mod remote_keys;
pub mod signer;
pub mod verifier;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::scopes::Scopes;
use crate::session::Session;

/// The media type of an access token in its header (RFC 9068 section 2.1).
pub(crate) const TOKEN_TYPE: &str = "at+jwt";

/// The claims of an access token (RFC 9068 section 2.2), with the caller's session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The client's id for client credentials; the user's id for a user's token.
    pub sub: String,
    /// The services that the token is for. Written as an array; a single string is read, too.
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// The client that asked for the token (RFC 8693 section 4.3).
    pub client_id: String,
    /// What the token may be used for.
    #[serde(default)]
    pub scope: Scopes,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// When it expires, in seconds since 1970.
    pub exp: i64,
    /// From when on it is good, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The token's own id; revocation names tokens by it.
    pub jti: String,
    /// The caller, written as a JSON **string**.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "session_as_text",
        deserialize_with = "session_from_text"
    )]
    pub session: Option<Session>,
    /// The login or root session from which the token descends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Who acts for the subject (RFC 8693 section 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Value>,
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::One(audience) => vec![audience],
        Form::Many(audiences) => audiences,
    })
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn session_as_text<S: Serializer>(
    session: &Option<Session>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    session.as_ref().map(Session::as_json).serialize(serializer)
}

/// A `session` that is there but is no session is an error: it is never read as "nobody".
fn session_from_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Session>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Session::parse(&text).map(Some).map_err(serde::de::Error::custom)
}

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

impl TokenError {
    /// A short stable word for logs and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::BadClaims(_) => "bad_claims",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::Revoked => "revoked",
            Self::KeysUnavailable(_) => "keys_unavailable",
        }
    }
}
