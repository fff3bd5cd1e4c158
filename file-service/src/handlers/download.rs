//! A file on its way out: whole, in parts, or not at all because the caller has it.

mod body;
mod conditions;
mod head;

use actix_web::body::{BoxBody, SizedStream};
use actix_web::http::header::{CONTENT_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::Deserialize;
use shared::reply::input::Violation;
use shared::{ApiError, Session};
use utoipa::{IntoParams, ToSchema};

use crate::domain;
use crate::domain::file::{FileId, StoredFile};
use crate::domain::range::{Selection, select};
use crate::error::FileError;
use crate::state::AppState;
use conditions::{Conditions, Verdict};
use head::{NOSNIFF, content_range, describe};

/// How a browser is to take the file.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Disposition {
    #[default]
    Attachment,
    Inline,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DownloadQuery {
    /// Shown inline only where that is safe.
    #[serde(default)]
    #[param(inline, default = "attachment")]
    disposition: Disposition,
}

/// GET and HEAD: the same answer, with its body or without.
pub(crate) async fn download_file(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    // What is wrong is text as well, and no browser may take it for something else.
    let answer = answer(&state, &session, (&id, &request)).await;
    answer.map_err(|error| error.with_header(X_CONTENT_TYPE_OPTIONS, NOSNIFF))
}

/// Whose file it is comes first: nothing else that is asked may tell another company's file from none. And its bytes
/// have to be there, whatever of them is asked for.
async fn answer(
    state: &AppState,
    session: &Session,
    (id, request): (&str, &HttpRequest),
) -> Result<HttpResponse, ApiError> {
    let disposition = disposition(request)?;
    let (file, object) = domain::open_file(state, session.tenant(), FileId::parse(id)?).await?;
    let conditions = Conditions::of(request);
    match conditions.verdict(&file) {
        Verdict::Failed => return Err(FileError::PreconditionFailed.into()),
        Verdict::NotModified => return Ok(not_modified(&file)),
        Verdict::Holds => {}
    }
    let selection = selection(request, &conditions, &file);
    if selection == Selection::Unsatisfiable {
        return Err(FileError::RangeNotSatisfiable { size_bytes: file.size_bytes }.into());
    }
    match (request.method(), selection) {
        (&Method::HEAD, _) => Ok(without_body(&file, disposition)),
        (_, Selection::Parts(parts)) => partial(&file, disposition, (object, parts)).await,
        _ => {
            let body = body::of_range(&object, 0..file.size_bytes).await?;
            Ok(describe(StatusCode::OK, &file, disposition).body(body))
        }
    }
}

/// How a file is sent that nobody asks to be shown.
pub(super) fn as_attachment(file: &StoredFile) -> String {
    head::content_disposition(file, Disposition::Attachment)
}

fn disposition(request: &HttpRequest) -> Result<Disposition, Violation> {
    let query = Query::<DownloadQuery>::from_query(request.query_string());
    let query = query.map_err(|_| {
        Violation::new("query", "format", "only disposition, which is attachment or inline")
    })?;
    Ok(query.disposition)
}

/// Only GET has ranges, and one header of them (RFC 9110 section 14.2).
fn selection(request: &HttpRequest, conditions: &Conditions, file: &StoredFile) -> Selection {
    let mut ranges = request.headers().get_all(RANGE);
    let range = ranges.next().and_then(|range| range.to_str().ok());
    match range {
        Some(range) if request.method() == Method::GET && ranges.next().is_none() => {
            if conditions.hold_for_ranges(file) {
                select(range, file.size_bytes)
            } else {
                Selection::Whole
            }
        }
        _ => Selection::Whole,
    }
}

fn not_modified(file: &StoredFile) -> HttpResponse {
    let mut answer = HttpResponse::NotModified();
    head::add_validators(&mut answer, file);
    answer.finish()
}

fn without_body(file: &StoredFile, disposition: Disposition) -> HttpResponse {
    let nothing = stream::empty::<Result<_, FileError>>();
    let body = SizedStream::new(file.size_bytes, nothing);
    describe(StatusCode::OK, file, disposition).body(body)
}

async fn partial(
    file: &StoredFile,
    disposition: Disposition,
    (object, parts): body::Parts,
) -> Result<HttpResponse, ApiError> {
    let mut answer = describe(StatusCode::PARTIAL_CONTENT, file, disposition);
    let body: BoxBody = match parts.as_slice() {
        [part] => {
            answer.insert_header((CONTENT_RANGE, content_range(part, file.size_bytes)));
            body::of_range(&object, part.clone()).await?
        }
        _ => body::of_parts(&mut answer, file, (object, parts)),
    };
    Ok(answer.body(body))
}
