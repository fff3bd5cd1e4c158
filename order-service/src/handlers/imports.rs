//! The import of paid orders.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use shared::reply::input::Violation;
use shared::{ApiError, ApiResponse, Session, Timestamp, UserId};
use tracing::warn;

use crate::domain::import::{ImportOutcome, MAX_IMPORT, PaidOrder, RawOrder};
use crate::handlers::products::CATALOGUE_KEY;
use crate::repository::orders::storable;
use crate::state::AppState;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportBody {
    orders: Vec<ImportRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportRow {
    order_no: String,
    user_id: UserId,
    product: String,
    quantity: i32,
    unit_price_minor: i64,
    currency: String,
    paid_at: Timestamp,
}

impl From<ImportRow> for RawOrder {
    fn from(row: ImportRow) -> Self {
        Self {
            order_no: row.order_no,
            user_id: row.user_id,
            product: row.product,
            quantity: row.quantity,
            unit_price_minor: row.unit_price_minor,
            currency: row.currency,
            paid_at: storable(row.paid_at),
        }
    }
}

/// What became of one row, in the order of the request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportView {
    order_no: String,
    created: bool,
    error: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct ImportAnswer {
    orders: Vec<ImportView>,
}

pub(crate) async fn import_orders(
    state: Data<AppState>,
    session: Session,
    body: Json<ImportBody>,
) -> Result<ApiResponse<ImportAnswer>, ApiError> {
    let rows = body.into_inner().orders;
    if rows.len() > MAX_IMPORT {
        return Err(Violation::new("orders", "max", "at most 500 orders at once").into());
    }
    let mut views = Vec::with_capacity(rows.len());
    let mut good = Vec::with_capacity(rows.len());
    for (position, row) in rows.into_iter().enumerate() {
        views.push(ImportView { order_no: row.order_no.clone(), created: false, error: None });
        match PaidOrder::try_from(RawOrder::from(row)) {
            Ok(order) => good.push((position, order)),
            Err(error) => views[position].error = Some(error.to_string()),
        }
    }
    let (positions, orders): (Vec<usize>, Vec<PaidOrder>) = good.into_iter().unzip();
    let now = storable(state.clock.now());
    let outcomes = state.orders.import(session.company_id(), &orders, now).await?;
    for (position, outcome) in positions.into_iter().zip(outcomes) {
        views[position].created = outcome == ImportOutcome::Created;
        if outcome == ImportOutcome::Different {
            views[position].error = Some("there is another order of this number".to_owned());
        }
    }
    forget_catalogue(&state).await;
    Ok(ApiResponse::ok(ImportAnswer { orders: views }))
}

/// There may be new products. If the cache is away, the old catalogue expires by itself.
async fn forget_catalogue(state: &AppState) {
    if let Err(error) = state.cache.delete(CATALOGUE_KEY).await {
        warn!(cause = %error, "could not drop the catalogue from the cache");
    }
}
