//! The catalogue: public, and richer for whom we know.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::web::Data;
use serde::Serialize;
use shared::{ApiError, ApiResponse, MaybeSession};
use tracing::warn;

use crate::domain::product::{CatalogueEntry, CompanyPrice};
use crate::error::OrderError;
use crate::state::AppState;

pub(crate) const CATALOGUE_KEY: &str = "order:catalogue";
/// A new product is seen by everybody at the latest after this time.
const CATALOGUE_TTL: Duration = Duration::from_secs(30);

#[derive(Serialize)]
pub(crate) struct ProductList {
    products: Vec<ProductView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProductView {
    #[serde(flatten)]
    entry: CatalogueEntry,
    /// What the caller's company pays; only with a session, and only where it has a price of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    company_price: Option<PriceView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PriceView {
    unit_price_minor: i64,
    currency: String,
}

impl From<CompanyPrice> for PriceView {
    fn from(price: CompanyPrice) -> Self {
        let CompanyPrice { unit_price_minor, currency, .. } = price;
        Self { unit_price_minor, currency: currency.to_string() }
    }
}

pub(crate) async fn list_products(
    state: Data<AppState>,
    caller: MaybeSession,
) -> Result<ApiResponse<ProductList>, ApiError> {
    let entries = catalogue(&state).await?;
    let prices = match caller {
        MaybeSession::Known(session) => {
            state.products.list_prices(session.company_id()).await.map_err(OrderError::from)?
        }
        MaybeSession::Anonymous => Vec::new(),
    };
    let mut prices: HashMap<i64, CompanyPrice> =
        prices.into_iter().map(|price| (price.product_id, price)).collect();
    let products = entries.into_iter().map(|entry| ProductView {
        company_price: prices.remove(&entry.id).map(PriceView::from),
        entry,
    });
    Ok(ApiResponse::ok(ProductList { products: products.collect() }))
}

/// From the cache; from the database when the cache does not have it or is away.
async fn catalogue(state: &AppState) -> Result<Vec<CatalogueEntry>, OrderError> {
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
    let products = state.products.list().await?;
    let entries: Vec<CatalogueEntry> = products.into_iter().map(Into::into).collect();
    if let Ok(text) = serde_json::to_string(&entries) {
        // Not kept is not wrong: the next request reads the database again.
        let _ = state.cache.insert(CATALOGUE_KEY, &text, CATALOGUE_TTL).await;
    }
    Ok(entries)
}
