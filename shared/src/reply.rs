//! The one envelope of all answers, and the error answers that every service shares.

pub mod input;

use std::borrow::Cow;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError};
use serde::Serialize;
use serde_json::Value;

use crate::clock::{Clock, SystemClock};
use crate::envelope::Envelope;
pub use crate::envelope::{ErrorCode, Language, codes};
use crate::refusal::{Reason, Refusal};

/// A success in the envelope.
///
/// ```
/// use shared::ApiResponse;
///
/// async fn hello() -> ApiResponse<&'static str> {
///     ApiResponse::ok("hello")
/// }
/// ```
#[derive(Debug)]
pub struct ApiResponse<T> {
    status: StatusCode,
    data: T,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The data of an answer that has none: null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Nothing;

impl<T: Serialize> ApiResponse<T> {
    /// 200 with data.
    #[must_use]
    pub fn ok(data: T) -> Self {
        Self { status: StatusCode::OK, data, headers: Vec::new() }
    }

    /// 201 with the created thing.
    #[must_use]
    pub fn created(data: T) -> Self {
        Self { status: StatusCode::CREATED, data, headers: Vec::new() }
    }

    /// 202: it will be done, or not; the answer does not say.
    #[must_use]
    pub fn accepted(data: T) -> Self {
        Self { status: StatusCode::ACCEPTED, data, headers: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer as it will go out, to be [kept](crate::idempotency) and given again.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn kept(self) -> crate::idempotency::KeptAnswer {
        let text = |(name, value): (HeaderName, HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        crate::idempotency::KeptAnswer {
            status: self.status.as_u16(),
            headers: self.headers.into_iter().filter_map(text).collect(),
            // What is answered with are views: they can be written.
            body: serde_json::to_string(&envelope(self.status, self.data)).unwrap_or_default(),
            replayed: false,
        }
    }
}

impl<T: Serialize> Responder for ApiResponse<T> {
    type Body = BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.insert_header(header);
        }
        response.json(envelope(self.status, self.data))
    }
}

fn envelope<T>(status: StatusCode, data: T) -> Envelope<'static, T> {
    Envelope {
        success: true,
        message: Cow::Borrowed("OK"),
        data: Some(data),
        error_code: None,
        status_code: status.as_u16(),
        timestamp: SystemClock::new().now(),
    }
}

/// A failure, as the caller will see it: a code, a sentence in the caller's language, perhaps data. The cause
/// goes to the log, never into the answer.
#[derive(Clone)]
pub struct ApiError(Box<Failure>);

#[derive(Clone)]
struct Failure {
    code: &'static ErrorCode,
    /// A sentence with particulars, in place of the code's own: Korean, English.
    sentences: Option<(String, String)>,
    data: Option<Value>,
    challenge: Option<String>,
    retry_after_s: Option<u64>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
    /// Why the caller was not let in, if that is what the failure is.
    refused: Option<Reason>,
    language: Language,
}

impl ApiError {
    /// A failure of this kind.
    #[must_use]
    pub fn new(code: &'static ErrorCode) -> Self {
        Self(Box::new(Failure {
            code,
            sentences: None,
            data: None,
            challenge: None,
            retry_after_s: None,
            headers: Vec::new(),
            cause: None,
            refused: None,
            language: Language::default(),
        }))
    }

    /// The unexpected (C009): the log gets the cause, the caller does not.
    #[must_use]
    pub fn unexpected(cause: impl fmt::Display) -> Self {
        Self::new(&codes::UNEXPECTED).because(cause)
    }

    /// A part that the request needs is away (C008); the caller may try again after `retry_after_s` seconds.
    #[must_use]
    pub fn unavailable(retry_after_s: u64, cause: impl fmt::Display) -> Self {
        Self::new(&codes::UNAVAILABLE).retry_after(retry_after_s).because(cause)
    }

    /// Says it with particulars, in Korean and in English.
    #[must_use]
    pub fn with_sentences(mut self, ko: impl Into<String>, en: impl Into<String>) -> Self {
        self.0.sentences = Some((ko.into(), en.into()));
        self
    }

    /// Adds the `data` member.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.0.data = Some(data);
        self
    }

    /// Adds `WWW-Authenticate` (RFC 6750 section 3).
    #[must_use]
    pub fn with_challenge(mut self, challenge: impl Into<String>) -> Self {
        self.0.challenge = Some(challenge.into());
        self
    }

    /// Adds `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Adds a header, for example `Content-Range` to a 416.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Notes the cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The same failure in this language.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.0.language = language;
        self
    }

    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code.code
    }

    /// The cause, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Why the caller was not let in, if that is what the failure is.
    #[must_use]
    pub fn refused(&self) -> Option<Reason> {
        self.0.refused
    }

    fn message(&self) -> &str {
        match (&self.0.sentences, self.0.language) {
            (None, language) => self.0.code.sentence(language),
            (Some((ko, _)), Language::Korean) => ko,
            (Some((_, en)), Language::English) => en,
        }
    }

    fn add_headers(&self, response: &mut HttpResponseBuilder) {
        if let Some(challenge) = &self.0.challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
        }
        if let Some(seconds) = self.0.retry_after_s {
            response.insert_header((RETRY_AFTER, seconds));
        }
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.clone()));
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::new(refusal.code()).because(&refusal);
        error.0.challenge = refusal.challenge();
        error.0.retry_after_s = refusal.retry_after_s();
        error.0.refused = Some(refusal.reason());
        error
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiError({}, cause: {:?})", self.code(), self.cause())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code(), self.message())
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut builder = HttpResponse::build(self.status_code());
        self.add_headers(&mut builder);
        let mut response = builder.json(Envelope {
            success: false,
            message: Cow::Borrowed(self.message()),
            data: self.0.data.as_ref(),
            error_code: Some(self.code()),
            status_code: self.0.code.status,
            timestamp: SystemClock::new().now(),
        });
        // For the outermost layer: it knows the caller's language and writes the log line.
        response.extensions_mut().insert(self.clone());
        response
    }
}
