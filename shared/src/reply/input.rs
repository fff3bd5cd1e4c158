//! Bad input in the envelope: malformed JSON, queries and paths, unknown routes, and what breaks a rule.

use std::io::ErrorKind;

use actix_web::HttpRequest;
use actix_web::error::{JsonPayloadError, PathError, PayloadError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::web::{self, JsonConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig};
use serde::Serialize;
use serde_json::json;

use crate::reply::{ApiError, ErrorCode, codes};

/// The largest JSON body, in bytes, unless a service says otherwise.
pub const MAX_JSON_BYTES: usize = 256 * 1024;

/// A rule that an input field breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The field, as the caller wrote it.
    pub field: &'static str,
    /// A stable word for the rule, for example `required`, `max`, `format`.
    pub rule: &'static str,
    /// What is asked for, in English.
    pub message: String,
}

impl Violation {
    /// `field` breaks `rule`.
    #[must_use]
    pub fn new(field: &'static str, rule: &'static str, message: impl Into<String>) -> Self {
        Self { field, rule, message: message.into() }
    }
}

impl From<Vec<Violation>> for ApiError {
    fn from(violations: Vec<Violation>) -> Self {
        Self::new(&codes::VALIDATION).with_data(json!({ "fields": violations }))
    }
}

impl From<Violation> for ApiError {
    fn from(violation: Violation) -> Self {
        Self::from(vec![violation])
    }
}

/// How JSON bodies are read, up to this many bytes. On a resource it takes the place of the app's.
#[must_use]
pub fn json_config(limit_bytes: usize) -> JsonConfig {
    JsonConfig::default().limit(limit_bytes).error_handler(|error, _| bad_json(&error).into())
}

/// Makes actix's own refusals speak the envelope. Every service configures its app with it.
pub fn configure(app: &mut ServiceConfig) {
    app.app_data(json_config(MAX_JSON_BYTES))
        .app_data(QueryConfig::default().error_handler(|error, _| bad_query(&error).into()))
        .app_data(PathConfig::default().error_handler(|error, _| bad_path(&error).into()))
        .app_data(PayloadConfig::default().limit(MAX_JSON_BYTES))
        .default_service(web::to(no_such_route));
}

/// Where nothing matched. A route of `App::route` does not match a request of another method, so actix by
/// itself answers 404 for a path that is there; only `web::resource` knows its methods and says 405 with `Allow`.
async fn no_such_route(request: HttpRequest) -> Result<&'static str, ApiError> {
    let known = request.resource_map().has_resource(request.path());
    Err(ApiError::new(if known { &codes::METHOD_NOT_ALLOWED } else { &codes::NO_SUCH_PATH }))
}

fn bad_json(error: &JsonPayloadError) -> ApiError {
    let code = match error {
        JsonPayloadError::OverflowKnownLength { .. }
        | JsonPayloadError::Overflow { .. }
        | JsonPayloadError::Payload(PayloadError::Overflow) => &codes::TOO_LARGE,
        JsonPayloadError::ContentType => &codes::MEDIA_TYPE,
        JsonPayloadError::Payload(PayloadError::Io(error))
            if error.kind() == ErrorKind::TimedOut =>
        {
            &codes::TOO_SLOW
        }
        _ => &codes::BAD_JSON,
    };
    ApiError::new(code).because(error)
}

fn bad_query(error: &QueryPayloadError) -> ApiError {
    ApiError::from(Violation::new("query", "format", "a query parameter is malformed"))
        .because(error)
}

fn bad_path(error: &PathError) -> ApiError {
    ApiError::new(&codes::NO_SUCH_PATH).because(error)
}

/// The answer for a bare status of those that actix gives by itself.
pub(crate) fn for_status(status: StatusCode) -> Option<ApiError> {
    let code: &'static ErrorCode = match status.as_u16() {
        400 => &codes::BAD_JSON,
        404 => &codes::NO_SUCH_PATH,
        405 => &codes::METHOD_NOT_ALLOWED,
        413 => &codes::TOO_LARGE,
        415 => &codes::MEDIA_TYPE,
        429 => &codes::TOO_MANY_REQUESTS,
        503 => &codes::UNAVAILABLE,
        500 => &codes::UNEXPECTED,
        _ => return None,
    };
    Some(ApiError::new(code).because(format!("actix answered {status}")))
}
