//! [`CallError`]: why a call has no answer.

use std::time::Duration;

use reqwest::StatusCode;

use crate::client::http;
use crate::client::token_source::{HandoffRefusal, TokenFetchError};

/// Why a call has no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No token could be had.
    #[error("no token: {0}")]
    Token(#[from] TokenFetchError),
    /// The request cannot be built: a path, header or body that is none.
    #[error("the request cannot be built: {0}")]
    Request(String),
    /// Tokens of this target do not go to that origin; nothing was sent.
    #[error("tokens do not go to {0}")]
    NotPermitted(String),
    /// A redirect that is not followed, although redirects are.
    #[error("the redirect is not followed: {0}")]
    Redirect(&'static str),
    /// The service could not be reached, or the answer broke off.
    #[error("no answer: {0}")]
    Transport(String),
    /// The call's own deadline has passed.
    #[error("no answer within {after:?}, waiting for {waiting_for}{}", last.as_deref().map_or_else(String::new, |last| format!("; before that: {last}")))]
    Deadline {
        /// How long the call was to take at the most.
        after: Duration,
        /// What it was waiting for: a token, an answer, a pause.
        waiting_for: &'static str,
        /// The last failure, if there was one.
        last: Option<String>,
    },
    /// The service refuses.
    #[error("the service answered {status} {}: {message}", code.as_deref().unwrap_or("without a code"))]
    Refused {
        /// HTTP status.
        status: u16,
        /// The stable code of the envelope.
        code: Option<String>,
        /// The envelope's message.
        message: String,
        /// How long the service wants to be left alone (RFC 9110 section 10.2.3), if it says so.
        retry_after: Option<Duration>,
    },
    /// The answer is not the JSON that was expected. The text does not repeat what was sent.
    #[error("the answer is not what was expected: {0}")]
    Unexpected(String),
}

impl CallError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Token(error) => error.is_transient(),
            Self::Transport(_) | Self::Deadline { .. } => true,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::Request(_) | Self::NotPermitted(_) | Self::Redirect(_) | Self::Unexpected(_) => {
                false
            }
        }
    }

    /// How long the service wants to be left alone, if it has said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Why what was handed on gives no token, if that is why there was no call.
    #[must_use]
    pub fn handoff_refusal(&self) -> Option<&HandoffRefusal> {
        match self {
            Self::Token(TokenFetchError::Handoff(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// The stable code of the envelope, if the service refused with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }
}

impl From<http::BodyError> for CallError {
    fn from(error: http::BodyError) -> Self {
        match error {
            http::BodyError::TooLong(_) => Self::Unexpected(error.to_string()),
            http::BodyError::BrokenOff(cause) => Self::Transport(cause),
        }
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    error_code: Option<String>,
    message: Option<String>,
}

pub(super) fn refused(
    (status, retry_after): (StatusCode, Option<Duration>),
    body: &[u8],
) -> CallError {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    CallError::Refused {
        status: status.as_u16(),
        code: refusal.error_code,
        message: refusal.message.unwrap_or_default(),
        retry_after,
    }
}

/// Where it went wrong: the parser's own words may hold a value that is nobody's business.
pub(super) fn unexpected(error: &serde_json::Error) -> CallError {
    let (line, column) = (error.line(), error.column());
    let what = if error.is_data() { "a value is missing or of another kind" } else { "no JSON" };
    CallError::Unexpected(format!("{what}, line {line} column {column}"))
}
