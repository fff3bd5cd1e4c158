//! An order, its states, and what may be done in which.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use shared::{CompanyId, Timestamp, UserId};

use crate::domain::money::Money;
use crate::domain::product::{CompanyPrice, Product};
use crate::error::OrderError;

/// The most lines of an order.
const MAX_LINES: usize = 100;
/// The most pieces of one product.
pub(crate) const MAX_QUANTITY: i32 = 100_000;
/// The longest name of a request or settlement, in bytes.
const MAX_NAME_BYTES: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderStatus {
    Pending,
    Paid,
    Settled,
    Cancelled,
}

impl OrderStatus {
    const ALL: [Self; 4] = [Self::Pending, Self::Paid, Self::Settled, Self::Cancelled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Paid => "PAID",
            Self::Settled => "SETTLED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// PENDING -> PAID -> SETTLED; PENDING and PAID -> CANCELLED.
    pub(crate) fn can_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Paid | Self::Cancelled)
                | (Self::Paid, Self::Settled | Self::Cancelled)
        )
    }

    /// The states from which this one can be reached.
    pub(crate) fn before(self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|from| from.can_become(self)).collect()
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for OrderStatus {
    type Err = OrderError;

    fn from_str(name: &str) -> Result<Self, OrderError> {
        let found = Self::ALL.into_iter().find(|status| status.name() == name);
        found.ok_or(OrderError::BadField("status", "PENDING, PAID, SETTLED or CANCELLED"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderLine {
    pub(crate) product_id: i64,
    pub(crate) product_name: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price_minor: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) company_id: CompanyId,
    pub(crate) user_id: UserId,
    pub(crate) order_no: String,
    pub(crate) status: OrderStatus,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) total: Money,
    pub(crate) paid_at: Option<Timestamp>,
    pub(crate) settlement: Option<Settlement>,
    pub(crate) version: i32,
    pub(crate) created_at: Timestamp,
}

/// When and within what an order was settled, and by which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) id: String,
    pub(crate) request: RequestName,
    pub(crate) at: Timestamp,
}

/// An `Idempotency-Key` or the id of a settlement: visible ASCII, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestName(String);

impl RequestName {
    pub(crate) fn parse(field: &'static str, text: &str) -> Result<Self, OrderError> {
        let sound = (1..=MAX_NAME_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(OrderError::BadField(field, "1 to 255 visible ASCII characters"))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a buyer asks for: pieces of products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basket {
    pub(crate) items: Vec<BasketItem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BasketItem {
    pub(crate) product_id: i64,
    pub(crate) quantity: i32,
}

impl Basket {
    pub(crate) fn new(items: Vec<BasketItem>) -> Result<Self, OrderError> {
        if items.is_empty() || items.len() > MAX_LINES {
            return Err(OrderError::BadField("items", "1 to 100 items"));
        }
        if items.iter().any(|item| !(1..=MAX_QUANTITY).contains(&item.quantity)) {
            return Err(OrderError::BadField("items.quantity", "1 to 100000"));
        }
        Ok(Self { items })
    }

    /// The lines and the sum, at the company's own prices where it has any.
    pub(crate) fn price(
        &self,
        products: &HashMap<i64, Product>,
        own: &HashMap<i64, CompanyPrice>,
    ) -> Result<(Vec<OrderLine>, Money), OrderError> {
        let mut lines = Vec::with_capacity(self.items.len());
        let mut total: Option<Money> = None;
        for item in &self.items {
            let product = products.get(&item.product_id).ok_or(OrderError::NoSuchProduct)?;
            let unit = own.get(&item.product_id).map_or(product.list_price, |price| Money {
                minor: price.unit_price_minor,
                currency: price.currency,
            });
            let sum = unit.times(item.quantity).ok_or(OrderError::TooMuch)?;
            total = Some(match total {
                None => sum,
                Some(total) => total.plus(sum).ok_or(OrderError::TooMuch)?,
            });
            lines.push(OrderLine {
                product_id: product.id,
                product_name: product.name.clone(),
                quantity: item.quantity,
                unit_price_minor: unit.minor,
            });
        }
        Ok((lines, total.ok_or(OrderError::TooMuch)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_moves_forward_only() {
        use OrderStatus::{Cancelled, Paid, Pending, Settled};
        let allowed = [(Pending, Paid), (Paid, Settled), (Pending, Cancelled), (Paid, Cancelled)];
        for from in OrderStatus::ALL {
            for to in OrderStatus::ALL {
                assert_eq!(from.can_become(to), allowed.contains(&(from, to)), "{from} -> {to}");
            }
        }
        assert_eq!(Cancelled.before(), [Pending, Paid]);
        assert_eq!(Settled.before(), [Paid]);
    }

    #[test]
    fn a_basket_has_one_currency_and_a_sum_that_fits() -> Result<(), OrderError> {
        let product = |id, minor, currency: &str| -> Result<(i64, Product), OrderError> {
            let currency = currency.parse().map_err(|_| OrderError::TooMuch)?;
            let list_price = Money { minor, currency };
            Ok((id, Product { id, name: format!("product {id}"), list_price }))
        };
        let products = HashMap::from([
            product(1, 100, "KRW")?,
            product(2, i64::MAX, "KRW")?,
            product(3, 1, "USD")?,
        ]);
        let total = |items: &[(i64, i32)]| {
            let items = items.iter().map(|(product_id, quantity)| BasketItem {
                product_id: *product_id,
                quantity: *quantity,
            });
            let basket = Basket::new(items.collect())?;
            basket.price(&products, &HashMap::new()).map(|(_, total)| total.minor)
        };
        assert_eq!(total(&[(1, 2), (1, 3)]), Ok(500));
        assert_eq!(total(&[(2, 2)]), Err(OrderError::TooMuch));
        assert_eq!(total(&[(1, 1), (3, 1)]), Err(OrderError::TooMuch));
        assert_eq!(total(&[(9, 1)]), Err(OrderError::NoSuchProduct));
        assert!(total(&[]).is_err() && total(&[(1, 0)]).is_err());
        Ok(())
    }
}
