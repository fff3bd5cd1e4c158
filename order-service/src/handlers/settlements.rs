//! Settlement: asked for by the batch, company by company.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse, CompanyId, Session};

use crate::domain;
use crate::domain::calendar::Day;
use crate::domain::order::OrderId;
use crate::domain::request::RequestName;
use crate::error::BadField;
use crate::handlers::orders::{OrderView, idempotency_key};
use crate::state::AppState;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompaniesQuery {
    /// In UTC.
    paid_on: String,
}

#[derive(Serialize)]
pub(crate) struct Companies {
    companies: Vec<CompanyId>,
}

pub(crate) async fn list_companies(
    state: Data<AppState>,
    query: Query<CompaniesQuery>,
) -> Result<ApiResponse<Companies>, ApiError> {
    let day = Day::parse("paidOn", &query.paid_on)?;
    let companies = state.orders.list_companies_paid_on(day).await?;
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
    let id = OrderId::parse(&id)?;
    let statement = RequestName::parse("settlementId", &body.settlement_id)?;
    let required = BadField("Idempotency-Key", "this header is required here");
    let names = (statement, idempotency_key(&request)?.ok_or(required)?);
    let order = domain::settle_order(&state, session.company_id(), id, names).await?;
    Ok(ApiResponse::ok(order.into()))
}
