//! The catalogue. It is one for all companies: everybody, strangers too, may see the name of every product. What a
//! company pays is seen by that company alone, and so an import gives a product no list price.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::Tenant;
use tracing::warn;

use crate::domain::money::Money;
use crate::domain::product::{Product, ProductId};
use crate::error::OrderError;
use crate::state::AppState;

/// The most products that are listed: the first by name.
const MAX_PRODUCTS: u32 = 1_000;
const CATALOGUE_KEY: &str = "order:catalogue";
/// A new product is seen by everybody at the latest after this time.
const CATALOGUE_TTL: Duration = Duration::from_secs(30);

/// What everybody may see of a product; kept in the cache in this form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CatalogueEntry {
    pub(crate) id: ProductId,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit_price_minor: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
}

impl From<Product> for CatalogueEntry {
    fn from(Product { id, name, list_price }: Product) -> Self {
        let unit_price_minor = list_price.map(|price| price.minor);
        let currency = list_price.map(|price| price.currency.to_string());
        Self { id, name, unit_price_minor, currency }
    }
}

/// A product, as one company sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) entry: CatalogueEntry,
    /// What the company pays, where it has a price of its own.
    pub(crate) company_price: Option<Money>,
}

/// The first 1,000 products by name, with the prices of the company that asks.
pub(crate) async fn list_catalogue(
    state: &AppState,
    tenant: Option<Tenant>,
) -> Result<Vec<Offer>, OrderError> {
    let entries = entries(state).await?;
    let own = match tenant {
        Some(tenant) => {
            let ids: Vec<ProductId> = entries.iter().map(|entry| entry.id).collect();
            state.products.list_prices(tenant, &ids).await?
        }
        None => Default::default(),
    };
    let offers = entries.into_iter().map(|entry| {
        let company_price = own.get(&entry.id).copied();
        Offer { entry, company_price }
    });
    Ok(offers.collect())
}

/// From the cache; from the database when the cache does not have it or is away.
async fn entries(state: &AppState) -> Result<Vec<CatalogueEntry>, OrderError> {
    match state.cache.find(CATALOGUE_KEY).await {
        Ok(Some(text)) => {
            if let Ok(entries) = serde_json::from_str(&text) {
                return Ok(entries);
            }
            warn!("the catalogue in the cache cannot be read; taking it from the database");
        }
        Ok(None) => {}
        Err(error) => warn!(cause = %error, "taking the catalogue from the database"),
    }
    let products = state.products.list(MAX_PRODUCTS).await?;
    let entries: Vec<CatalogueEntry> = products.into_iter().map(Into::into).collect();
    if let Ok(text) = serde_json::to_string(&entries) {
        // Not kept is not wrong: the next request reads the database again.
        let _ = state.cache.insert(CATALOGUE_KEY, &text, CATALOGUE_TTL).await;
    }
    Ok(entries)
}

/// There may be new products. If the cache is away, the old catalogue expires by itself.
pub(super) async fn forget_catalogue(state: &AppState) {
    if let Err(error) = state.cache.delete(CATALOGUE_KEY).await {
        warn!(cause = %error, "could not drop the catalogue from the cache");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_product_without_a_list_price_shows_its_name_only() -> Result<(), serde_json::Error> {
        let currency = "KRW".parse().ok();
        let list_price = currency.map(|currency| Money { minor: 100, currency });
        let table = [
            (None, json!({"id": 7, "name": "펜"})),
            (list_price, json!({"id": 7, "name": "펜", "unitPriceMinor": 100, "currency": "KRW"})),
        ];
        for (list_price, shown) in table {
            let product = Product { id: 7, name: "펜".to_owned(), list_price };
            let entry = CatalogueEntry::from(product);
            assert_eq!(serde_json::to_value(&entry)?, shown);
            assert_eq!(serde_json::from_value::<CatalogueEntry>(shown)?, entry);
        }
        Ok(())
    }
}
