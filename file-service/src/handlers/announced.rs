//! What the query and the headers of an upload say of its file.

use actix_web::HttpRequest;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
};
use actix_web::web::Query;
use serde::Deserialize;
use shared::reply::input::Violation;
use shared::{ApiError, Timestamp};
use utoipa::IntoParams;

use crate::domain::expiry::parse_expiry;
use crate::domain::file::{FileName, IdempotencyKey, MediaType, Sha256};
use crate::domain::upload::Announcement;
use crate::error::FileError;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UploadQuery {
    /// What the file is called; needed unless a form names it.
    #[param(min_length = 1, max_length = 255, example = "july.csv")]
    name: Option<String>,
    /// When the file is of no more use: a moment in the future (RFC 3339).
    #[param(format = "date-time")]
    expires_at: Option<String>,
}

/// What stands outside of a form.
pub(super) struct Named {
    pub(super) name: Option<String>,
    pub(super) idempotency_key: Option<IdempotencyKey>,
    pub(super) expires_at: Option<Timestamp>,
}

/// Of a body that is the file.
pub(super) fn of_request(request: &HttpRequest, now: Timestamp) -> Result<Announcement, ApiError> {
    let Named { name, idempotency_key, expires_at } = named(request, now)?;
    let name = name.ok_or(FileError::BadName)?;
    let headers = request.headers();
    let media_type = only(headers, &CONTENT_TYPE).ok_or(FileError::BadMediaType)?;
    let digest = joined(headers, &CONTENT_DIGEST).ok_or(FileError::BadDigest)?;
    Ok(Announcement {
        name: FileName::parse(&name)?,
        media_type: media_type.map(MediaType::parse).transpose()?.unwrap_or_default(),
        size_bytes: only(headers, &CONTENT_LENGTH).flatten().and_then(|text| text.parse().ok()),
        sha256: digest.as_deref().map(Sha256::from_content_digest).transpose()?,
        idempotency_key,
        expires_at,
    })
}

/// Of a form. A digest of the whole of it is of no file.
pub(super) fn of_form(request: &HttpRequest, now: Timestamp) -> Result<Named, ApiError> {
    if request.headers().contains_key(CONTENT_DIGEST) {
        return Err(FileError::BadForm("Content-Digest in the head of the file's part").into());
    }
    named(request, now)
}

fn named(request: &HttpRequest, now: Timestamp) -> Result<Named, ApiError> {
    let query = Query::<UploadQuery>::from_query(request.query_string());
    let query = query
        .map_err(|_| Violation::new("query", "format", "only name and expiresAt, and once"))?;
    refuse_coding(request.headers())?;
    let key = only(request.headers(), &IDEMPOTENCY_KEY).ok_or(FileError::BadIdempotencyKey)?;
    let UploadQuery { name, expires_at } = query.into_inner();
    Ok(Named {
        name,
        idempotency_key: key.map(IdempotencyKey::parse).transpose()?,
        expires_at: expires_at.map(|text| parse_expiry(&text, now)).transpose()?,
    })
}

/// Compressed on the way is not what the uploader has, and what it unpacks to nobody has counted.
fn refuse_coding(headers: &HeaderMap) -> Result<(), FileError> {
    let plain = headers.get_all(CONTENT_ENCODING).all(|coding| coding == "identity");
    if plain { Ok(()) } else { Err(FileError::EncodedContent) }
}

/// The header's one value, if it is there at all; `None` when there are several, or it is not text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else { return Some(None) };
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok().map(Some)
}

/// All values of a header that is a list (RFC 9110 section 5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<Option<String>> {
    let values: Result<Vec<&str>, _> = headers.get_all(name).map(|value| value.to_str()).collect();
    let values = values.ok()?;
    Some((!values.is_empty()).then(|| values.join(",")))
}
