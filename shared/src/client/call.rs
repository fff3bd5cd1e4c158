//! [`Call`]: one request, from being built to its answer.

mod challenge;
mod error;
mod retry;
mod sending;

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use reqwest::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::SessionClient;
use crate::client::http::{capped_body, describe};
use crate::clock::Clock;
pub use error::CallError;
use error::{refused, unexpected};
pub(super) use retry::RetryBudgets;
use sending::{Phase, Progress, Sending};

/// The longest answer that is read into memory.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// How long a call may take in all, unless told otherwise.
const DEADLINE: Duration = Duration::from_secs(30);

/// A request being built.
pub struct Call {
    client: SessionClient,
    builder: Result<reqwest::RequestBuilder, CallError>,
    deadline: Duration,
    redirects: bool,
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
        Self { client, builder, deadline: DEADLINE, redirects: false }
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

    /// Sends this body. One that streams can be sent once only: the call is never repeated.
    #[must_use]
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        self.map(|builder| builder.body(body))
    }

    /// Adds a header. `Authorization` and `traceparent` are ours and are overwritten.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.map(|builder| builder.header(name, value))
    }

    /// Names the request, so that sending it twice has the effect of once.
    #[must_use]
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// How long the call may take in all: waiting for a token, every attempt, the pauses between them. 30 s unless set.
    /// A single attempt ends with the client's own [`Timeouts`](super::http::Timeouts), too.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Follows up to 3 redirects of a GET or HEAD. The token goes along to the very same origin (scheme, host, port)
    /// only; to any other one goes a bare request, without trace, request id and headers of the call. Never from
    /// `https` to `http`. Without this a redirect is an answer.
    #[must_use]
    pub fn follow_redirects(mut self) -> Self {
        self.redirects = true;
        self
    }

    /// Sends the request with a token.
    ///
    /// - After a 401 that says `invalid_token` the token is dropped and the request is sent once more with a fresh one.
    /// - After 429, 502, 503, 504 or no answer it is tried again, 3 times in all, after a short random pause or the one
    ///   that `Retry-After` asks for. Only if its method is idempotent (RFC 9110 section 9.2.2) or it has an
    ///   [idempotency key](Call::idempotency_key), and while the host's budget lasts: one retry in ten calls, ten in
    ///   store. [`Target::without_retries`](super::Target::without_retries) switches this off.
    ///
    /// Both only if the body can be sent again.
    ///
    /// # Errors
    /// A [`CallError`] when there is no token or no answer. Any status is an answer.
    pub async fn send(self) -> Result<Response, CallError> {
        self.send_and(async |response| Ok(response)).await
    }

    /// Sends the request and does something with the answer, all within the deadline.
    async fn send_and<T>(
        self,
        then: impl AsyncFnOnce(Response) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let Self { client, builder, deadline, redirects } = self;
        let request = builder?.build();
        let request =
            request.map_err(|error| CallError::Request(describe(&error.without_url())))?;
        let progress = Progress::new(deadline);
        let ends_at = client.inner.clock.monotonic().saturating_add(deadline);
        let mut sending = Sending::new(&client, &progress, (ends_at, redirects), request);
        // In place: the timer would move it once more.
        let call = pin!(async {
            let response = sending.run().await?;
            progress.enter(Phase::Body);
            then(response).await
        });
        let answer = tokio::time::timeout(deadline, call).await;
        answer.unwrap_or_else(|_| Err(progress.too_late(&client)))
    }

    /// Sends the request and takes the whole body, at most 16 MiB.
    ///
    /// # Errors
    /// As [`Call::send`]; [`CallError::Refused`] for every status that is no success.
    pub async fn fetch_bytes(self) -> Result<Vec<u8>, CallError> {
        self.send_and(whole_body).await
    }

    /// Sends the request and takes `data` out of the envelope.
    ///
    /// # Errors
    /// As [`Call::send`]; [`CallError::Refused`] for every status that is no success.
    pub async fn fetch<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let body = self.send_and(whole_body).await?;
        let envelope: Data<T> =
            serde_json::from_slice(&body).map_err(|error| unexpected(&error))?;
        Ok(envelope.data)
    }
}

async fn whole_body(response: Response) -> Result<Vec<u8>, CallError> {
    let (status, retry_after) =
        (response.status(), crate::client::http::retry_after(response.headers()));
    let body = capped_body(response, MAX_ANSWER_BYTES).await?;
    if status.is_success() { Ok(body) } else { Err(refused((status, retry_after), &body)) }
}

#[derive(serde::Deserialize)]
struct Data<T> {
    data: T,
}
