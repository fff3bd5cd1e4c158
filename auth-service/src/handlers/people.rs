//! What user-service tells us: a user has another password, or has gone.

use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse, UserId};
use utoipa::ToSchema;

use crate::domain::login::EndedBy;
use crate::login_store::Which;
use crate::state::AppState;

#[derive(Deserialize, ToSchema)]
#[schema(as = LoginsToEnd)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndLogins {
    reason: Reason,
    /// Logins that began with older credentials than these.
    version: i64,
    /// But this one: that of whoever has asked for it.
    #[serde(default)]
    except: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = EndReason)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Reason {
    PasswordChanged,
    PasswordReset,
    Withdrawn,
}

impl From<Reason> for EndedBy {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::PasswordChanged => Self::PasswordChanged,
            Reason::PasswordReset => Self::PasswordReset,
            Reason::Withdrawn => Self::Withdrawn,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = EndedLoginsOfUser)]
pub(crate) struct EndedLogins {
    ended: usize,
}

/// The same again, even much later, ends nothing that has begun with newer ones.
pub(crate) async fn end_logins(
    state: Data<AppState>,
    id: Path<UserId>,
    body: Json<EndLogins>,
) -> Result<ApiResponse<EndedLogins>, ApiError> {
    let body = body.into_inner();
    let except = body.except.and_then(|sid| sid.parse().ok());
    let which = Which { older_than: Some(body.version), except, ..Which::all(*id) };
    let ended = state.logins.end(&which, body.reason.into()).await?.len();
    Ok(ApiResponse::ok(EndedLogins { ended }))
}
