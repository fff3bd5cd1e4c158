//! [`Upstream`]: calls to a provider. Each has an end, an answer of bounded size, and is made to where it was meant.

use std::sync::Arc;
use std::time::Duration;

use oauth2::{HttpRequest, HttpResponse};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use shared::client::http::{HttpClient, Timeouts, http_client_with_tls};
use shared::tls::ClientTls;
use shared::{Clock, RemoteKeys};
use url::Url;

/// Of each call: who waits for it is somebody before a browser.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    read: Duration::from_secs(3),
    total: Duration::from_secs(3),
};
/// The longest answer.
const MAX_BYTES: usize = 256 * 1024;

/// Cloning one is cheap.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    http: HttpClient,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    /// Without the URL, in which a secret may stand.
    #[error("no answer: {0}")]
    NoAnswer(reqwest::Error),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("the answer is longer than {MAX_BYTES} bytes")]
    TooLong,
}

impl From<reqwest::Error> for UpstreamError {
    fn from(error: reqwest::Error) -> Self {
        Self::NoAnswer(error.without_url())
    }
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "error")]
    _error: String,
}

impl Upstream {
    /// Providers are others, so our own certificate does not concern them.
    pub(super) fn open(tls: &ClientTls) -> Result<Self, reqwest::Error> {
        http_client_with_tls(TIMEOUTS, &tls.without_certificate()).map(|http| Self { http })
    }

    /// The keys that a provider publishes there.
    pub(super) fn keys(&self, url: Url, clock: &Arc<dyn Clock>) -> RemoteKeys {
        RemoteKeys::new(self.http.clone(), url, Arc::clone(clock))
    }

    /// Sends what the library has put together. A provider in trouble is an error here: the library would take whatever
    /// comes with a 500 for a refusal.
    pub(super) async fn post(&self, request: HttpRequest) -> Result<HttpResponse, UpstreamError> {
        let response = self.http.execute(request.try_into()?).await?;
        let status = response.status();
        let refused = status == StatusCode::BAD_REQUEST || status == StatusCode::UNAUTHORIZED;
        if status != StatusCode::OK && !refused {
            return Err(UpstreamError::Status(status));
        }
        let body = capped(response).await?;
        // Naver refuses with 200.
        let refused = refused || serde_json::from_slice::<Refusal>(&body).is_ok();
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = if refused { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        Ok(answer)
    }

    /// What a token gives access to.
    pub(super) async fn get(&self, url: Url, token: &str) -> Result<Vec<u8>, UpstreamError> {
        let response = self.http.get(url).bearer_auth(token).send().await?;
        match response.status() {
            StatusCode::OK => capped(response).await,
            status => Err(UpstreamError::Status(status)),
        }
    }
}

async fn capped(mut response: Response) -> Result<Vec<u8>, UpstreamError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(UpstreamError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
