//! Somebody's own account.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Data, Json};
use serde::{Deserialize, Serialize};
use shared::extractor::Caller;
use shared::reply::Nothing;
use shared::reply::codes::BAD_JSON;
use shared::{ApiError, ApiResponse, CompanyId, Secret, Session, Timestamp, UserId};
use utoipa::ToSchema;

use crate::domain::account::{Account, Provider};
use crate::domain::profile::{self, Owner, PasswordChange};
use crate::domain::signing_up::SignedUp;
use crate::handlers::{language, name};
use crate::state::AppState;

/// An account, as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnAccount)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnView {
    id: UserId,
    company_id: CompanyId,
    #[schema(required, format = "email", examples("min@hanbit.example"))]
    email: Option<String>,
    #[schema(min_length = 1, max_length = 200, examples("Min Seo"))]
    name: String,
    provider: Provider,
    has_password: bool,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    /// By which way the last owner of the address came in, whose account has been erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    former_provider: Option<Provider>,
}

impl From<Account> for OwnView {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            company_id: account.company_id,
            email: account.email.map(|email| email.as_str().to_owned()),
            name: account.name.as_str().to_owned(),
            provider: account.provider,
            has_password: account.password.is_some(),
            created_at: account.created_at,
            former_provider: None,
        }
    }
}

impl From<SignedUp> for OwnView {
    fn from(SignedUp { account, former_provider }: SignedUp) -> Self {
        Self { former_provider, ..account.into() }
    }
}

pub(super) fn owner(session: &Session) -> Owner {
    (session.company_id(), session.user_id())
}

pub(crate) async fn find_own(
    state: Data<AppState>,
    session: Session,
) -> Result<ApiResponse<OwnView>, ApiError> {
    Ok(ApiResponse::ok(profile::find_own(&state, owner(&session)).await?.into()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewName)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameBody {
    #[schema(min_length = 1, max_length = 200, examples("Min Seo"))]
    name: String,
}

pub(crate) async fn rename(
    state: Data<AppState>,
    session: Session,
    body: Json<RenameBody>,
) -> Result<ApiResponse<OwnView>, ApiError> {
    let renamed = profile::rename(&state, owner(&session), &name(&body.name)?).await?;
    Ok(ApiResponse::ok(renamed.into()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PasswordChange)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PasswordBody {
    #[schema(value_type = String, format = "password")]
    old_password: Secret,
    #[schema(value_type = String, format = "password")]
    new_password: Secret,
}

pub(crate) async fn change_password(
    state: Data<AppState>,
    request: HttpRequest,
    (session, caller): (Session, Caller),
    body: Json<PasswordBody>,
) -> Result<ApiResponse<Nothing>, ApiError> {
    let PasswordBody { old_password: old, new_password: new } = body.into_inner();
    let (sid, language) = (caller.claims().sid.clone(), language(&request));
    let asked = PasswordChange { old, new, sid, language };
    profile::change_password(&state, owner(&session), asked).await?;
    Ok(ApiResponse::ok(Nothing))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShownPassword {
    #[schema(value_type = Option<String>, format = "password")]
    password: Option<Secret>,
}

/// Who has no password need not send a body.
pub(super) fn shown_password(body: &Bytes) -> Result<Option<Secret>, ApiError> {
    if body.is_empty() {
        return Ok(None);
    }
    let body: Result<ShownPassword, _> = serde_json::from_slice(body);
    Ok(body.map_err(|error| ApiError::new(&BAD_JSON).because(error))?.password)
}

pub(crate) async fn withdraw(
    state: Data<AppState>,
    request: HttpRequest,
    session: Session,
    body: Bytes,
) -> Result<ApiResponse<Nothing>, ApiError> {
    let password = shown_password(&body)?;
    let asked = (password.as_ref(), language(&request));
    profile::withdraw(&state, owner(&session), asked).await?;
    Ok(ApiResponse::ok(Nothing))
}
