//! What a request may be called, so that sending it twice has the effect of once.

use std::fmt::Write;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::UserId;

use crate::domain::basket::{Basket, BasketItem};
use crate::error::BadField;

/// In bytes.
const MAX_LENGTH: usize = 255;

/// An `Idempotency-Key` or the id of a settlement: visible ASCII, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestName(String);

impl RequestName {
    pub(crate) fn parse(field: &'static str, text: &str) -> Result<Self, BadField> {
        let sound = (1..=MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        let asked = BadField(field, "1 to 255 visible ASCII characters");
        if sound { Ok(Self(text.to_owned())) } else { Err(asked) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request by its `Idempotency-Key`, and what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedRequest {
    pub(crate) key: RequestName,
    pub(crate) sha256: String,
}

impl NamedRequest {
    /// Who asks belongs to what is asked: another user's request under the same name is another request.
    pub(crate) fn to_place(key: RequestName, user: UserId, basket: &Basket) -> Self {
        let mut text = format!("place {user}");
        for BasketItem { product_id, quantity } in basket.items() {
            // Writing to a String does not fail.
            let _ = write!(text, " {product_id}x{quantity}");
        }
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        Self { key, sha256: URL_SAFE_NO_PAD.encode(hash.as_ref()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_visible_and_not_too_long() {
        assert!(RequestName::parse("x", "\"8e03978e-40d5\"").is_ok());
        assert!(RequestName::parse("x", &"x".repeat(255)).is_ok());
        for text in ["", "a b", "ä", "a\n", "\0", "\u{fffd}", &"x".repeat(256)] {
            assert!(RequestName::parse("x", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_request_is_the_same_only_if_the_same_user_asks_for_the_same() -> Result<(), BadField> {
        let request = |user: i64, items: &[(i64, i32)]| {
            let items = items
                .iter()
                .map(|(id, count)| BasketItem { product_id: *id, quantity: *count })
                .collect();
            let user = UserId::try_from(user).unwrap_or(UserId::MIN);
            Ok::<_, BadField>(NamedRequest::to_place(
                RequestName::parse("x", "k")?,
                user,
                &Basket::new(items)?,
            ))
        };
        let first = request(2, &[(1, 11)])?;
        assert_eq!(first, request(2, &[(1, 11)])?);
        let others = [request(3, &[(1, 11)])?, request(2, &[(1, 1)])?, request(2, &[(11, 1)])?];
        for other in others {
            assert_ne!(first, other);
        }
        Ok(())
    }
}
