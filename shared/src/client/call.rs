//! [`Call`]: one request, from being built to its answer.

use std::fmt;

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::SessionClient;
use crate::client::http::{self, capped_body, describe};
use crate::client::token_source::TokenFetchError;

/// The longest answer that is read into memory.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A request being built.
pub struct Call {
    client: SessionClient,
    builder: Result<reqwest::RequestBuilder, CallError>,
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Call({:?})", self.client)
    }
}

impl Call {
    pub(super) fn new(
        client: SessionClient,
        builder: Result<reqwest::RequestBuilder, CallError>,
    ) -> Self {
        Self { client, builder }
    }

    fn map(
        mut self,
        change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Self {
        self.builder = self.builder.map(change);
        self
    }

    /// Adds query parameters.
    #[must_use]
    pub fn query(self, query: &(impl Serialize + ?Sized)) -> Self {
        self.map(|builder| builder.query(query))
    }

    /// Sends this as JSON.
    #[must_use]
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.map(|builder| builder.json(body))
    }

    /// Sends this body. One that streams can be sent once only, so a 401 is not answered with a fresh token.
    #[must_use]
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        self.map(|builder| builder.body(body))
    }

    /// Adds a header. `Authorization` is ours and is overwritten.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.map(|builder| builder.header(name, value))
    }

    /// Names the request, so that sending it twice has the effect of once.
    #[must_use]
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Sends the request with a token. After a 401 that says `invalid_token` the token is dropped and the request
    /// is sent once more with a fresh one, if its body can be sent again.
    ///
    /// # Errors
    /// A [`CallError`] when there is no token or no answer. Any status is an answer.
    pub async fn send(self) -> Result<Response, CallError> {
        let Self { client, builder } = self;
        let request = builder?.build().map_err(|error| CallError::Request(describe(&error)))?;
        let again = request.try_clone();
        let token = client.token().await?;
        let response = client.execute(request, &token).await?;
        if !rejects_token(&response) {
            return Ok(response);
        }
        client.inner.tokens.reject(&client.request, &token);
        let Some(again) = again else { return Ok(response) };
        let fresh = client.token().await?;
        client.execute(again, &fresh).await
    }

    /// Sends the request and takes the whole body, at most 16 MiB.
    ///
    /// # Errors
    /// As [`Call::send`]; [`CallError::Refused`] for every status that is no success.
    pub async fn fetch_bytes(self) -> Result<Vec<u8>, CallError> {
        let response = self.send().await?;
        let status = response.status();
        let body = capped_body(response, MAX_ANSWER_BYTES).await.map_err(CallError::from)?;
        if status.is_success() { Ok(body) } else { Err(refused(status, &body)) }
    }

    /// Sends the request and takes `data` out of the envelope.
    ///
    /// # Errors
    /// As [`Call::send`]; [`CallError::Refused`] for every status that is no success.
    pub async fn fetch<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let body = self.fetch_bytes().await?;
        let envelope: Data<T> = serde_json::from_slice(&body)
            .map_err(|error| CallError::Unexpected(error.to_string()))?;
        Ok(envelope.data)
    }
}

#[derive(serde::Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    error_code: Option<String>,
    message: Option<String>,
}

fn refused(status: StatusCode, body: &[u8]) -> CallError {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    CallError::Refused {
        status: status.as_u16(),
        code: refusal.error_code,
        message: refusal.message.unwrap_or_default(),
    }
}

/// RFC 6750 section 3.1. A 401 for another reason, and any 403, says nothing against the token.
fn rejects_token(response: &Response) -> bool {
    response.status() == StatusCode::UNAUTHORIZED
        && response.headers().get_all(WWW_AUTHENTICATE).iter().any(|challenge| {
            challenge.to_str().is_ok_and(|text| text.contains(r#"error="invalid_token""#))
        })
}

/// Why a call has no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No token could be had.
    #[error("no token: {0}")]
    Token(#[from] TokenFetchError),
    /// The request cannot be built: a path, header or body that is none.
    #[error("the request cannot be built: {0}")]
    Request(String),
    /// The service could not be reached, or the answer broke off.
    #[error("no answer: {0}")]
    Transport(String),
    /// The service refuses.
    #[error("the service answered {status} {}: {message}", code.as_deref().unwrap_or("without a code"))]
    Refused {
        /// HTTP status.
        status: u16,
        /// The stable code of the envelope.
        code: Option<String>,
        /// The envelope's message.
        message: String,
    },
    /// The answer is not the JSON that was expected.
    #[error("the answer is not what was expected: {0}")]
    Unexpected(String),
}

impl From<http::BodyError> for CallError {
    fn from(error: http::BodyError) -> Self {
        match error {
            http::BodyError::TooLong(_) => Self::Unexpected(error.to_string()),
            http::BodyError::BrokenOff(cause) => Self::Transport(cause),
        }
    }
}

impl CallError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Token(error) => error.is_transient(),
            Self::Transport(_) => true,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::Request(_) | Self::Unexpected(_) => false,
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
