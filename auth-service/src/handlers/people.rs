//! What user-service tells us: a user has another password, or has gone.

use actix_web::web::{Data, Json, Path};
use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use shared::reply::input::Violation;
use shared::{ApiError, ApiResponse, UserId};

use crate::domain::login::EndedBy;
use crate::login_store::Which;
use crate::state::AppState;

/// Clocks of two services differ by so much at the most.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndLogins {
    reason: Reason,
    /// Logins that began until then, in milliseconds since 1970.
    before_ms: i64,
    /// But this one: that of whoever has asked for it.
    #[serde(default)]
    except: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
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

#[derive(Serialize)]
pub(crate) struct EndedLogins {
    ended: usize,
}

/// The same again, even much later, ends nothing that has begun since.
pub(crate) async fn end_logins(
    state: Data<AppState>,
    id: Path<UserId>,
    body: Json<EndLogins>,
) -> Result<ApiResponse<EndedLogins>, ApiError> {
    let body = body.into_inner();
    let until = DateTime::from_timestamp_millis(body.before_ms);
    let until = until.filter(|until| *until <= state.issuer.now() + CLOCKS_DIFFER);
    let until =
        until.ok_or_else(|| Violation::new("before_ms", "max", "a time that has passed"))?;
    let which = Which {
        began_until: Some(until),
        except: body.except.and_then(|sid| sid.parse().ok()),
        ..Which::all(*id)
    };
    let ended = state.logins.end(&which, body.reason.into()).await?.len();
    Ok(ApiResponse::ok(EndedLogins { ended }))
}
