//! Compact JWS (RFC 7515 section 7.1): their parts, and [`verify_jws`] for those that are no access tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::token::header::AnyHeader;
use crate::token::key_set::{KeySource, VerifyingKey};
use crate::token::{TOKEN_TYPE, TokenError};

/// The longest token, in bytes. Ours stay below 5 KiB with the largest session.
pub(super) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Of which type a JWS has to say that it is (`typ`, RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsType<'t> {
    /// This one.
    Exactly(&'t str),
    /// Any, or none, but for an access token: what a client asserts of itself (RFC 7523) names no type.
    NotAnAccessToken,
}

/// Verifies a JWS of at most `max_bytes` that is no access token, and gives its payload. The same rules as for tokens:
/// the key says which algorithm it is for, and a header that wants to choose its own key is refused. A header without
/// `kid` is taken where there is one key only.
///
/// # Errors
/// A [`TokenError`]; [`TokenError::KeysUnavailable`] alone says nothing about the JWS.
pub async fn verify_jws(
    keys: &dyn KeySource,
    text: &str,
    typ: JwsType<'_>,
    max_bytes: usize,
) -> Result<Vec<u8>, TokenError> {
    let parts = Parts::split_within(text.as_bytes(), max_bytes)?;
    let header = parts.decoded_header()?;
    let header = AnyHeader::parse(&header)?;
    let expected = match typ {
        JwsType::Exactly(typ) => header.is_a(typ),
        JwsType::NotAnAccessToken => !header.is_a(TOKEN_TYPE),
    };
    if !expected {
        return Err(TokenError::Malformed("another type"));
    }
    let algorithm = header.algorithm()?;
    let key = match &header.kid {
        Some(kid) => keys.find(kid).await,
        None => Ok(keys.only_key()),
    };
    let key = key.map_err(|unavailable| TokenError::KeysUnavailable(unavailable.0))?;
    let key = key.ok_or(TokenError::UnknownKey)?;
    if key.algorithm != algorithm {
        return Err(TokenError::WrongAlgorithm);
    }
    parts.check_signature(&key)?;
    parts.decoded_payload()
}

/// The payload of a JWS that nobody has verified: good for choosing the keys to verify it with, and for nothing else.
///
/// # Errors
/// [`TokenError::Malformed`] when it is no JWS.
pub fn unverified_payload(text: &str) -> Result<Vec<u8>, TokenError> {
    Parts::split(text.as_bytes())?.decoded_payload()
}

/// The three parts of a compact JWS (RFC 7515 section 7.1).
pub(super) struct Parts<'t> {
    /// Header, dot and payload: what is signed.
    pub(super) message: &'t [u8],
    pub(super) signature: &'t [u8],
}

impl<'t> Parts<'t> {
    /// From the end: a known token is not looked at any further than that.
    pub(super) fn split(token: &'t [u8]) -> Result<Self, TokenError> {
        Self::split_within(token, MAX_TOKEN_BYTES)
    }

    fn split_within(token: &'t [u8], max_bytes: usize) -> Result<Self, TokenError> {
        if token.len() > max_bytes {
            return Err(TokenError::Malformed("too long"));
        }
        let dot = memchr::memrchr(b'.', token);
        let (message, signature) = dot.and_then(|dot| token.split_at_checked(dot)).ok_or(NO_JWS)?;
        Ok(Self { message, signature: signature.get(1..).unwrap_or_default() })
    }

    pub(super) fn header_and_payload(&self) -> Result<(&'t [u8], &'t [u8]), TokenError> {
        let mut parts = self.message.split(|byte| *byte == b'.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), None) => Ok((header, payload)),
            _ => Err(NO_JWS),
        }
    }

    pub(super) fn decoded_header(&self) -> Result<Vec<u8>, TokenError> {
        let (header, _) = self.header_and_payload()?;
        decode(header).ok_or(TokenError::Malformed("header is not base64url"))
    }

    pub(super) fn check_signature(&self, key: &VerifyingKey) -> Result<(), TokenError> {
        let signature = decode(self.signature).ok_or(TokenError::BadSignature)?;
        if key.signed(self.message, &signature) { Ok(()) } else { Err(TokenError::BadSignature) }
    }

    pub(super) fn decoded_payload(&self) -> Result<Vec<u8>, TokenError> {
        let (_, payload) = self.header_and_payload()?;
        decode(payload).ok_or(TokenError::Malformed("claims are not base64url"))
    }
}

const NO_JWS: TokenError = TokenError::Malformed("not three parts");

/// Strict base64url: no padding, no other alphabet, no stray bits (RFC 7515 section 2).
fn decode(part: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
