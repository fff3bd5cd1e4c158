//! What was handed on in the sessions of whoever asks: he sees it, and calls it back.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use chrono::DateTime;
use serde::Serialize;
use shared::{ApiError, ApiResponse, Session, Timestamp};
use utoipa::ToSchema;

use crate::domain::handoff::{Handoff, HandoffName};
use crate::error::AccountError;
use crate::state::AppState;

#[derive(Serialize, ToSchema)]
#[schema(as = Handoff)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HandoffView {
    /// What it is called; it is not what its executor has.
    #[schema(examples("n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"))]
    id: String,
    #[schema(examples("order-exports"))]
    purpose: String,
    /// The service that was asked for something.
    #[schema(examples("order-service"))]
    handed_on_by: String,
    /// The service that will do it.
    #[schema(examples("batch-service"))]
    executor: String,
    resources: Vec<String>,
    #[schema(examples("order:read file:write"))]
    scope: String,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = DateTime)]
    not_before: Timestamp,
    #[schema(value_type = DateTime)]
    not_after: Timestamp,
    uses: u32,
    max_uses: u32,
    #[schema(value_type = Option<DateTime>, required)]
    last_used_at: Option<Timestamp>,
    /// Whether it goes on when the user logs out.
    outlives_logout: bool,
}

impl From<Handoff> for HandoffView {
    fn from(handoff: Handoff) -> Self {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        Self {
            id: handoff.name.as_str().to_owned(),
            purpose: handoff.purpose.to_string(),
            handed_on_by: handoff.handed_on_by.to_string(),
            executor: handoff.executor.to_string(),
            resources: handoff.audiences.into_iter().collect(),
            scope: handoff.scope.to_string(),
            created_at: handoff.created_at,
            not_before: at(handoff.not_before_s),
            not_after: at(handoff.not_after_s),
            uses: handoff.used.times,
            max_uses: handoff.max_uses,
            last_used_at: handoff.used.last_at,
            outlives_logout: handoff.outlives_logout,
        }
    }
}

pub(crate) async fn list_handoffs(
    state: Data<AppState>,
    session: Session,
) -> Result<ApiResponse<Vec<HandoffView>>, ApiError> {
    let handoffs = state.handoffs.list(session.user_id()).await?;
    Ok(ApiResponse::ok(handoffs.into_iter().map(HandoffView::from).collect()))
}

pub(crate) async fn end_handoff(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let name = HandoffName::of_either(&id);
    if !state.handoffs.end_by_user(&name, session.user_id()).await? {
        return Err(AccountError::NoSuchHandoff.into());
    }
    Ok(HttpResponse::NoContent().finish())
}
