//! A file in one request: as it is, or as the one file of a form.

use std::io::ErrorKind;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::web::{Bytes, Data, Payload};
use futures_util::{Stream, TryStreamExt};
use shared::{ApiError, ApiResponse};

use super::FileView;
use super::announced;
use super::multipart::{self, Form};
use super::writer::Writer;
use crate::domain::upload::{self, Uploaded};
use crate::error::FileError;
use crate::state::AppState;

pub(crate) async fn upload_file(
    state: Data<AppState>,
    author: Writer,
    request: HttpRequest,
    body: Payload,
) -> Result<ApiResponse<FileView>, ApiError> {
    let now = state.clock.now();
    let uploaded = if multipart::is_form(&request) {
        let Form { announced, content } = Form::open(&request, body, now).await?;
        upload::upload_file(&state, &author.0, &announced, content).await?
    } else {
        let announced = announced::of_request(&request, now)?;
        upload::upload_file(&state, &author.0, &announced, content(body)).await?
    };
    match uploaded {
        Uploaded::Created(file) => Ok(ApiResponse::created(file.into())),
        Uploaded::Known(file) => Ok(ApiResponse::ok(file.into())),
    }
}

/// The body, with what may go wrong with it in our words.
pub(super) fn content(body: Payload) -> impl Stream<Item = Result<Bytes, FileError>> + Unpin {
    body.map_err(broken)
}

pub(super) fn broken(error: PayloadError) -> FileError {
    match error {
        PayloadError::Io(error) if error.kind() == ErrorKind::TimedOut => FileError::TooSlow,
        error => FileError::BrokenBody(error.to_string()),
    }
}
