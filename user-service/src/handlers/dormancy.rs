//! People who are not seen any more: asked for by the batch, company by company.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared::idempotency::{IdempotencyError, MaybeKey};
use shared::openapi::one_of;
use shared::paging::Page;
use shared::{ApiError, ApiResponse, CompanyId, Session, Timestamp, UserId};
use utoipa::openapi::Schema;
use utoipa::{IntoParams, ToSchema};

use crate::domain::dormancy::{
    self, Dormant, Term, Warned, Warning, Withdrawal, closes_on, seen_before, warned_before,
};
use crate::domain::profile::Owner;
use crate::error::UserError;
use crate::handlers::language;
use crate::handlers::profile::owner;
use crate::state::AppState;

/// `cursor` and `limit` page.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Not seen from this moment on, a day ago or earlier.
    #[param(value_type = DateTime)]
    seen_before: Timestamp,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// The most users of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DormantUser)]
#[serde(rename_all = "camelCase")]
struct DormantView {
    id: UserId,
    /// To the day.
    #[schema(value_type = DateTime)]
    last_seen_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    warned_at: Option<Timestamp>,
}

impl From<Dormant> for DormantView {
    fn from(Dormant { id, last_seen_at, warned_at }: Dormant) -> Self {
        Self { id, last_seen_at, warned_at }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DormantList {
    users: Vec<DormantView>,
    /// Where the next page begins; null on the last one.
    #[schema(required, examples("MjAw"))]
    next_cursor: Option<String>,
}

pub(crate) async fn list_users(
    state: Data<AppState>,
    session: Session,
    query: Query<ListQuery>,
) -> Result<ApiResponse<DormantList>, ApiError> {
    let seen_before = seen_before(query.seen_before, state.clock.now())?;
    let page = Page::parse(query.cursor.as_deref(), query.limit)?;
    let users = state.accounts.list_dormant(session.company_id(), seen_before, &page).await?;
    let last = users.last().map(|user| user.id.to_string());
    let next_cursor = page.next_cursor(users.len(), last);
    let users = users.into_iter().map(DormantView::from).collect();
    Ok(ApiResponse::ok(DormantList { users, next_cursor }))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompaniesQuery {
    /// Not seen from this moment on, a day ago or earlier.
    #[param(value_type = DateTime)]
    seen_before: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Companies {
    companies: Vec<CompanyId>,
}

pub(crate) async fn list_companies(
    state: Data<AppState>,
    query: Query<CompaniesQuery>,
) -> Result<ApiResponse<Companies>, ApiError> {
    let seen_before = seen_before(query.seen_before, state.clock.now())?;
    let companies = state.accounts.list_companies_of_dormant(seen_before).await;
    Ok(ApiResponse::ok(Companies { companies: companies.map_err(UserError::from)? }))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WarningBody {
    #[schema(value_type = DateTime)]
    seen_before: Timestamp,
    closes_on: NaiveDate,
}

fn warning_outcomes() -> Schema {
    one_of(["WARNED", "WARNED_BEFORE", "SEEN", "UNREACHABLE"]).into()
}

fn withdrawal_outcomes() -> Schema {
    one_of(["WITHDRAWN", "KEPT"]).into()
}

#[derive(Serialize, ToSchema)]
#[schema(as = Warning)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WarningView {
    /// `WARNED` by this request, `WARNED_BEFORE`, `SEEN`, or `UNREACHABLE`: he has no address.
    #[schema(schema_with = warning_outcomes)]
    outcome: &'static str,
    #[schema(value_type = Option<DateTime>, required)]
    warned_at: Option<Timestamp>,
}

impl From<Warned> for WarningView {
    fn from(warned: Warned) -> Self {
        let (outcome, warned_at) = match warned {
            Warned::Now(at) => ("WARNED", Some(at)),
            Warned::Before(at) => ("WARNED_BEFORE", Some(at)),
            Warned::Seen => ("SEEN", None),
            Warned::Unreachable => ("UNREACHABLE", None),
        };
        Self { outcome, warned_at }
    }
}

pub(crate) async fn warn(
    state: Data<AppState>,
    request: HttpRequest,
    (session, key, id): (Session, MaybeKey, Path<String>),
    body: Json<WarningBody>,
) -> Result<ApiResponse<WarningView>, ApiError> {
    let (key, now) = (key.into_inner().ok_or(IdempotencyError::Required)?, state.clock.now());
    let warning = Warning {
        key,
        seen_before: seen_before(body.seen_before, now)?,
        closes_on: closes_on(body.closes_on, now)?,
    };
    let owner = owner_of(&session, &id)?;
    Ok(ApiResponse::ok(dormancy::warn(&state, owner, &warning, language(&request)).await?.into()))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WithdrawalBody {
    #[schema(value_type = DateTime)]
    warned_before: Timestamp,
    #[schema(value_type = DateTime)]
    seen_before: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Withdrawal)]
pub(crate) struct WithdrawalView {
    /// `WITHDRAWN`, also by an earlier request; `KEPT`: he has been seen, or not been warned for so long.
    #[schema(schema_with = withdrawal_outcomes)]
    outcome: &'static str,
}

pub(crate) async fn withdraw(
    state: Data<AppState>,
    request: HttpRequest,
    (session, id): (Session, Path<String>),
    body: Json<WithdrawalBody>,
) -> Result<ApiResponse<WithdrawalView>, ApiError> {
    let now = state.clock.now();
    let term = Term {
        warned_before: warned_before(body.warned_before, now)?,
        seen_before: seen_before(body.seen_before, now)?,
    };
    let owner = owner_of(&session, &id)?;
    let outcome = match dormancy::withdraw(&state, owner, (&term, language(&request))).await? {
        Withdrawal::Withdrawn => "WITHDRAWN",
        Withdrawal::Kept => "KEPT",
    };
    Ok(ApiResponse::ok(WithdrawalView { outcome }))
}

/// Somebody of the session's company.
fn owner_of(session: &Session, id: &str) -> Result<Owner, UserError> {
    let id = id.parse().map_err(|_| UserError::NoSuchUser)?;
    Ok((owner(session).0, id))
}
