//! Settlement: asked for by the batch, company by company.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use shared::idempotency::KeptAnswer;
use shared::{ApiError, ApiResponse, CompanyId, Session};
use utoipa::{IntoParams, ToSchema};

use crate::domain;
use crate::domain::calendar::{Day, Stretch, between, moment};
use crate::domain::change::{Change, Transition};
use crate::domain::order::{Order, OrderId, Settlement};
use crate::domain::request::RequestName;
use crate::error::BadField;
use crate::handlers::changes::IfMatch;
use crate::handlers::orders::shown;
use crate::state::AppState;

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompaniesQuery {
    /// A day in UTC.
    #[param(format = "date")]
    paid_on: Option<String>,
    /// In place of a day: from this moment on,
    #[param(example = "2026-07-17T15:00:00Z")]
    paid_from: Option<String>,
    /// and before this one.
    #[param(example = "2026-07-18T15:00:00Z")]
    paid_to: Option<String>,
}

impl CompaniesQuery {
    fn stretch(&self) -> Result<Stretch, BadField> {
        match (&self.paid_on, &self.paid_from, &self.paid_to) {
            (Some(day), None, None) => Ok(Day::parse("paidOn", day)?.bounds()),
            (None, Some(from), Some(to)) => {
                Ok(between(moment("paidFrom", from)?, moment("paidTo", to)?))
            }
            _ => Err(BadField("paidOn", "a day, or else paidFrom and paidTo")),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Companies {
    companies: Vec<CompanyId>,
}

pub(crate) async fn list_companies(
    state: Data<AppState>,
    query: Query<CompaniesQuery>,
) -> Result<ApiResponse<Companies>, ApiError> {
    let companies = state.orders.list_companies_paid(query.stretch()?).await?;
    Ok(ApiResponse::ok(Companies { companies }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Settlement)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SettleBody {
    /// The statement on which the order will stand.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        examples("S-100-2026-07-18-1")
    )]
    settlement_id: String,
}

pub(crate) async fn settle_order(
    state: Data<AppState>,
    session: Session,
    (id, precondition, request): (Path<String>, IfMatch, HttpRequest),
    body: Json<SettleBody>,
) -> Result<KeptAnswer, ApiError> {
    let id = OrderId::parse(&id)?;
    let statement = RequestName::parse("settlementId", &body.settlement_id)?;
    let required = BadField("Idempotency-Key", "this header is required here");
    let request = idempotency_key(&request)?.ok_or(required)?;
    // Its name is kept with the order: it is good for longer than a day.
    let settlement = Settlement { id: statement, request, at: state.clock.now() };
    let transition = Transition::Settle(settlement);
    let change = Change { id, transition, precondition: precondition.into_inner(), keyed: None };
    let answer = |order: &Order| shown(ApiResponse::ok, order).kept();
    Ok(domain::change_order(&state, session.tenant(), &change, answer).await?.answer)
}

/// The request's name, if it has one.
fn idempotency_key(request: &HttpRequest) -> Result<Option<RequestName>, BadField> {
    let mut values = request.headers().get_all("idempotency-key");
    let Some(value) = values.next() else { return Ok(None) };
    // What is not text, or there several times, is no name.
    let text = value.to_str().ok().filter(|_| values.next().is_none()).unwrap_or_default();
    RequestName::parse("Idempotency-Key", text).map(Some)
}
