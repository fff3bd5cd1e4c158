//! HTTP in, HTTP out.

mod announced;
mod download;

use std::io::ErrorKind;

use actix_web::error::PayloadError;
use actix_web::web::{Data, Path, Payload, Query};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use shared::paging::Page;
use shared::{ApiError, ApiResponse, Session, Timestamp, UserId};

use crate::domain::file::{FileId, FileName, IdempotencyKey, StoredFile};
use crate::domain::{self, Uploaded};
use crate::error::FileError;
use crate::repository::FileFilter;
use crate::state::AppState;
use announced::Announced;

pub(crate) use download::download_file;

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
        }
    }
}

/// `cursor` and `limit` page; `name` picks the files that are called exactly so, `idempotencyKey` the one that the
/// upload of this name has made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListQuery {
    cursor: Option<String>,
    limit: Option<u32>,
    name: Option<String>,
    idempotency_key: Option<String>,
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
    let ListQuery { cursor, limit, name, idempotency_key } = query.into_inner();
    let page = Page::parse(cursor.as_deref(), limit)?;
    let filter = FileFilter {
        name: name.as_deref().map(FileName::parse).transpose()?,
        idempotency_key: idempotency_key.as_deref().map(IdempotencyKey::parse).transpose()?,
    };
    let files = state.files.list(session.tenant(), &filter, &page).await?;
    let last = files.last().map(|file| file.id.to_string());
    let next_cursor = page.next_cursor(files.len(), last);
    let files = files.into_iter().map(FileView::from).collect();
    Ok(ApiResponse::ok(FileList { files, next_cursor }))
}

pub(crate) async fn upload_file(
    state: Data<AppState>,
    session: Session,
    announced: Announced,
    body: Payload,
) -> Result<ApiResponse<FileView>, ApiError> {
    let body = body.map_err(|error| match error {
        PayloadError::Io(error) if error.kind() == ErrorKind::TimedOut => FileError::TooSlow,
        error => FileError::BrokenBody(error.to_string()),
    });
    match domain::upload_file(&state, &session, &announced.into_inner(), body).await? {
        Uploaded::Created(file) => Ok(ApiResponse::created(file.into())),
        Uploaded::Known(file) => Ok(ApiResponse::ok(file.into())),
    }
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
