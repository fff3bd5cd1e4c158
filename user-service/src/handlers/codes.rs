//! Codes by mail, and what they are exchanged for.

use actix_web::HttpRequest;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use shared::{ApiError, ApiResponse};
use utoipa::ToSchema;

use crate::domain::codes::{self, Asker, Purpose, Token};
use crate::handlers::{email, language};
use crate::state::AppState;

#[derive(Deserialize, ToSchema)]
#[schema(as = CodeRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskBody {
    #[schema(format = "email", max_length = 254, examples("min@hanbit.example"))]
    email: String,
    purpose: Purpose,
}

/// To which address a code goes, if it can have one.
#[derive(Serialize, ToSchema)]
pub(crate) struct AskedFor {
    #[schema(format = "email", examples("min@hanbit.example"))]
    email: String,
}

/// Says the same whoever has the address.
pub(crate) async fn ask_code(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<AskBody>,
) -> Result<ApiResponse<AskedFor>, ApiError> {
    let email = email(&body.email)?;
    let asker = Asker { address: state.limits.address(&request), language: language(&request) };
    codes::ask_code(&state, (&email, body.purpose), asker).await?;
    Ok(ApiResponse::accepted(AskedFor { email: email.as_str().to_owned() }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = CodeCheck)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyBody {
    #[schema(format = "email", max_length = 254, examples("min@hanbit.example"))]
    email: String,
    purpose: Purpose,
    #[schema(examples("482913"))]
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
