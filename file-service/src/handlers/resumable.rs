//! Uploads that can be resumed: tus 1.0 with creation, creation-with-upload, termination, checksum and expiration.

use std::time::SystemTime;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, HttpDate, LOCATION,
};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use shared::reply::codes;
use shared::{ApiError, Session};

use super::tus::{self, TUS_RESUMABLE, TUS_RESUMABLE_HEADER, TUS_VERSION_HEADER};
use super::upload::content;
use super::writer::Writer;
use crate::domain::file::FileId;
use crate::domain::resumable;
use crate::domain::resumable::upload::{Chunk, ResumableUpload};
use crate::error::FileError;
use crate::state::AppState;

/// What can be done here, for everybody who asks.
pub(crate) async fn show_options(state: Data<AppState>) -> HttpResponse {
    answer(StatusCode::NO_CONTENT)
        .insert_header((TUS_VERSION_HEADER, TUS_RESUMABLE))
        .insert_header(("Tus-Extension", tus::EXTENSIONS))
        .insert_header(("Tus-Max-Size", state.limits.max_file_bytes))
        .insert_header(("Tus-Checksum-Algorithm", tus::ALGORITHMS))
        .finish()
}

pub(crate) async fn begin_upload(
    state: Data<AppState>,
    author: Writer,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, ApiError> {
    begin(&state, author, &request, body).await.map_err(refused)
}

async fn begin(
    state: &AppState,
    author: Writer,
    request: &HttpRequest,
    body: Payload,
) -> Result<HttpResponse, FileError> {
    let headers = request.headers();
    tus::check_version(headers)?;
    let beginning = tus::beginning(headers, state.clock.now())?;
    let first = if has_content(headers) { Some(chunk(headers, 0)?) } else { None };
    let mut upload = resumable::begin_upload(state, &author.0, beginning).await?;
    if let Some(first) = first {
        let place = (author.0.tenant(), upload.id);
        let appended = resumable::append(state, place, &first, content(body)).await;
        upload = match appended {
            Ok(upload) => upload,
            // Who hears no address cannot go on.
            Err(error) => {
                resumable::terminate(state, place.0, place.1).await?;
                return Err(error);
            }
        };
    }
    let location = format!("/api/files/uploads/{}", upload.id);
    Ok(progress(StatusCode::CREATED, &upload).insert_header((LOCATION, location)).finish())
}

pub(crate) async fn show_progress(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let shown = async {
        tus::check_version(request.headers())?;
        let upload = resumable::find_upload(&state, session.tenant(), FileId::parse(&id)?).await?;
        Ok(progress(StatusCode::OK, &upload)
            .insert_header(("Upload-Length", upload.size_bytes))
            .insert_header(("Upload-Metadata", upload.metadata.as_str()))
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish())
    };
    shown.await.map_err(refused)
}

pub(crate) async fn append(
    state: Data<AppState>,
    session: Session,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, ApiError> {
    let appended = async {
        let headers = request.headers();
        tus::check_version(headers)?;
        if !has_content(headers) {
            return Err(FileError::NotOffsetContent);
        }
        let chunk = chunk(headers, tus::number(headers, "upload-offset")?)?;
        let id = FileId::parse(request.match_info().query("id"))?;
        let place = (session.tenant(), id);
        let upload = resumable::append(&state, place, &chunk, content(body)).await?;
        Ok(progress(StatusCode::NO_CONTENT, &upload).finish())
    };
    appended.await.map_err(refused)
}

pub(crate) async fn terminate(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let terminated = async {
        tus::check_version(request.headers())?;
        resumable::terminate(&state, session.tenant(), FileId::parse(&id)?).await?;
        Ok(answer(StatusCode::NO_CONTENT).finish())
    };
    terminated.await.map_err(refused)
}

/// A `POST` that stands for another method, for clients that know no other.
pub(crate) async fn overridden(
    state: Data<AppState>,
    session: Session,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, ApiError> {
    let id = Path::from(request.match_info().query("id").to_owned());
    match tus::value(request.headers(), "x-http-method-override").map_err(refused)? {
        Some("PATCH") => append(state, session, request, body).await,
        Some("DELETE") => terminate(state, session, id, request).await,
        Some("HEAD") => show_progress(state, session, id, request).await,
        _ => Err(ApiError::new(&codes::METHOD_NOT_ALLOWED)),
    }
}

fn has_content(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|own| own.as_bytes() == tus::CONTENT.as_bytes())
}

fn chunk(headers: &HeaderMap, offset_bytes: u64) -> Result<Chunk, FileError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    Ok(Chunk {
        offset_bytes,
        size_bytes: length.and_then(|length| length.parse().ok()),
        checksum: tus::checksum(headers)?,
    })
}

fn answer(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((TUS_RESUMABLE_HEADER, TUS_RESUMABLE));
    answer
}

/// How far it is, how long it waits, and what it has become.
fn progress(status: StatusCode, upload: &ResumableUpload) -> HttpResponseBuilder {
    let mut answer = answer(status);
    answer.insert_header(("Upload-Offset", upload.offset_bytes));
    match upload.file_id {
        Some(id) => answer.insert_header(("Baton-File-Id", id.to_string())),
        None => {
            let expires_at = HttpDate::from(SystemTime::from(upload.expires_at));
            answer.insert_header(("Upload-Expires", expires_at))
        }
    };
    answer
}

fn refused(error: FileError) -> ApiError {
    let version = HeaderValue::from_static(TUS_RESUMABLE);
    ApiError::from(error).with_header(TUS_RESUMABLE_HEADER, version)
}
