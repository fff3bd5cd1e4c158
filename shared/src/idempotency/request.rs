//! [`KeyedRequest`]: a request under its key, and what it asks for.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::IdempotencyError;
use crate::session::{Session, Tenant};

const MAX_BYTES: usize = 255;

/// What a client calls a request: visible ASCII, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads a key.
    ///
    /// # Errors
    /// [`IdempotencyError::NotAKey`].
    pub fn parse(text: &str) -> Result<Self, IdempotencyError> {
        let sound = (1..=MAX_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(text.to_owned())) } else { Err(IdempotencyError::NotAKey) }
    }

    /// The key as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request under its key. A key belongs to a company; who asks for what makes the fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRequest {
    tenant: Tenant,
    key: IdempotencyKey,
    sha256: String,
}

impl KeyedRequest {
    /// `asked` is all that makes the request what it is: the operation, the path's id, the fields of the body. Who asks
    /// belongs to it: another user's request under the same key is another request.
    #[must_use]
    pub fn new(session: &Session, key: IdempotencyKey, asked: &[&str]) -> Self {
        let mut digest = Context::new(&SHA256);
        let user = session.user_id().to_string();
        for part in std::iter::once(user.as_str()).chain(asked.iter().copied()) {
            // With its length before it: ("ab", "c") is not ("a", "bc").
            digest.update(&part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        let sha256 = URL_SAFE_NO_PAD.encode(digest.finish().as_ref());
        Self { tenant: session.tenant(), key, sha256 }
    }

    /// Whose key it is.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        self.tenant
    }

    pub(super) fn key(&self) -> &str {
        self.key.as_str()
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_and_not_too_long() {
        assert!(IdempotencyKey::parse("\"8e03978e-40d5\"").is_ok());
        assert!(IdempotencyKey::parse(&"x".repeat(255)).is_ok());
        for text in ["", "a b", "ä", "a\n", "\0", "\u{fffd}", &"x".repeat(256)] {
            let key = IdempotencyKey::parse(text);
            assert!(matches!(key, Err(IdempotencyError::NotAKey)), "{text:?}");
        }
    }

    #[test]
    fn a_request_is_the_same_only_if_the_same_user_asks_for_the_same()
    -> Result<(), Box<dyn std::error::Error>> {
        let request = |session: &str, asked: &[&str]| {
            let key = IdempotencyKey::parse("k")?;
            Ok::<_, Box<dyn std::error::Error>>(KeyedRequest::new(
                &Session::parse(session)?,
                key,
                asked,
            ))
        };
        let user = r#"{"companyId":1,"userId":2}"#;
        let first = request(user, &["place", "1x2"])?;
        let with_role = r#"{"companyId":1,"userId":2,"roles":["clerk"]}"#;
        assert_eq!(first, request(with_role, &["place", "1x2"])?);
        let others = [
            request(r#"{"companyId":1,"userId":3}"#, &["place", "1x2"])?,
            request(r#"{"companyId":3,"userId":2}"#, &["place", "1x2"])?,
            request(user, &["place1", "x2"])?,
            request(user, &["place", "1x", "2"])?,
            request(user, &["place"])?,
        ];
        for other in others {
            assert_ne!(first, other);
        }
        Ok(())
    }
}
