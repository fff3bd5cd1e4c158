//! What a caller says of the file that he has (RFC 9110 section 13). The content of a file never changes, so its checksum
//! and the second in which it was recorded are both strong validators.

use std::time::SystemTime;

use actix_web::http::header::{
    ETag, EntityTag, Header, IF_MATCH, IF_NONE_MATCH, IF_RANGE, IfMatch, IfModifiedSince,
    IfNoneMatch, IfRange, IfUnmodifiedSince,
};
use actix_web::{HttpMessage, HttpRequest};

use crate::domain::file::StoredFile;

/// The headers; inside there is none where it cannot be read.
pub(super) struct Conditions {
    if_match: Option<Option<IfMatch>>,
    if_none_match: Option<Option<IfNoneMatch>>,
    if_modified_since: Option<IfModifiedSince>,
    if_unmodified_since: Option<IfUnmodifiedSince>,
    if_range: Option<Option<IfRange>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    NotModified,
    Failed,
}

impl Conditions {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let there = |name| request.headers().contains_key(name);
        Self {
            if_match: there(IF_MATCH).then(|| request.get_header()),
            if_none_match: there(IF_NONE_MATCH).then(|| request.get_header()),
            // A date that is none is not there (sections 13.1.3 and 13.1.4).
            if_modified_since: only(request),
            if_unmodified_since: only(request),
            if_range: there(IF_RANGE).then(|| only(request)),
        }
    }

    /// In the order of section 13.2.2. Tags that cannot be read are nobody's.
    pub(super) fn verdict(&self, file: &StoredFile) -> Verdict {
        let fresh = match (&self.if_match, &self.if_unmodified_since) {
            (Some(tags), _) => matches_strongly(tags.as_ref(), &tag(file)),
            (None, Some(IfUnmodifiedSince(date))) => modified(file) <= SystemTime::from(*date),
            (None, None) => true,
        };
        let known = match (&self.if_none_match, &self.if_modified_since) {
            (Some(tags), _) => matches_weakly(tags.as_ref(), &tag(file)),
            (None, Some(IfModifiedSince(date))) => modified(file) <= SystemTime::from(*date),
            (None, None) => false,
        };
        match (fresh, known) {
            (false, _) => Verdict::Failed,
            (true, true) => Verdict::NotModified,
            (true, false) => Verdict::Holds,
        }
    }

    /// Whether the part that the caller has is of this file (section 13.1.5): otherwise he needs all of it.
    pub(super) fn hold_for_ranges(&self, file: &StoredFile) -> bool {
        match &self.if_range {
            None => true,
            Some(Some(IfRange::EntityTag(own))) => own.strong_eq(&tag(file)),
            Some(Some(IfRange::Date(date))) => modified(file) == SystemTime::from(*date),
            Some(None) => false,
        }
    }
}

/// A header that stands there once.
fn only<H: Header>(request: &HttpRequest) -> Option<H> {
    let once = request.headers().get_all(H::name()).count() == 1;
    once.then(|| request.get_header()).flatten()
}

fn matches_strongly(tags: Option<&IfMatch>, tag: &EntityTag) -> bool {
    match tags {
        Some(IfMatch::Any) => true,
        Some(IfMatch::Items(tags)) => tags.iter().any(|own| own.strong_eq(tag)),
        None => false,
    }
}

fn matches_weakly(tags: Option<&IfNoneMatch>, tag: &EntityTag) -> bool {
    match tags {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|own| own.weak_eq(tag)),
        None => false,
    }
}

pub(super) fn etag(file: &StoredFile) -> ETag {
    ETag(tag(file))
}

fn tag(file: &StoredFile) -> EntityTag {
    EntityTag::new_strong(file.sha256.to_string())
}

/// In whole seconds, as `Last-Modified` says it.
pub(super) fn modified(file: &StoredFile) -> SystemTime {
    let unix_s = u64::try_from(file.created_at.timestamp()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(unix_s)
}
