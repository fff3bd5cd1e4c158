//! The headers of a download. The bytes are a stranger's: no browser may guess what they are, run them, or show them inside
//! another site.

use std::ops::Range;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderName, HeaderValue, LastModified, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Disposition;
use super::conditions::{etag, modified};
use crate::domain::file::StoredFile;
use crate::domain::media_type::{may_be_shown, served};

pub(super) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
/// On every answer of a file, whatever part of it comes.
const STRICT: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, NOSNIFF),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
    (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    // It may be kept, but whoever shows it again has to ask whether he still may.
    (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
];

/// An answer with all headers of this file but its length.
pub(super) fn describe(
    status: StatusCode,
    file: &StoredFile,
    disposition: Disposition,
) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    add_validators(&mut answer, file);
    answer
        .insert_header((CONTENT_TYPE, served(&file.media_type)))
        .insert_header((CONTENT_DISPOSITION, content_disposition(file, disposition)));
    answer
}

/// What a caller keeps beside the bytes, and what holds for them.
pub(super) fn add_validators(answer: &mut HttpResponseBuilder, file: &StoredFile) {
    for header in STRICT {
        answer.insert_header(header);
    }
    answer.insert_header(etag(file)).insert_header(LastModified(modified(file).into()));
}

/// RFC 9110 section 14.4.
pub(super) fn content_range(part: &Range<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", part.start, part.end.saturating_sub(1))
}

/// What stands for itself in a value of RFC 8187 (section 3.2.1).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// RFC 6266: the name in ASCII for old clients, and as it is. By hand, since the server's own type runs a regular
/// expression over each name.
pub(super) fn content_disposition(file: &StoredFile, asked: Disposition) -> String {
    let shown = matches!(asked, Disposition::Inline) && may_be_shown(&file.media_type);
    let disposition = if shown { "inline" } else { "attachment" };
    let (plain, exact) = (file.name.in_ascii(), utf8_percent_encode(file.name.as_str(), ENCODED));
    format!("{disposition}; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}
