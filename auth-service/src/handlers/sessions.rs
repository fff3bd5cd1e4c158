//! The logins of whoever asks: he sees them, and ends them.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::web::{Data, Path, Query};
use serde::{Deserialize, Serialize};
use shared::extractor::Caller;
use shared::{ApiError, ApiResponse, Refusal, Session, Timestamp, TokenError};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::domain::device::device_name;
use crate::domain::login::{EndedBy, Login};
use crate::domain::person::Provider;
use crate::error::AccountError;
use crate::handlers::login::removed_cookie;
use crate::login_store::Which;
use crate::state::AppState;

/// Proxies cut off what takes longer.
const LONGEST_WATCH: Duration = Duration::from_secs(25);

#[derive(Serialize, ToSchema)]
#[schema(as = Login)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView {
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// For example `Chrome, Windows`.
    #[schema(examples("Chrome, Windows"))]
    device: String,
    user_agent: String,
    #[schema(examples("203.0.113.7"))]
    address: String,
    provider: Provider,
    #[schema(value_type = DateTime)]
    first_used_at: Timestamp,
    #[schema(value_type = DateTime)]
    last_used_at: Timestamp,
    /// It ends then, if it is not used before.
    #[schema(value_type = DateTime)]
    expires_at: Timestamp,
    /// The one that this request belongs to.
    current: bool,
}

impl SessionView {
    fn new(login: Login, current: Option<Uuid>) -> Self {
        Self {
            id: login.sid,
            device: device_name(&login.device.user_agent),
            user_agent: login.device.user_agent,
            address: login.device.address,
            provider: login.provider,
            first_used_at: login.began_at,
            last_used_at: login.used_at,
            expires_at: login.idle_until.min(login.ends_at),
            current: current == Some(login.sid),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogoutAllQuery {
    /// All but the one that this request belongs to.
    #[serde(default)]
    others_only: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EndedLogins)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ended {
    /// How many there were to end.
    ended: usize,
}

pub(crate) async fn list_sessions(
    state: Data<AppState>,
    session: Session,
    caller: Caller,
) -> Result<ApiResponse<Vec<SessionView>>, ApiError> {
    let logins = state.logins.list(session.user_id()).await?;
    let current = own_sid(&caller);
    let views = logins.into_iter().map(|login| SessionView::new(login, current));
    Ok(ApiResponse::ok(views.collect()))
}

/// Answers when the login of whoever asks has ended, with the refusal that his token gets from then on; or 204 after a while,
/// to be asked again. So a page knows at once that it is logged out.
pub(crate) async fn watch_session(
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let mirror = &state.issuer.mirror;
    let mut news = mirror.news();
    let claims = caller.claims();
    let ended = || mirror.revocations().set().hits(claims, state.issuer.now().timestamp());
    let watch = async { while !ended() && news.changed().await.is_ok() {} };
    tokio::select! {
        () = watch => {}
        () = tokio::time::sleep(LONGEST_WATCH) => {}
        () = state.stopping.begun() => {}
    }
    match ended() {
        true => Err(Refusal::from(TokenError::Revoked).into()),
        false => Ok(HttpResponse::NoContent().finish()),
    }
}

pub(crate) async fn end_session(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let sid = id.parse().map_err(|_| AccountError::NoSuchLogin)?;
    let ended = state.logins.end(&Which::one(session.user_id(), sid), EndedBy::Logout).await?;
    if ended.is_empty() {
        return Err(AccountError::NoSuchLogin.into());
    }
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) async fn log_out_all(
    state: Data<AppState>,
    (session, caller): (Session, Caller),
    query: Query<LogoutAllQuery>,
) -> Result<ApiResponse<Ended>, ApiError> {
    let except = own_sid(&caller).filter(|_| query.others_only);
    let which = Which { except, ..Which::all(session.user_id()) };
    let ended = state.logins.end(&which, EndedBy::Logout).await?.len();
    let answer = ApiResponse::ok(Ended { ended });
    let removed = HeaderValue::from_str(&removed_cookie().to_string());
    Ok(match removed.ok().filter(|_| !query.others_only) {
        Some(removed) => answer.with_header(SET_COOKIE, removed),
        None => answer,
    })
}

fn own_sid(caller: &Caller) -> Option<Uuid> {
    caller.claims().sid.as_deref()?.parse().ok()
}
