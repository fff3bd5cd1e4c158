//! The audit log.

use actix_web::web::{Data, Query};
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse, Timestamp};
use utoipa::{IntoParams, ToSchema};

use crate::error::CommandError;
use crate::repository::audit::AuditRow;
use crate::state::AppState;

/// The longest page.
const MAX_ROWS: i64 = 1_000;

/// `after`: the number of the last row that is known. Without it, the last rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// The number of the last row that is known; without it, the last rows come.
    #[serde(default)]
    after: Option<i64>,
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 1_000, default = 100)]
    limit: i64,
}

fn default_limit() -> i64 {
    100
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditView {
    #[schema(minimum = 1)]
    id: i64,
    #[schema(value_type = DateTime)]
    at: Timestamp,
    #[schema(examples("token_issued"))]
    event: String,
    #[schema(examples("batch-service"))]
    actor: String,
    #[schema(required)]
    client: Option<String>,
    #[schema(required)]
    session: Option<String>,
    detail: String,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        let at = row.at();
        let AuditRow { id, event, actor, client_id, session, detail, .. } = row;
        Self { id, at, event, actor, client: client_id, session, detail }
    }
}

pub(crate) async fn list_audit(
    state: Data<AppState>,
    query: Query<AuditQuery>,
) -> Result<ApiResponse<Vec<AuditView>>, ApiError> {
    let limit = query.limit.clamp(1, MAX_ROWS);
    let rows = match query.after {
        Some(after) => state.audit.list_after(after, limit).await,
        None => state.audit.list_last(limit).await,
    };
    let rows = rows.map_err(CommandError::Db)?;
    Ok(ApiResponse::ok(rows.into_iter().map(AuditView::from).collect()))
}
