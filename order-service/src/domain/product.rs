//! A product of the catalogue.

use std::collections::HashMap;

use crate::domain::money::Money;

pub(crate) type ProductId = i64;

/// Products, and what one company pays for them where it has prices of its own.
pub(crate) type PriceList = HashMap<ProductId, (Product, Option<Money>)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) id: ProductId,
    pub(crate) name: String,
    /// What is asked of a company that has no price of its own; none where only such companies may buy.
    pub(crate) list_price: Option<Money>,
}
