//! The import of paid orders.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse, Session, Timestamp, UserId};
use utoipa::ToSchema;

use crate::domain::import::{self, ImportOutcome, RawOrder};
use crate::state::AppState;

#[derive(Deserialize, ToSchema)]
#[schema(as = OrderImport)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportBody {
    #[schema(max_items = 500)]
    orders: Vec<ImportRow>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PaidOrder)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImportRow {
    #[schema(min_length = 1, max_length = 200, examples("2026-000017"))]
    order_no: String,
    user_id: UserId,
    #[schema(min_length = 1, max_length = 200, examples("A4 paper"))]
    product: String,
    #[schema(minimum = 1, maximum = 100_000)]
    quantity: i32,
    #[schema(minimum = 0, examples(4500))]
    unit_price_minor: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", examples("KRW"))]
    currency: String,
    #[schema(value_type = DateTime)]
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
            paid_at: row.paid_at,
        }
    }
}

/// What became of one row, in the order of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportedOrder)]
#[serde(rename_all = "camelCase")]
struct ImportView {
    #[schema(examples("2026-000017"))]
    order_no: String,
    /// False: there was one before, or there is none.
    created: bool,
    /// Why there is none.
    #[schema(required)]
    error: Option<String>,
}

impl ImportView {
    fn new(order_no: String, outcome: ImportOutcome) -> Self {
        let error = match outcome {
            ImportOutcome::Created | ImportOutcome::Known => None,
            ImportOutcome::Different => Some("there is another order of this number".to_owned()),
            ImportOutcome::Refused(bad) => Some(bad.to_string()),
        };
        Self { order_no, created: outcome == ImportOutcome::Created, error }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ImportedOrders)]
pub(crate) struct ImportAnswer {
    orders: Vec<ImportView>,
}

pub(crate) async fn import_orders(
    state: Data<AppState>,
    session: Session,
    body: Json<ImportBody>,
) -> Result<ApiResponse<ImportAnswer>, ApiError> {
    let rows = body.into_inner().orders;
    let order_nos: Vec<String> = rows.iter().map(|row| row.order_no.clone()).collect();
    let offered = rows.into_iter().map(RawOrder::from).collect();
    let outcomes = import::import_orders(&state, session.tenant(), offered).await?;
    let views = order_nos.into_iter().zip(outcomes);
    let orders = views.map(|(order_no, outcome)| ImportView::new(order_no, outcome)).collect();
    Ok(ApiResponse::ok(ImportAnswer { orders }))
}
