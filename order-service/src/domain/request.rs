//! What a request may be called, so that sending it twice has the effect of once.

use std::fmt::Write;

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

/// All that makes a request to place an order what it is.
pub(crate) fn asked_to_place(basket: &Basket) -> String {
    let mut text = "place".to_owned();
    for BasketItem { product_id, quantity } in basket.items() {
        // Writing to a String does not fail.
        let _ = write!(text, " {product_id}x{quantity}");
    }
    text
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
    fn a_basket_is_asked_for_in_words_of_its_own() -> Result<(), BadField> {
        let asked = |items: &[(i64, i32)]| {
            let items = items.iter().map(|(product_id, quantity)| BasketItem {
                product_id: *product_id,
                quantity: *quantity,
            });
            Ok::<_, BadField>(asked_to_place(&Basket::new(items.collect())?))
        };
        assert_eq!(asked(&[(1, 11), (2, 3)])?, "place 1x11 2x3");
        assert_ne!(asked(&[(1, 11)])?, asked(&[(11, 1)])?);
        Ok(())
    }
}
