//! What the query and the headers of an upload say of its file.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
};
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use shared::ApiError;
use shared::reply::input::Violation;

use crate::domain::file::{FileName, IdempotencyKey, MediaType, Sha256};
use crate::domain::upload::Announcement;
use crate::error::FileError;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// [`Announcement`] as an argument of a handler.
pub(crate) struct Announced(Announcement);

impl Announced {
    pub(crate) fn into_inner(self) -> Announcement {
        self.0
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadQuery {
    name: Option<String>,
}

impl FromRequest for Announced {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request).map(Self))
    }
}

fn parse(request: &HttpRequest) -> Result<Announcement, ApiError> {
    let query = Query::<UploadQuery>::from_query(request.query_string());
    let query = query.map_err(|_| Violation::new("query", "format", "only name, and once"))?;
    let name = query.name.as_deref().ok_or(FileError::BadName)?;
    let headers = request.headers();
    refuse_coding(headers)?;
    let media_type = only(headers, &CONTENT_TYPE).ok_or(FileError::BadMediaType)?;
    let digest = joined(headers, &CONTENT_DIGEST).ok_or(FileError::BadDigest)?;
    let key = only(headers, &IDEMPOTENCY_KEY).ok_or(FileError::BadIdempotencyKey)?;
    Ok(Announcement {
        name: FileName::parse(name)?,
        media_type: media_type.map(MediaType::parse).transpose()?.unwrap_or_default(),
        size_bytes: only(headers, &CONTENT_LENGTH).flatten().and_then(|text| text.parse().ok()),
        sha256: digest.as_deref().map(Sha256::from_content_digest).transpose()?,
        idempotency_key: key.map(IdempotencyKey::parse).transpose()?,
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
