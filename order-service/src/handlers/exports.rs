//! Exports: users ask for them, the batch writes them.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use shared::idempotency::{KeptAnswer, MaybeKey};
use shared::openapi::one_of;
use shared::paging::Page;
use shared::{ApiError, ApiResponse, CompanyId, Session, Timestamp, UserId};
use utoipa::openapi::Schema;
use utoipa::{IntoParams, ToSchema};

use crate::domain::calendar::{moment, recordable};
use crate::domain::export::{self, Export, ExportId, ExportState, Finish, Wanted, due_at};
use crate::error::{BadField, OrderError};
use crate::state::AppState;

#[derive(Default, Deserialize, ToSchema)]
#[schema(as = NewExport)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExportBody {
    /// Orders that were placed at this moment (RFC 3339) or later; a day is its first moment in UTC. From the first order on,
    /// where it is not said.
    #[serde(default)]
    #[schema(nullable = false, examples("2026-07-01"))]
    placed_from: Option<String>,
    /// Orders that were placed before this moment. To the last one, where it is not said.
    #[serde(default)]
    #[schema(nullable = false, examples("2026-08-01"))]
    placed_to: Option<String>,
    /// Not to be made before, within the next 24 hours. Soon, where it is not said.
    #[serde(default)]
    #[schema(nullable = false, value_type = DateTime)]
    due_at: Option<Timestamp>,
    /// Whether it is made although the caller logs out before.
    #[serde(default)]
    outlives_logout: bool,
}

impl ExportBody {
    fn wanted(&self, now: Timestamp) -> Result<Wanted, BadField> {
        let moment = |field, text: &Option<String>| {
            text.as_deref().map(|text| moment(field, text)).transpose()
        };
        let due_at = self.due_at.map(|at| recordable("dueAt", due_at(at, now)?));
        Ok(Wanted {
            placed_from: moment("placedFrom", &self.placed_from)?,
            placed_to: moment("placedTo", &self.placed_to)?,
            due_at: due_at.transpose()?,
            outlives_logout: self.outlives_logout,
        })
    }
}

fn states() -> Schema {
    one_of(["REQUESTED", "DONE", "CLOSED"]).into()
}

/// An export, as whoever has asked for it sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Export)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportView {
    #[schema(format = "uuid")]
    id: String,
    /// `REQUESTED`: to be made; `DONE`: there is a file; `CLOSED`: there will be none.
    #[schema(schema_with = states)]
    state: &'static str,
    #[schema(value_type = DateTime)]
    due_at: Timestamp,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    finished_at: Option<Timestamp>,
    /// The file at file-service: comma-separated values, a line for each item of an order.
    #[schema(required, format = "uuid")]
    file_id: Option<String>,
    /// Why there is none: `ended`, `expired`, `used_up` and others: the right to act for the caller was no longer there.
    #[schema(required, examples("ended"))]
    reason: Option<String>,
    /// By what that had ended.
    #[schema(required, examples("LOGOUT"))]
    ended_by: Option<String>,
}

impl From<Export> for ExportView {
    fn from(export: Export) -> Self {
        let mut view = Self {
            id: export.id.to_string(),
            state: "REQUESTED",
            due_at: export.due_at,
            created_at: export.created_at,
            finished_at: export.finished_at,
            file_id: None,
            reason: None,
            ended_by: None,
        };
        match export.state {
            ExportState::Requested => {}
            ExportState::Finished(Finish::Done { file_id }) => {
                (view.state, view.file_id) = ("DONE", Some(file_id));
            }
            ExportState::Finished(Finish::Closed { reason, ended_by }) => {
                (view.state, view.reason, view.ended_by) = ("CLOSED", Some(reason), ended_by);
            }
        }
        view
    }
}

pub(crate) async fn request_export(
    state: Data<AppState>,
    (session, request): (Session, HttpRequest),
    key: MaybeKey,
    body: Json<ExportBody>,
) -> Result<KeptAnswer, ApiError> {
    let wanted = body.wanted(state.clock.now())?;
    let auth = state.auth.as_ref().ok_or(OrderError::NotConfigured)?;
    let hand_off = auth.hand_off(&request)?;
    let answer = |export: &Export| ApiResponse::accepted(ExportView::from(export.clone())).kept();
    let asked = (&session, key.into_inner());
    Ok(export::request_export(&state, asked, (wanted, hand_off), answer).await?)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// The most exports of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportList {
    exports: Vec<ExportView>,
    /// Where the next page begins; null on the last one.
    #[schema(required, examples("MDE5YzFkNTI"))]
    next_cursor: Option<String>,
}

pub(crate) async fn list_exports(
    state: Data<AppState>,
    session: Session,
    query: Query<PageQuery>,
) -> Result<ApiResponse<ExportList>, ApiError> {
    let page = Page::parse(query.cursor.as_deref(), query.limit)?;
    let exports = state.exports.list((session.tenant(), session.user_id()), &page).await?;
    let next_cursor = page.next_cursor(exports.len(), exports.last().map(|one| one.id.to_string()));
    let exports = exports.into_iter().map(ExportView::from).collect();
    Ok(ApiResponse::ok(ExportList { exports, next_cursor }))
}

pub(crate) async fn find_export(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<ApiResponse<ExportView>, ApiError> {
    let found = export::find_export(&state, &session, ExportId::parse(&id)?).await?;
    Ok(ApiResponse::ok(found.into()))
}

#[derive(Serialize, ToSchema)]
#[schema(as = CompaniesToExport)]
pub(crate) struct CompaniesDue {
    companies: Vec<CompanyId>,
}

pub(crate) async fn list_companies(
    state: Data<AppState>,
) -> Result<ApiResponse<CompaniesDue>, ApiError> {
    let companies = state.exports.list_companies_due(state.clock.now()).await?;
    Ok(ApiResponse::ok(CompaniesDue { companies }))
}

/// An export that is to be made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DueExport {
    #[schema(format = "uuid")]
    id: String,
    user_id: UserId,
    /// What was handed on with it; of use to the batch alone.
    handoff: String,
    /// Until when that is good, unless it ends before.
    #[schema(value_type = DateTime)]
    handed_on_until: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    placed_from: Option<Timestamp>,
    #[schema(value_type = Option<DateTime>, required)]
    placed_to: Option<Timestamp>,
}

impl From<Export> for DueExport {
    fn from(export: Export) -> Self {
        Self {
            id: export.id.to_string(),
            user_id: export.user_id,
            handoff: export.handoff,
            handed_on_until: export.handed_on_until,
            placed_from: export.placed_from,
            placed_to: export.placed_to,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DueExports {
    exports: Vec<DueExport>,
    /// Where the next page begins; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

pub(crate) async fn list_due(
    state: Data<AppState>,
    session: Session,
    query: Query<PageQuery>,
) -> Result<ApiResponse<DueExports>, ApiError> {
    let page = Page::parse(query.cursor.as_deref(), query.limit)?;
    let due = state.exports.list_due((session.tenant(), state.clock.now()), &page).await?;
    let next_cursor = page.next_cursor(due.len(), due.last().map(|one| one.id.to_string()));
    let exports = due.into_iter().map(DueExport::from).collect();
    Ok(ApiResponse::ok(DueExports { exports, next_cursor }))
}

/// How it has ended: with a file, or without one and why.
#[derive(Deserialize, ToSchema)]
#[schema(as = ExportFinish)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FinishBody {
    #[serde(default)]
    #[schema(nullable = false, format = "uuid")]
    file_id: Option<String>,
    #[serde(default)]
    #[schema(nullable = false, max_length = 40, examples("ended"))]
    reason: Option<String>,
    #[serde(default)]
    #[schema(nullable = false, max_length = 40, examples("LOGOUT"))]
    ended_by: Option<String>,
}

impl FinishBody {
    fn finish(self) -> Result<Finish, BadField> {
        match (self.file_id, &self.reason) {
            (Some(file_id), None) if file_id.len() <= 100 => Ok(Finish::Done { file_id }),
            (None, Some(reason)) => Finish::closed(reason, self.ended_by.as_deref()),
            _ => Err(BadField("fileId", "a file, or else a reason")),
        }
    }
}

pub(crate) async fn finish_export(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
    body: Json<FinishBody>,
) -> Result<ApiResponse<ExportView>, ApiError> {
    let finish = (ExportId::parse(&id)?, body.into_inner().finish()?);
    let export = export::finish_export(&state, session.tenant(), finish).await?;
    Ok(ApiResponse::ok(export.into()))
}
