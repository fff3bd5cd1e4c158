//! Settlement: asked for by the batch, company by company.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse, CompanyId, Session};

use crate::domain::order::{Order, RequestName, Settlement};
use crate::error::OrderError;
use crate::handlers::orders::{OrderView, existing, idempotency_key};
use crate::repository::orders::storable;
use crate::state::AppState;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompaniesQuery {
    paid_on: NaiveDate,
}

#[derive(Serialize)]
pub(crate) struct Companies {
    companies: Vec<CompanyId>,
}

pub(crate) async fn list_companies(
    state: Data<AppState>,
    query: Query<CompaniesQuery>,
) -> Result<ApiResponse<Companies>, ApiError> {
    let companies = state.orders.list_companies_paid_on(query.paid_on).await?;
    Ok(ApiResponse::ok(Companies { companies }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SettleBody {
    /// The statement on which the order will stand.
    settlement_id: String,
}

pub(crate) async fn settle_order(
    state: Data<AppState>,
    session: Session,
    target: (HttpRequest, Path<String>),
    body: Json<SettleBody>,
) -> Result<ApiResponse<OrderView>, ApiError> {
    let (request, id) = target;
    let required = OrderError::BadField("Idempotency-Key", "this header is required here");
    let settlement = Settlement {
        id: RequestName::parse("settlementId", &body.settlement_id)?.as_str().to_owned(),
        request: idempotency_key(&request)?.ok_or(required)?,
        at: storable(state.clock.now()),
    };
    let settled = state.orders.settle(session.company_id(), &id, &settlement).await?;
    let order = existing(&state, &session, &id).await?;
    if !settled {
        check_replay(&order, &settlement)?;
    }
    Ok(ApiResponse::ok(order.into()))
}

/// The order is not paid any more: fine if this very request has settled it before.
fn check_replay(order: &Order, asked: &Settlement) -> Result<(), OrderError> {
    match &order.settlement {
        Some(done) if done.request == asked.request && done.id == asked.id => Ok(()),
        Some(done) if done.request == asked.request => Err(OrderError::KeyReused),
        _ => Err(OrderError::WrongState),
    }
}
