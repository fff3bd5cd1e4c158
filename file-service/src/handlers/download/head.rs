//! The headers of a download. The bytes are a stranger's: no browser may guess what they are, run them, or show them inside
//! another site.

use std::ops::Range;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, Charset,
    ContentDisposition, DispositionParam, DispositionType, ExtendedValue, HeaderName, HeaderValue,
    LastModified, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::Disposition;
use super::conditions::{etag, modified};
use crate::domain::file::{FileName, StoredFile};
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
        .insert_header(content_disposition(file, disposition));
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

/// RFC 6266: the name in ASCII for old clients, and as it is.
fn content_disposition(file: &StoredFile, asked: Disposition) -> ContentDisposition {
    let shown = matches!(asked, Disposition::Inline) && may_be_shown(&file.media_type);
    ContentDisposition {
        disposition: if shown { DispositionType::Inline } else { DispositionType::Attachment },
        parameters: vec![
            DispositionParam::Filename(file.name.in_ascii()),
            DispositionParam::FilenameExt(exact(&file.name)),
        ],
    }
}

fn exact(name: &FileName) -> ExtendedValue {
    ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.as_str().as_bytes().to_vec(),
    }
}
