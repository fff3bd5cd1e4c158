//! What the account page asks of user-service: it comes from this server's own origin, and goes on from here.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use shared::ApiError;

use crate::error::AccountError;
use crate::state::AppState;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// What of a request goes on.
const SENT: [HeaderName; 2] = [ACCEPT_LANGUAGE, CONTENT_TYPE];
/// What of an answer comes back.
const RETURNED: [HeaderName; 4] = [CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE];

/// Passes on a POST to the same path there, and the answer back. The token is ours: by it the address is believed.
pub(crate) async fn forward(
    state: Data<AppState>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let address = state.authenticator.limits.caller(&request);
    let mut call = state.users()?.post(request.path()).body(body);
    for name in SENT {
        let value = request.headers().get(&name).and_then(|value| value.to_str().ok());
        if let Some(value) = value {
            call = call.header(name.as_str(), value);
        }
    }
    let call = call.header(X_FORWARDED_FOR, &address.to_string());
    let away = |cause: String| AccountError::UserServiceAway(cause);
    let answer = call.send().await.map_err(|error| away(error.to_string()))?;
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    for name in RETURNED {
        let value = answer.headers().get(name.as_str());
        if let Some(value) = value.and_then(|own| HeaderValue::from_bytes(own.as_bytes()).ok()) {
            response.insert_header((name, value));
        }
    }
    let body = answer.bytes().await.map_err(|error| away(error.without_url().to_string()))?;
    Ok(response.body(body))
}
