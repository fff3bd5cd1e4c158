//! The catalogue: public, and richer for whom we know.

use actix_web::web::Data;
use serde::Serialize;
use shared::{ApiError, ApiResponse, MaybeSession, Session};
use utoipa::ToSchema;

use crate::domain::catalogue::{CatalogueEntry, Offer, list_catalogue};
use crate::domain::money::Money;
use crate::state::AppState;

/// At most 1,000 products, the first by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProductList {
    #[schema(max_items = 1_000)]
    products: Vec<ProductView>,
}

/// The name is for everybody; a list price is there only where the product has one.
#[derive(Serialize, ToSchema)]
#[schema(as = Product)]
#[serde(rename_all = "camelCase")]
struct ProductView {
    #[schema(minimum = 1)]
    id: i64,
    #[schema(examples("A4 paper"))]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, examples(5000), nullable = false)]
    unit_price_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z]{3}$", examples("KRW"), nullable = false)]
    currency: Option<String>,
    /// What the caller's company pays; only with a session, and only where it has a price of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    company_price: Option<PriceView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Price)]
#[serde(rename_all = "camelCase")]
struct PriceView {
    #[schema(minimum = 0, examples(4500))]
    unit_price_minor: i64,
    #[schema(pattern = "^[A-Z]{3}$", examples("KRW"))]
    currency: String,
}

impl From<Money> for PriceView {
    fn from(Money { minor, currency }: Money) -> Self {
        Self { unit_price_minor: minor, currency: currency.to_string() }
    }
}

impl From<Offer> for ProductView {
    fn from(Offer { entry, company_price }: Offer) -> Self {
        let CatalogueEntry { id, name, unit_price_minor, currency } = entry;
        let company_price = company_price.map(PriceView::from);
        Self { id, name, unit_price_minor, currency, company_price }
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
