//! HTTP in, HTTP out.

pub(crate) mod codes;
pub(crate) mod dormancy;
pub(crate) mod identities;
pub(crate) mod logins;
pub(crate) mod mailbox;
pub(crate) mod profile;
pub(crate) mod signing_up;

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use shared::paging::Page;
use shared::reply::Language;
use shared::{ApiError, ApiResponse, CompanyId, Session, Timestamp, UserId};
use utoipa::{IntoParams, ToSchema};

use crate::domain;
use crate::domain::user::{Email, ImportOutcome, RawUser, User, UserName};
use crate::error::UserError;
use crate::state::AppState;

/// In which language the caller wants to read.
fn language(request: &HttpRequest) -> Language {
    let asked = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    asked.map(Language::preferred).unwrap_or_default()
}

fn email(text: &str) -> Result<Email, UserError> {
    Email::parse(text).map_err(|_| UserError::BadField("email", "an e-mail address, in ASCII"))
}

fn name(text: &str) -> Result<UserName, UserError> {
    let asked = "1 to 200 characters and no controls";
    UserName::parse(text.trim()).map_err(|_| UserError::BadField("name", asked))
}

/// A user, as others see it.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView {
    id: UserId,
    company_id: CompanyId,
    #[schema(required, format = "email", examples("min@hanbit.example"))]
    email: Option<String>,
    #[schema(min_length = 1, max_length = 200, examples("Min Seo"))]
    name: String,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, company_id, email, name, created_at } = user;
        let email = email.map(|email| email.as_str().to_owned());
        let name = name.as_str().to_owned();
        Self { id, company_id, email, name, created_at }
    }
}

/// `cursor` and `limit` page; `ids`, comma-separated, picks these users instead.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// The most users of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// These users instead, at most 200.
    #[param(example = "200,201")]
    ids: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserList {
    users: Vec<UserView>,
    /// Where the next page begins; null on the last one.
    #[schema(required, examples("MjAw"))]
    next_cursor: Option<String>,
}

pub(crate) async fn list_users(
    state: Data<AppState>,
    session: Session,
    query: Query<ListQuery>,
) -> Result<ApiResponse<UserList>, ApiError> {
    let ListQuery { cursor, limit, ids } = query.into_inner();
    let (users, next_cursor) = match ids {
        Some(ids) => {
            let ids = domain::user::parse_ids(&ids)?;
            (state.users.list_by_ids(session.company_id(), &ids).await?, None)
        }
        None => {
            let page = Page::parse(cursor.as_deref(), limit)?;
            let users = state.users.list(session.company_id(), &page).await?;
            let last = users.last().map(|user| user.id.to_string());
            let next = page.next_cursor(users.len(), last);
            (users, next)
        }
    };
    let users = users.into_iter().map(UserView::from).collect();
    Ok(ApiResponse::ok(UserList { users, next_cursor }))
}

pub(crate) async fn find_user(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<ApiResponse<UserView>, ApiError> {
    let id = id.parse().map_err(|_| UserError::NoSuchUser)?;
    let user = domain::find_user(&state, session.company_id(), id).await?;
    Ok(ApiResponse::ok(user.into()))
}

pub(crate) async fn find_me(
    state: Data<AppState>,
    session: Session,
) -> Result<ApiResponse<UserView>, ApiError> {
    let user = domain::find_user(&state, session.company_id(), session.user_id()).await?;
    Ok(ApiResponse::ok(user.into()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = UserImport)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportBody {
    #[schema(max_items = 500)]
    users: Vec<ImportRow>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewUser)]
#[serde(deny_unknown_fields)]
struct ImportRow {
    #[schema(examples("min@hanbit.example"))]
    email: String,
    #[schema(max_length = 200, examples("Min Seo"))]
    name: Option<String>,
}

impl From<ImportRow> for RawUser {
    fn from(ImportRow { email, name }: ImportRow) -> Self {
        Self { email, name }
    }
}

/// What became of one row: the user, or why there is none.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportedUser)]
#[serde(rename_all = "camelCase")]
struct ImportView {
    #[schema(examples("min@hanbit.example"))]
    email: String,
    #[schema(required)]
    id: Option<UserId>,
    created: bool,
    #[schema(required)]
    error: Option<String>,
}

impl ImportView {
    fn new(email: String, outcome: ImportOutcome) -> Self {
        let (id, error) = match outcome {
            ImportOutcome::Created(id) | ImportOutcome::Known(id) => (Some(id), None),
            ImportOutcome::Elsewhere => (None, Some("registered with another company".to_owned())),
            ImportOutcome::Closed => (None, Some("the account is closed".to_owned())),
            ImportOutcome::Refused(bad) => (None, Some(bad.to_string())),
        };
        Self { email, id, created: matches!(outcome, ImportOutcome::Created(_)), error }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ImportedUsers)]
pub(crate) struct ImportAnswer {
    users: Vec<ImportView>,
}

pub(crate) async fn import_users(
    state: Data<AppState>,
    session: Session,
    body: Json<ImportBody>,
) -> Result<ApiResponse<ImportAnswer>, ApiError> {
    let offered: Vec<RawUser> = body.into_inner().users.into_iter().map(RawUser::from).collect();
    let outcomes = domain::import_users(&state, session.company_id(), &offered).await?;
    let views = offered.into_iter().zip(outcomes);
    let users = views.map(|(raw, outcome)| ImportView::new(raw.email, outcome)).collect();
    Ok(ApiResponse::ok(ImportAnswer { users }))
}
