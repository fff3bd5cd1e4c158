//! Codes by mail, and what they are exchanged for.

use actix_web::HttpRequest;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{ApiError, ApiResponse};

use crate::domain::codes::{self, Asker, Purpose, Token};
use crate::handlers::{email, language};
use crate::state::AppState;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskBody {
    email: String,
    purpose: Purpose,
}

/// Says the same whoever has the address.
pub(crate) async fn ask_code(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<AskBody>,
) -> Result<ApiResponse<Value>, ApiError> {
    let email = email(&body.email)?;
    let asker = Asker { address: state.limits.address(&request), language: language(&request) };
    codes::ask_code(&state, (&email, body.purpose), asker).await?;
    Ok(ApiResponse::accepted(json!({ "email": email.as_str() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyBody {
    email: String,
    purpose: Purpose,
    code: String,
}

pub(crate) async fn verify_code(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<VerifyBody>,
) -> Result<ApiResponse<Token>, ApiError> {
    let email = email(&body.email)?;
    let guess = (body.code.as_str(), state.limits.address(&request));
    let token = codes::verify_code(&state, (&email, body.purpose), guess).await?;
    let no_store = HeaderValue::from_static("no-store");
    Ok(ApiResponse::ok(token).with_header(CACHE_CONTROL, no_store))
}
