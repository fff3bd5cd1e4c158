//! What there is to say of a handoff.

use actix_web::web::{Data, Path};
use shared::{ApiError, ApiResponse};

use crate::domain::handoff::HandoffName;
use crate::domain::handoff::explain::HandoffExplanation;
use crate::error::CommandError;
use crate::state::AppState;

pub(crate) async fn explain_handoff(
    state: Data<AppState>,
    id: Path<String>,
) -> Result<ApiResponse<HandoffExplanation>, ApiError> {
    let explained = state.handoffs.explain(&HandoffName::of_either(&id)).await;
    let explained = explained.map_err(CommandError::Db)?;
    Ok(ApiResponse::ok(explained.ok_or_else(|| CommandError::NoSuchHandoff(id.to_string()))?))
}
