//! What the account page asks of user-service: it comes from this server's own origin, and goes on from here.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use shared::ApiError;
use shared::edge::{TRACEPARENT, X_REQUEST_ID};

use crate::error::AccountError;
use crate::state::AppState;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// What of a request goes on.
const SENT: [HeaderName; 4] = [ACCEPT_LANGUAGE, CONTENT_TYPE, TRACEPARENT, X_REQUEST_ID];
/// What of an answer comes back.
const RETURNED: [HeaderName; 2] = [CONTENT_TYPE, RETRY_AFTER];

/// Passes on a POST to the same path there, and the answer back.
pub(crate) async fn forward(
    state: Data<AppState>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let people = state.people()?;
    let address = state.authenticator.limits.caller(&request);
    let mut forwarded = people.http.post(people.url(request.path()));
    for name in SENT {
        if let Some(value) = request.headers().get(&name) {
            forwarded = forwarded.header(name.as_str(), value.as_bytes());
        }
    }
    let forwarded = forwarded.header(X_FORWARDED_FOR, address.to_string()).body(body);
    let away =
        |error: reqwest::Error| AccountError::UserServiceAway(error.without_url().to_string());
    let answer = forwarded.send().await.map_err(away)?;
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    for name in RETURNED {
        let value = answer.headers().get(name.as_str());
        if let Some(value) = value.and_then(|own| HeaderValue::from_bytes(own.as_bytes()).ok()) {
            response.insert_header((name, value));
        }
    }
    Ok(response.body(answer.bytes().await.map_err(away)?))
}
