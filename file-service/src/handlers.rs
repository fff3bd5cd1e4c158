//! HTTP in, HTTP out.

mod announced;
pub(crate) mod download;
pub(crate) mod expiry;
mod multipart;
pub(crate) mod resumable;
pub(crate) mod tus;
pub(crate) mod upload;
mod writer;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Path, Query};
use serde::{Deserialize, Serialize};
use shared::paging::Page;
use shared::{ApiError, ApiResponse, Session, Timestamp, UserId};
use url::Url;

use crate::domain;
use crate::domain::expiry::parse_moment;
use crate::domain::file::{FileId, FileName, IdempotencyKey, StoredFile};
use crate::domain::quota::Usage;
use crate::error::FileError;
use crate::repository::files::FileFilter;
use crate::state::AppState;

/// A file, as others see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileView {
    id: String,
    name: String,
    content_type: String,
    size_bytes: u64,
    sha256: String,
    created_at: Timestamp,
    created_by: UserId,
    /// The client that has acted on the user's behalf; null: the user alone.
    created_through: Option<String>,
    /// Null: never.
    expires_at: Option<Timestamp>,
}

impl From<StoredFile> for FileView {
    fn from(file: StoredFile) -> Self {
        Self {
            id: file.id.to_string(),
            name: file.name.as_str().to_owned(),
            content_type: file.media_type.as_str().to_owned(),
            size_bytes: file.size_bytes,
            sha256: file.sha256.to_string(),
            created_at: file.created_at,
            created_by: file.created_by,
            created_through: file.created_through,
            expires_at: file.expires_at,
        }
    }
}

/// `cursor` and `limit` page; `name` picks the files that are called exactly so, `idempotencyKey` the one that the
/// upload of this name has made, `expiredBefore` those that have expired then.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListQuery {
    cursor: Option<String>,
    limit: Option<u32>,
    name: Option<String>,
    idempotency_key: Option<String>,
    expired_before: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<FileFilter, FileError> {
        let key = self.idempotency_key.as_deref();
        let before = self.expired_before.as_deref();
        Ok(FileFilter {
            name: self.name.as_deref().map(FileName::parse).transpose()?,
            idempotency_key: key.map(IdempotencyKey::parse).transpose()?,
            expired_before: before.map(|at| parse_moment("expiredBefore", at)).transpose()?,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileList {
    files: Vec<FileView>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

pub(crate) async fn list_files(
    state: Data<AppState>,
    session: Session,
    query: Query<ListQuery>,
) -> Result<ApiResponse<FileList>, ApiError> {
    let page = Page::parse(query.cursor.as_deref(), query.limit)?;
    let files = state.files.list(session.tenant(), &query.filter()?, &page).await?;
    let last = files.last().map(|file| file.id.to_string());
    let next_cursor = page.next_cursor(files.len(), last);
    let files = files.into_iter().map(FileView::from).collect();
    Ok(ApiResponse::ok(FileList { files, next_cursor }))
}

/// What is known of a file, without its bytes.
pub(crate) async fn show_file(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<ApiResponse<FileView>, ApiError> {
    let file = domain::find_file(&state, session.tenant(), FileId::parse(&id)?).await?;
    Ok(ApiResponse::ok(file.into()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageView {
    used_bytes: u64,
    /// Null: there is no limit.
    quota_bytes: Option<u64>,
}

/// How much the company keeps, and how much it may.
pub(crate) async fn show_usage(
    state: Data<AppState>,
    session: Session,
) -> Result<ApiResponse<UsageView>, ApiError> {
    let usage = domain::show_usage(&state, session.tenant()).await?;
    let Usage { used_bytes, quota } = usage;
    Ok(ApiResponse::ok(UsageView { used_bytes, quota_bytes: quota.limit() }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DownloadUrlView {
    url: Url,
    expires_at: Timestamp,
}

/// An address by which anybody may download this one file for a short time.
pub(crate) async fn sign_download(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<ApiResponse<DownloadUrlView>, ApiError> {
    let file = domain::find_file(&state, session.tenant(), FileId::parse(&id)?).await?;
    let disposition = download::as_attachment(&file);
    let signed = domain::sign_download(&state, &file, disposition).await?;
    let view = DownloadUrlView { url: signed.url, expires_at: signed.expires_at };
    Ok(ApiResponse::ok(view).with_header(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}

#[derive(Serialize)]
pub(crate) struct Deleted {
    id: String,
}

pub(crate) async fn delete_file(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<ApiResponse<Deleted>, ApiError> {
    let id = FileId::parse(&id)?;
    domain::delete_file(&state, session.tenant(), id).await?;
    Ok(ApiResponse::ok(Deleted { id: id.to_string() }))
}
