//! By which other ways somebody comes into his own account.

use actix_web::web::{Bytes, Data, Path};
use serde::Serialize;
use shared::reply::Nothing;
use shared::{ApiError, ApiResponse, Session, Timestamp};
use utoipa::ToSchema;

use crate::domain::account::{Linked, Provider};
use crate::domain::identities;
use crate::error::UserError;
use crate::handlers::profile::{owner, shown_password};
use crate::state::AppState;

#[derive(Serialize, ToSchema)]
#[schema(as = LinkedIdentity)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkedView {
    provider: Provider,
    #[schema(value_type = DateTime)]
    linked_at: Timestamp,
}

impl From<Linked> for LinkedView {
    fn from(Linked { provider, at }: Linked) -> Self {
        Self { provider, linked_at: at }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = LinkedIdentities)]
pub(crate) struct LinkedList {
    identities: Vec<LinkedView>,
}

pub(crate) async fn list(
    state: Data<AppState>,
    session: Session,
) -> Result<ApiResponse<LinkedList>, ApiError> {
    let linked = identities::list_identities(&state, owner(&session)).await?;
    let identities = linked.into_iter().map(LinkedView::from).collect();
    Ok(ApiResponse::ok(LinkedList { identities }))
}

pub(crate) async fn unlink(
    state: Data<AppState>,
    session: Session,
    provider: Path<String>,
    body: Bytes,
) -> Result<ApiResponse<Nothing>, ApiError> {
    let provider: Provider = provider.parse().map_err(|_| UserError::NoSuchIdentity)?;
    let password = shown_password(&body)?;
    let asked = (provider, password.as_ref());
    identities::unlink_identity(&state, owner(&session), asked).await?;
    Ok(ApiResponse::ok(Nothing))
}
