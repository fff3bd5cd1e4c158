//! Signing up, and a new password for somebody who has forgotten his.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use serde::Deserialize;
use serde_json::Value;
use shared::{ApiError, ApiResponse, Secret};

use crate::domain::codes::Asker;
use crate::domain::resetting::{self, Reset};
use crate::domain::signing_up::{self, SignUp};
use crate::handlers::profile::OwnView;
use crate::handlers::{email, language, name};
use crate::state::AppState;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUpBody {
    email: String,
    password: Secret,
    name: String,
    token: String,
}

pub(crate) async fn sign_up(
    state: Data<AppState>,
    body: Json<SignUpBody>,
) -> Result<ApiResponse<OwnView>, ApiError> {
    let SignUpBody { email: address, password, name: called, token } = body.into_inner();
    let asked = SignUp { email: email(&address)?, password, name: name(&called)?, token };
    let signed_up = signing_up::sign_up(&state, asked).await?;
    Ok(ApiResponse::created(signed_up.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetBody {
    email: String,
    password: Secret,
    token: String,
}

pub(crate) async fn reset_password(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<ResetBody>,
) -> Result<ApiResponse<Value>, ApiError> {
    let ResetBody { email: address, password, token } = body.into_inner();
    let asker = Asker { address: state.limits.address(&request), language: language(&request) };
    let asked = Reset { email: email(&address)?, password, token, asker };
    resetting::reset_password(&state, asked).await?;
    Ok(ApiResponse::ok(Value::Null))
}
