//! HTTP in, HTTP out.

use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use shared::paging::Page;
use shared::reply::input::Violation;
use shared::{ApiError, ApiResponse, Session, Timestamp, UserId};

use crate::domain;
use crate::domain::user::{ImportOutcome, NewUser, User};
use crate::error::UserError;
use crate::state::AppState;

/// A user, as others see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView {
    id: UserId,
    company_id: shared::CompanyId,
    email: String,
    name: String,
    created_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, company_id, email, name, created_at } = user;
        Self { id, company_id, email: email.as_str().to_owned(), name, created_at }
    }
}

/// `cursor` and `limit` page; `ids`, comma-separated, picks these users instead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    cursor: Option<String>,
    limit: Option<u32>,
    ids: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserList {
    users: Vec<UserView>,
    /// Where the next page begins; null on the last one.
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
    let user = state.users.find(session.company_id(), id).await?;
    Ok(ApiResponse::ok(user.ok_or(UserError::NoSuchUser)?.into()))
}

pub(crate) async fn find_me(
    state: Data<AppState>,
    session: Session,
) -> Result<ApiResponse<UserView>, ApiError> {
    let user = state.users.find(session.company_id(), session.user_id()).await?;
    Ok(ApiResponse::ok(user.ok_or(UserError::NoSuchUser)?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportBody {
    users: Vec<ImportRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportRow {
    email: String,
    name: Option<String>,
}

/// What became of one row: the user, or why there is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportView {
    email: String,
    id: Option<UserId>,
    created: bool,
    error: Option<&'static str>,
}

#[derive(Serialize)]
pub(crate) struct ImportAnswer {
    users: Vec<ImportView>,
}

pub(crate) async fn import_users(
    state: Data<AppState>,
    session: Session,
    body: Json<ImportBody>,
) -> Result<ApiResponse<ImportAnswer>, ApiError> {
    let rows = body.into_inner().users;
    if rows.len() > domain::user::MAX_IMPORT {
        return Err(Violation::new("users", "max", "at most 500 users at once").into());
    }
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        views.push(import_one(&state, &session, row).await?);
    }
    Ok(ApiResponse::ok(ImportAnswer { users: views }))
}

async fn import_one(
    state: &AppState,
    session: &Session,
    row: ImportRow,
) -> Result<ImportView, ApiError> {
    let refused = |error| ImportView { email: String::new(), id: None, created: false, error };
    let Ok(user) = NewUser::parse(session.company_id(), &row.email, row.name.as_deref()) else {
        return Ok(ImportView { email: row.email, ..refused(Some("not an e-mail address")) });
    };
    let view = match state.users.import(&user, state.clock.now()).await? {
        ImportOutcome::Created(id) => ImportView { id: Some(id), created: true, ..refused(None) },
        ImportOutcome::Known(id) => ImportView { id: Some(id), ..refused(None) },
        ImportOutcome::Elsewhere => refused(Some("registered with another company")),
    };
    Ok(ImportView { email: row.email, ..view })
}
