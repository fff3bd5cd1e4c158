//! Signing up, and a new password for somebody who has forgotten his.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use serde::Deserialize;
use shared::reply::Nothing;
use shared::{ApiError, ApiResponse, Secret};
use utoipa::ToSchema;

use crate::domain::codes::Asker;
use crate::domain::resetting::{self, Reset};
use crate::domain::signing_up::{self, SignUp};
use crate::handlers::profile::OwnView;
use crate::handlers::{email, language, name};
use crate::state::AppState;

#[derive(Deserialize, ToSchema)]
#[schema(as = SignUp)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUpBody {
    #[schema(format = "email", max_length = 254, examples("min@hanbit.example"))]
    email: String,
    #[schema(value_type = String, format = "password")]
    password: Secret,
    #[schema(min_length = 1, max_length = 200, examples("Min Seo"))]
    name: String,
    /// What a code was exchanged for, with purpose SIGNUP.
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

#[derive(Deserialize, ToSchema)]
#[schema(as = PasswordReset)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetBody {
    #[schema(format = "email", max_length = 254, examples("min@hanbit.example"))]
    email: String,
    #[schema(value_type = String, format = "password")]
    password: Secret,
    /// What a code was exchanged for, with purpose PASSWORD_RESET.
    token: String,
}

pub(crate) async fn reset_password(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<ResetBody>,
) -> Result<ApiResponse<Nothing>, ApiError> {
    let ResetBody { email: address, password, token } = body.into_inner();
    let asker = Asker { address: state.limits.address(&request), language: language(&request) };
    let asked = Reset { email: email(&address)?, password, token, asker };
    resetting::reset_password(&state, asked).await?;
    Ok(ApiResponse::ok(Nothing))
}
