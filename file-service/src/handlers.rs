//! HTTP in, HTTP out.

pub(crate) mod announced;
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
use utoipa::{IntoParams, ToSchema};

use crate::domain;
use crate::domain::expiry::parse_moment;
use crate::domain::file::{FileId, FileName, IdempotencyKey, StoredFile};
use crate::domain::quota::Usage;
use crate::error::FileError;
use crate::repository::files::FileFilter;
use crate::state::AppState;

/// A file, as others see it.
#[derive(Serialize, ToSchema)]
#[schema(as = File)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileView {
    #[schema(format = "uuid")]
    id: String,
    #[schema(min_length = 1, max_length = 255, examples("july.csv"))]
    name: String,
    #[schema(examples("text/csv"))]
    content_type: String,
    #[schema(examples(48_120))]
    size_bytes: u64,
    /// Of the content, in hexadecimal.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        examples("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    )]
    sha256: String,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    created_by: UserId,
    /// The client that has acted on the user's behalf; null: the user alone.
    #[schema(required, examples("order-service"))]
    created_through: Option<String>,
    /// Null: never.
    #[schema(value_type = Option<DateTime>, required)]
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
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// The most files of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Files that are called exactly so.
    #[param(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// The file that the upload under this key has made.
    #[param(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
    /// Files that have expired at this moment (RFC 3339).
    #[param(format = "date-time")]
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

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileList {
    files: Vec<FileView>,
    /// Where the next page begins; null on the last one.
    #[schema(required, examples("MDE5YzFkNTI"))]
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

#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageView {
    #[schema(examples(48_120))]
    used_bytes: u64,
    /// Null: there is no limit.
    #[schema(required, examples(10_737_418_240_u64))]
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

#[derive(Serialize, ToSchema)]
#[schema(as = DownloadUrl)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DownloadUrlView {
    #[schema(value_type = String, format = "uri")]
    url: Url,
    #[schema(value_type = DateTime)]
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

#[derive(Serialize, ToSchema)]
#[schema(as = DeletedFile)]
pub(crate) struct Deleted {
    #[schema(format = "uuid")]
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
