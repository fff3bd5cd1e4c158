//! A refusal as an answer: the envelope, or gRPC's headers.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};

use crate::clock::{Clock, SystemClock};
use crate::envelope::{Envelope, Language};
use crate::refusal::Refusal;

/// Either a refusal or what the inner service answers.
pub type AnswerBody<R> = Either<Full<Bytes>, R>;

/// What of a request matters for the words of a refusal.
pub(super) struct Asked {
    language: Language,
    grpc: bool,
}

impl Asked {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        Self {
            language: text(ACCEPT_LANGUAGE).map(Language::preferred).unwrap_or_default(),
            grpc: text(CONTENT_TYPE).is_some_and(|own| own.starts_with("application/grpc")),
        }
    }
}

pub(super) fn refuse<R>(refusal: &Refusal, asked: &Asked) -> Response<AnswerBody<R>> {
    let body = if asked.grpc { Bytes::new() } else { envelope(refusal, asked.language).into() };
    let mut response = Response::new(Either::Left(Full::new(body)));
    let code = refusal.code();
    let headers = response.headers_mut();
    if let Some(challenge) = refusal.challenge().and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = refusal.retry_after_s() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if asked.grpc {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", grpc_status(code.status));
        headers.insert("grpc-message", HeaderValue::from_static(code.en));
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *response.status_mut() =
            StatusCode::from_u16(code.status).unwrap_or(StatusCode::UNAUTHORIZED);
    }
    response.extensions_mut().insert(refusal.reason());
    response
}

/// UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE, as gRPC maps them to HTTP.
fn grpc_status(status: u16) -> HeaderValue {
    HeaderValue::from_static(match status {
        403 => "7",
        503 => "14",
        _ => "16",
    })
}

fn envelope(refusal: &Refusal, language: Language) -> Vec<u8> {
    let code = refusal.code();
    let envelope: Envelope<'_, ()> = Envelope {
        success: false,
        message: Cow::Borrowed(code.sentence(language)),
        data: None,
        error_code: Some(code.code),
        status_code: code.status,
        timestamp: SystemClock::new().now(),
    };
    // Writing texts and numbers into memory cannot fail.
    serde_json::to_vec(&envelope).unwrap_or_default()
}
