//! What a buyer asks for, and what it costs.

use crate::domain::money::Money;
use crate::domain::order::{MAX_QUANTITY, OrderLine};
use crate::domain::product::{PriceList, ProductId};
use crate::error::{BadField, OrderError};

/// The most lines of an order.
const MAX_LINES: usize = 100;

/// Pieces of products, at least of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basket {
    items: Vec<BasketItem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BasketItem {
    pub(crate) product_id: ProductId,
    pub(crate) quantity: i32,
}

impl Basket {
    pub(crate) fn new(items: Vec<BasketItem>) -> Result<Self, BadField> {
        if items.is_empty() || items.len() > MAX_LINES {
            return Err(BadField("items", "1 to 100 items"));
        }
        if items.iter().any(|item| !(1..=MAX_QUANTITY).contains(&item.quantity)) {
            return Err(BadField("items.quantity", "1 to 100000"));
        }
        Ok(Self { items })
    }

    pub(crate) fn items(&self) -> &[BasketItem] {
        &self.items
    }

    pub(crate) fn product_ids(&self) -> Vec<ProductId> {
        self.items.iter().map(|item| item.product_id).collect()
    }

    /// The lines and the sum, at the company's own prices where it has any and at list prices elsewhere.
    pub(crate) fn price(&self, prices: &PriceList) -> Result<(Vec<OrderLine>, Money), OrderError> {
        let mut lines = Vec::with_capacity(self.items.len());
        let mut total: Option<Money> = None;
        for BasketItem { product_id, quantity } in self.items.iter().copied() {
            let (product, own) = prices.get(&product_id).ok_or(OrderError::NoSuchProduct)?;
            let unit = own.or(product.list_price);
            let unit = unit.ok_or(OrderError::NoPrice)?;
            let sum = unit.times(quantity).ok_or(OrderError::TooMuch)?;
            total = Some(match total {
                None => sum,
                Some(total) => total.plus(sum).ok_or(OrderError::TooMuch)?,
            });
            let product_name = product.name.clone();
            lines.push(OrderLine {
                product_id,
                product_name,
                quantity,
                unit_price_minor: unit.minor,
            });
        }
        Ok((lines, total.ok_or(OrderError::TooMuch)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::product::Product;

    fn money(minor: i64, currency: &str) -> Option<Money> {
        Some(Money { minor, currency: currency.parse().ok()? })
    }

    /// The sum of a basket of these ids and quantities.
    fn total(items: &[(ProductId, i32)]) -> Result<i64, OrderError> {
        let product =
            |id, list_price, own| (id, (Product { id, name: format!("no {id}"), list_price }, own));
        let prices = PriceList::from([
            product(1, money(100, "KRW"), money(90, "KRW")),
            product(2, money(i64::MAX, "KRW"), None),
            product(3, money(1, "USD"), None),
            product(4, None, money(7, "KRW")),
            product(5, None, None),
        ]);
        let items = items.iter().map(|(product_id, quantity)| BasketItem {
            product_id: *product_id,
            quantity: *quantity,
        });
        let basket = Basket::new(items.collect())?;
        basket.price(&prices).map(|(_, total)| total.minor)
    }

    #[test]
    fn a_basket_has_one_currency_and_a_sum_that_fits() {
        assert!(matches!(total(&[(1, 2), (1, 3)]), Ok(450)));
        assert!(matches!(total(&[(3, 2)]), Ok(2)));
        assert!(matches!(total(&[(2, 2)]), Err(OrderError::TooMuch)));
        assert!(matches!(total(&[(2, 1), (1, 1)]), Err(OrderError::TooMuch)));
        assert!(matches!(total(&[(1, 1), (3, 1)]), Err(OrderError::TooMuch)));
        assert!(matches!(total(&[(9, 1)]), Err(OrderError::NoSuchProduct)));
    }

    #[test]
    fn a_product_without_a_list_price_is_sold_to_those_who_have_a_price_of_their_own() {
        assert!(matches!(total(&[(4, 2)]), Ok(14)));
        assert!(matches!(total(&[(4, 1), (5, 1)]), Err(OrderError::NoPrice)));
    }

    #[test]
    fn a_basket_is_neither_empty_nor_endless() {
        let one_too_many = [(1, 1); MAX_LINES + 1];
        for items in [&[][..], &[(1, 0)], &[(1, -1)], &[(1, MAX_QUANTITY + 1)], &one_too_many] {
            assert!(matches!(total(items), Err(OrderError::BadField(_))), "{items:?}");
        }
        assert!(matches!(total(&[(1, 1); MAX_LINES]), Ok(9000)));
    }
}
