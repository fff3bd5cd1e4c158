//! What auth-service asks.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use shared::reply::Nothing;
use shared::{ApiError, ApiResponse, CompanyId, Secret, UserId};
use utoipa::ToSchema;

use crate::domain::account::{Account, Identity, Provider};
use crate::domain::identities::link_identity;
use crate::domain::logins::{self, SocialLogin};
use crate::domain::user::{Email, UserName};
use crate::error::UserError;
use crate::handlers::language;
use crate::state::AppState;

/// Somebody who logs in: what his session is made of.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    user_id: UserId,
    company_id: CompanyId,
    #[schema(required, format = "email", examples("min@hanbit.example"))]
    email: Option<String>,
    #[schema(examples("Min Seo"))]
    name: String,
    provider: Provider,
    /// As it was when this was true.
    credentials_version: i64,
    /// Nobody has any yet.
    #[schema(value_type = Vec<String>)]
    roles: [String; 0],
}

impl From<Account> for Person {
    fn from(account: Account) -> Self {
        Self {
            user_id: account.id,
            company_id: account.company_id,
            email: account.email.map(|email| email.as_str().to_owned()),
            name: account.name.as_str().to_owned(),
            provider: account.provider,
            credentials_version: account.credentials_version,
            roles: [],
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    #[schema(examples("min@hanbit.example"))]
    email: String,
    #[schema(value_type = String, format = "password")]
    password: Secret,
}

pub(crate) async fn log_in(
    state: Data<AppState>,
    body: Json<LoginBody>,
) -> Result<ApiResponse<Person>, ApiError> {
    let account = logins::log_in(&state, &body.email, &body.password).await?;
    Ok(ApiResponse::ok(account.into()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SocialLoginBody {
    provider: Provider,
    /// The provider's own id of this person.
    #[schema(min_length = 1, max_length = 255, examples("110169484474386276334"))]
    subject: String,
    #[schema(examples("min@hanbit.example"))]
    email: Option<String>,
    #[schema(examples("Min Seo"))]
    name: Option<String>,
    /// No account is made: the provider has said that the address is not this person's for certain.
    #[serde(default)]
    known_only: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SocialLoginResult)]
pub(crate) struct SocialLoginAnswer {
    created: bool,
    person: Person,
}

fn identity(provider: Provider, subject: &str) -> Result<Identity, UserError> {
    let asked = "a provider other than LOCAL, and 1 to 255 bytes without controls";
    Identity::parse(provider, subject).map_err(|_| UserError::BadField("subject", asked))
}

pub(crate) async fn log_in_socially(
    state: Data<AppState>,
    body: Json<SocialLoginBody>,
) -> Result<ApiResponse<SocialLoginAnswer>, ApiError> {
    let SocialLoginBody { provider, subject, email, name, known_only } = body.into_inner();
    let identity = identity(provider, &subject)?;
    // An address that we could not write to is none.
    let email = email.and_then(|email| Email::parse(&email).ok());
    let name = UserName::given(name.as_deref(), email.as_ref());
    let asked = SocialLogin { identity, email, name, known_only };
    let (account, created) = logins::log_in_socially(&state, &asked).await?;
    Ok(ApiResponse::ok(SocialLoginAnswer { created, person: account.into() }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityBody {
    provider: Provider,
    #[schema(min_length = 1, max_length = 255, examples("110169484474386276334"))]
    subject: String,
    /// The account keeps its own.
    #[serde(rename = "email")]
    _email: Option<String>,
}

fn user_id(text: &str) -> Result<UserId, UserError> {
    text.parse().map_err(|_| UserError::NoSuchUser)
}

pub(crate) async fn link(
    state: Data<AppState>,
    request: HttpRequest,
    (id, body): (Path<String>, Json<IdentityBody>),
) -> Result<ApiResponse<Person>, ApiError> {
    let identity = identity(body.provider, &body.subject)?;
    let account = link_identity(&state, (user_id(&id)?, &identity), language(&request)).await?;
    Ok(ApiResponse::ok(account.into()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordCheckBody {
    #[schema(value_type = String, format = "password")]
    password: Secret,
}

pub(crate) async fn check_password(
    state: Data<AppState>,
    id: Path<String>,
    body: Json<PasswordCheckBody>,
) -> Result<ApiResponse<Nothing>, ApiError> {
    let id = id.parse().map_err(|_| UserError::WrongPassword)?;
    logins::check_password(&state, id, &body.password).await?;
    Ok(ApiResponse::ok(Nothing))
}

pub(crate) async fn find_person(
    state: Data<AppState>,
    id: Path<String>,
) -> Result<ApiResponse<Person>, ApiError> {
    Ok(ApiResponse::ok(logins::find_person(&state, user_id(&id)?).await?.into()))
}
