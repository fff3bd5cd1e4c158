//! Which companies have files that have expired.

use actix_web::web::{Data, Query};
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse, CompanyId};
use utoipa::{IntoParams, ToSchema};

use crate::domain::expiry::parse_moment;
use crate::state::AppState;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompaniesQuery {
    /// Files that have expired at this moment (RFC 3339).
    #[param(format = "date-time")]
    before: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Companies {
    companies: Vec<CompanyId>,
}

pub(crate) async fn list_companies(
    state: Data<AppState>,
    query: Query<CompaniesQuery>,
) -> Result<ApiResponse<Companies>, ApiError> {
    let before = parse_moment("before", &query.before)?;
    let companies = state.expired_files.list_companies(before).await?;
    Ok(ApiResponse::ok(Companies { companies }))
}
