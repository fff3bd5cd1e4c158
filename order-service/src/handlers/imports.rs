//! The import of paid orders.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse, Session, Timestamp, UserId};

use crate::domain::import::{self, ImportOutcome, RawOrder};
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
            paid_at: row.paid_at,
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
    let order_nos: Vec<String> = rows.iter().map(|row| row.order_no.clone()).collect();
    let offered = rows.into_iter().map(RawOrder::from).collect();
    let outcomes = import::import_orders(&state, session.tenant(), offered).await?;
    let views = order_nos.into_iter().zip(outcomes);
    let orders = views.map(|(order_no, outcome)| ImportView::new(order_no, outcome)).collect();
    Ok(ApiResponse::ok(ImportAnswer { orders }))
}
