//! A form with one file (RFC 7578), as browsers send it. The file goes through as it comes; what would come after it is
//! refused, and so is a form without its end.

use actix_multipart::{Field, Multipart, MultipartError as FormError};
use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, Payload};
use futures_util::stream::{self, LocalBoxStream};
use futures_util::{StreamExt, TryStreamExt};
use shared::{ApiError, Timestamp};
use tokio::time::timeout;

use super::announced;
use super::upload::broken;
use crate::domain::file::{FileName, MediaType, Sha256};
use crate::domain::upload::Announcement;
use crate::error::FileError;

/// The field that holds the file.
const FIELD: &str = "file";
/// How long the head of the file may take to come.
const HEAD_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) struct Form {
    pub(super) announced: Announcement,
    pub(super) content: LocalBoxStream<'static, Result<Bytes, FileError>>,
}

pub(super) fn is_form(request: &HttpRequest) -> bool {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("multipart/form-data"))
}

impl Form {
    /// Reads up to the first byte of the file.
    pub(super) async fn open(
        request: &HttpRequest,
        body: Payload,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let named = announced::of_form(request, now)?;
        let mut form = Multipart::new(request.headers(), body);
        let first = timeout(HEAD_TIMEOUT, form.next()).await.map_err(|_| FileError::TooSlow)?;
        let field = first.ok_or(FileError::BadForm("a form with a file"))?.map_err(refusal)?;
        if field.name() != Some(FIELD) {
            return Err(FileError::BadForm("one field, which is called file").into());
        }
        let announced = announcement(named, &field)?;
        Ok(Self { announced, content: content(form, field) })
    }
}

/// What the part says of the file. A name in the query goes before its own.
fn announcement(named: announced::Named, field: &Field) -> Result<Announcement, FileError> {
    let disposition = field.content_disposition();
    let own = disposition.and_then(|own| own.get_filename()).unwrap_or_default();
    let name = named.name.as_deref().unwrap_or(own);
    let media_type = text(field.headers(), "content-type");
    let digest = text(field.headers(), "content-digest");
    Ok(Announcement {
        name: FileName::parse(name)?,
        media_type: media_type.map(MediaType::parse).transpose()?.unwrap_or_default(),
        size_bytes: None,
        sha256: digest.map(Sha256::from_content_digest).transpose()?,
        idempotency_key: named.idempotency_key,
        expires_at: named.expires_at,
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The bytes of the file. They are whole when the form has come to its end.
fn content(form: Multipart, field: Field) -> LocalBoxStream<'static, Result<Bytes, FileError>> {
    stream::try_unfold((form, Some(field)), |(mut form, field)| async move {
        if let Some(mut field) = field
            && let Some(bytes) = field.try_next().await.map_err(refusal)?
        {
            return Ok(Some((bytes, (form, Some(field)))));
        }
        match form.try_next().await.map_err(refusal)? {
            None => Ok(None),
            Some(_) => Err(FileError::BadForm("one field, which is called file")),
        }
    })
    .boxed_local()
}

fn refusal(error: FormError) -> FileError {
    match error {
        FormError::Payload(error) => broken(error),
        FormError::Incomplete => FileError::BrokenBody("the form has no end".to_owned()),
        _ => FileError::BadForm("a form as RFC 7578 has it"),
    }
}
