//! Revocation by token, root session, subject, user, client, company, or of everything.

use actix_web::web::{Data, Json};
use shared::extractor::Caller;
use shared::reply::input::Violation;
use shared::{ApiError, ApiResponse, Revocation};

use crate::domain::login::EndedBy;
use crate::domain::revoking::{self, RevocationAsk};
use crate::handlers::admin::{actor, by, seen};
use crate::state::AppState;

pub(crate) async fn revoke(
    state: Data<AppState>,
    caller: Caller,
    ask: Json<RevocationAsk>,
) -> Result<ApiResponse<Revocation>, ApiError> {
    let actor = actor(&caller);
    let by = by(&state, &actor);
    let entry = ask.entry(by.now).map_err(|rule| Violation::new("value", "format", rule))?;
    let entry = revoking::revoke(&state.revocations, (entry, EndedBy::Operator), by).await?;
    seen(&state).await?;
    Ok(ApiResponse::created(entry))
}
