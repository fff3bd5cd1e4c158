//! Signing in, staying signed in, signing out.

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue, SET_COOKIE, USER_AGENT,
};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse, Secret};
use tracing::warn;
use utoipa::ToSchema;

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::login::Device;
use crate::domain::person::Person;
use crate::error::AccountError;
use crate::handlers::same_site::check_same_site;
use crate::logins::Begun;
use crate::state::AppState;

/// The cookie with the refresh token. Its name obliges browsers to take it over a secure connection only.
pub(crate) const REFRESH_COOKIE: &str = "__Secure-baton_refresh";
/// It goes nowhere else.
pub(crate) const REFRESH_PATH: &str = "/api/v2/auth";
/// The longest address that is looked at, in bytes.
const MAX_EMAIL_BYTES: usize = 1024;

#[derive(Deserialize, ToSchema)]
#[schema(as = Credentials)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    #[schema(format = "email", max_length = 1_024, examples("min@hanbit.example"))]
    email: String,
    #[schema(value_type = String, format = "password")]
    password: Secret,
}

/// An access token. The refresh token is in a cookie, where no script reads it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedIn {
    #[schema(examples(
        "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIyMDAifQ.c2lnbmF0dXJl"
    ))]
    access_token: String,
    #[schema(examples("Bearer"))]
    token_type: &'static str,
    #[schema(examples(300))]
    expires_in_s: i64,
}

pub(crate) async fn log_in(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<LoginBody>,
) -> Result<ApiResponse<LoggedIn>, ApiError> {
    check_same_site(&state, &request)?;
    let person = checked(&state, &request, &body).await?;
    let begun = state.logins.begin(&person, &device(&state, &request)).await?;
    Ok(answer(&state, begun))
}

/// Whose address and password these are, if they may be tried now.
async fn checked(
    state: &AppState,
    request: &HttpRequest,
    body: &LoginBody,
) -> Result<Person, AccountError> {
    let users = state.users()?;
    let from = state.authenticator.limits.address(request);
    let email = body.email.get(..MAX_EMAIL_BYTES).unwrap_or(&body.email);
    let refused = |error: AccountError| {
        write_refused(state, &from.to_string(), &error);
        error
    };
    let admitted = state.gate.admit(email, from).await.map_err(refused)?;
    match users.check_password(email, &body.password).await.map_err(AccountError::from) {
        Ok(person) => {
            state.gate.succeeded(&admitted).await;
            Ok(person)
        }
        Err(error) => {
            if !matches!(error, AccountError::WrongCredentials) {
                state.gate.not_made(&admitted).await;
            }
            Err(refused(error))
        }
    }
}

/// Not whose address it was: the log is no list of who has an account.
fn write_refused(state: &AppState, from: &str, error: &AccountError) {
    warn!(address = from, cause = %error, "refused a login from {from}");
    let wrong =
        matches!(error, AccountError::WrongCredentials | AccountError::TooManyAttempts { .. });
    if wrong {
        let event = AuditEvent::new(Event::LoginRefused, "somebody", state.issuer.now());
        state.issuer.audit.write(event.because(format!("{error}, from {from}")));
    }
}

/// A new access token, and the next refresh token.
pub(crate) async fn refresh(
    state: Data<AppState>,
    request: HttpRequest,
) -> Result<ApiResponse<LoggedIn>, ApiError> {
    check_same_site(&state, &request)?;
    let missing = AccountError::RefreshInvalid("no cookie");
    let cookie = request.cookie(REFRESH_COOKIE).ok_or(missing)?;
    let begun = state.logins.refresh(cookie.value(), &device(&state, &request)).await;
    begun.map(|begun| answer(&state, begun)).map_err(|error| {
        warn!(cause = %error, "refused to renew a login");
        with_removed_cookie(error)
    })
}

/// A cookie that is no good any more goes.
fn with_removed_cookie(error: AccountError) -> ApiError {
    let no_good = matches!(error, AccountError::RefreshInvalid(_) | AccountError::RefreshReused);
    let removed = HeaderValue::from_str(&removed_cookie().to_string());
    match removed.ok().filter(|_| no_good) {
        Some(removed) => ApiError::from(error).with_header(SET_COOKIE, removed),
        None => error.into(),
    }
}

/// Ends the login of the cookie; again, it changes nothing.
pub(crate) async fn log_out(
    state: Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    check_same_site(&state, &request)?;
    if let Some(cookie) = request.cookie(REFRESH_COOKIE) {
        state.logins.end_by_token(cookie.value()).await?;
    }
    Ok(HttpResponse::NoContent().cookie(removed_cookie()).finish())
}

fn answer(state: &AppState, begun: Begun) -> ApiResponse<LoggedIn> {
    let cookie = refresh_cookie(state, &begun).to_string();
    let bearer = format!("Bearer {}", begun.pair.access);
    let expires_in_s = begun.pair.expires_s - state.issuer.now().timestamp();
    let access_token = begun.pair.access;
    let answer = ApiResponse::ok(LoggedIn { access_token, token_type: "Bearer", expires_in_s })
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let answer = with_text(answer, AUTHORIZATION, &bearer);
    with_text(answer, SET_COOKIE, &cookie)
}

/// Both are made here, of letters that a header may have.
fn with_text(
    answer: ApiResponse<LoggedIn>,
    name: HeaderName,
    value: &str,
) -> ApiResponse<LoggedIn> {
    match HeaderValue::from_str(value) {
        Ok(value) => answer.with_header(name, value),
        Err(_) => answer,
    }
}

/// It lives in the browser as long as here.
pub(super) fn refresh_cookie(state: &AppState, begun: &Begun) -> Cookie<'static> {
    let left_s = (begun.ends_at - state.issuer.now()).num_seconds().max(0);
    let idle_s = i64::from(state.logins.terms.idle_s);
    cookie(begun.pair.refresh.clone(), left_s.min(idle_s))
}

/// What takes it out of the browser.
pub(crate) fn removed_cookie() -> Cookie<'static> {
    cookie(String::new(), 0)
}

fn cookie(value: String, max_age_s: i64) -> Cookie<'static> {
    Cookie::build(REFRESH_COOKIE, value)
        .path(REFRESH_PATH)
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Strict)
        .max_age(CookieDuration::seconds(max_age_s))
        .finish()
}

/// From where this request comes.
pub(super) fn device(state: &AppState, request: &HttpRequest) -> Device {
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let address = state.authenticator.limits.caller(request);
    Device::new(user_agent.unwrap_or_default(), address.to_string())
}
