//! Orders that were placed and paid elsewhere and are taken over.

use shared::{Timestamp, UserId};

use crate::domain::money::{Currency, Money};
use crate::domain::order::MAX_QUANTITY;
use crate::error::OrderError;

/// The most orders in one import.
pub(crate) const MAX_IMPORT: usize = 500;
const MAX_NAME_CHARS: usize = 200;

/// One paid order of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaidOrder {
    pub(crate) order_no: String,
    pub(crate) user_id: UserId,
    pub(crate) product: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price: Money,
    pub(crate) total: Money,
    pub(crate) paid_at: Timestamp,
}

/// What an import did with one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportOutcome {
    Created,
    /// It was there already, just like this.
    Known,
    /// There is another order of this number.
    Different,
}

/// The fields of an order as they came in.
pub(crate) struct RawOrder {
    pub(crate) order_no: String,
    pub(crate) user_id: UserId,
    pub(crate) product: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price_minor: i64,
    pub(crate) currency: String,
    pub(crate) paid_at: Timestamp,
}

impl TryFrom<RawOrder> for PaidOrder {
    type Error = OrderError;

    fn try_from(raw: RawOrder) -> Result<Self, OrderError> {
        if !is_name(&raw.order_no) {
            return Err(OrderError::BadField("orderNo", "1 to 200 characters"));
        }
        if !is_name(&raw.product) {
            return Err(OrderError::BadField("product", "1 to 200 characters"));
        }
        if !(1..=MAX_QUANTITY).contains(&raw.quantity) {
            return Err(OrderError::BadField("quantity", "1 to 100000"));
        }
        if raw.unit_price_minor < 0 {
            return Err(OrderError::BadField("unitPriceMinor", "0 or more"));
        }
        let currency: Currency =
            raw.currency.parse().map_err(|_| OrderError::BadField("currency", "ISO 4217"))?;
        let unit_price = Money { minor: raw.unit_price_minor, currency };
        Ok(Self {
            order_no: raw.order_no,
            user_id: raw.user_id,
            product: raw.product,
            quantity: raw.quantity,
            unit_price,
            total: unit_price.times(raw.quantity).ok_or(OrderError::TooMuch)?,
            paid_at: raw.paid_at,
        })
    }
}

fn is_name(text: &str) -> bool {
    let length = text.chars().count();
    (1..=MAX_NAME_CHARS).contains(&length) && !text.chars().any(char::is_control)
}
