//! A product of the catalogue.

use serde::{Deserialize, Serialize};

use crate::domain::money::{Currency, Money};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) list_price: Money,
}

/// What everybody may see of a product; kept in the cache in this form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CatalogueEntry {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) unit_price_minor: i64,
    pub(crate) currency: String,
}

impl From<Product> for CatalogueEntry {
    fn from(product: Product) -> Self {
        let Money { minor, currency } = product.list_price;
        let (id, name) = (product.id, product.name);
        Self { id, name, unit_price_minor: minor, currency: currency.to_string() }
    }
}

/// What one company pays for a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompanyPrice {
    pub(crate) product_id: i64,
    pub(crate) unit_price_minor: i64,
    pub(crate) currency: Currency,
}
