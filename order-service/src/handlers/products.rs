//! The catalogue: public, and richer for whom we know.

use actix_web::web::Data;
use serde::Serialize;
use shared::{ApiError, ApiResponse, MaybeSession, Session};

use crate::domain::catalogue::{CatalogueEntry, Offer, list_catalogue};
use crate::domain::money::Money;
use crate::state::AppState;

/// At most 1,000 products, the first by name.
#[derive(Serialize)]
pub(crate) struct ProductList {
    products: Vec<ProductView>,
}

/// The name is for everybody; a list price is there only where the product has one.
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

impl From<Money> for PriceView {
    fn from(Money { minor, currency }: Money) -> Self {
        Self { unit_price_minor: minor, currency: currency.to_string() }
    }
}

impl From<Offer> for ProductView {
    fn from(Offer { entry, company_price }: Offer) -> Self {
        Self { entry, company_price: company_price.map(PriceView::from) }
    }
}

pub(crate) async fn list_products(
    state: Data<AppState>,
    caller: MaybeSession,
) -> Result<ApiResponse<ProductList>, ApiError> {
    let tenant = caller.session().map(Session::tenant);
    let offers = list_catalogue(&state, tenant).await?;
    let products = offers.into_iter().map(ProductView::from).collect();
    Ok(ApiResponse::ok(ProductList { products }))
}
