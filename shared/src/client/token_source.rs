//! [`TokenSource`]: where tokens come from; [`ClientCredentials`] asks an authorization server (RFC 6749 section 4.4).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenType};
use oauth2::{
    AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use url::Url;

use crate::client::http::{capped_body, describe};
use crate::scopes::Scopes;
use crate::secret::Secret;
use crate::session::Session;
use crate::token::AccessToken;

/// How long a token request may take, from connecting to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that we read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The longest `Retry-After` that we follow.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// For whom, for which service and for what a token is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The service that the token is for (`resource`, RFC 8707); it becomes the token's `aud`.
    pub audience: String,
    /// What it is to be used for.
    pub scope: Scopes,
    /// On whose behalf; `None` for a call of the client itself.
    pub session: Option<Session>,
}

/// A token as it was handed out.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: AccessToken,
    /// How long it lives. Zero when the server did not say: then it is used once and not kept.
    pub lifetime: Duration,
}

/// Why there is no token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenFetchError {
    /// The authorization server refuses (RFC 6749 section 5.2). Asking again will not help.
    #[error("the authorization server refuses: {code}: {description}")]
    Refused {
        /// For example `invalid_client`, `unauthorized_client`, `invalid_scope`.
        code: String,
        /// What the server says about it.
        description: String,
    },
    /// It is away, slow or busy.
    #[error("the authorization server is away: {cause}")]
    Unavailable {
        /// What happened.
        cause: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Its answer is not one that a token endpoint gives.
    #[error("the authorization server answers nonsense: {0}")]
    Nonsense(String),
    /// The caller's own deadline passed while the token was being fetched.
    #[error("no token within {0:?}")]
    Deadline(Duration),
}

impl TokenFetchError {
    /// Whether asking again later may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Deadline(_))
    }
}

/// Fetches tokens. One capability: caching is [`TokenCache`](crate::client::token_cache::TokenCache)'s.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// What tells two sources apart: endpoint, client and a fingerprint of the secret.
    fn identity(&self) -> Arc<str>;

    /// Fetches a token.
    async fn fetch(&self, request: &TokenRequest) -> Result<IssuedToken, TokenFetchError>;
}

type TokenClient =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Tokens by the client-credentials grant (RFC 6749 section 4.4), with the session as a parameter.
#[derive(Clone)]
pub struct ClientCredentials {
    http: reqwest::Client,
    client: TokenClient,
    identity: Arc<str>,
}

impl ClientCredentials {
    /// Tokens from `endpoint` for this client. The secret goes into the body (`client_secret_post`).
    #[must_use]
    pub fn new(http: reqwest::Client, endpoint: Url, client_id: &str, secret: &Secret) -> Self {
        let identity = format!("{endpoint} {client_id} {}", secret.fingerprint());
        let client = BasicClient::new(ClientId::new(client_id.to_owned()))
            .set_client_secret(ClientSecret::new(secret.expose().to_owned()))
            .set_token_uri(TokenUrl::from_url(endpoint))
            .set_auth_type(AuthType::RequestBody);
        Self { http, client, identity: identity.into() }
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ClientCredentials({})", self.identity)
    }
}

#[async_trait]
impl TokenSource for ClientCredentials {
    fn identity(&self) -> Arc<str> {
        Arc::clone(&self.identity)
    }

    async fn fetch(&self, request: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        let scopes = request.scope.iter().map(|scope| Scope::new(scope.to_owned()));
        let mut asked = self
            .client
            .exchange_client_credentials()
            .add_scopes(scopes)
            .add_extra_param("resource", request.audience.as_str());
        if let Some(session) = &request.session {
            asked = asked.add_extra_param("session", session.as_json());
        }
        let http = self.http.clone();
        let post = move |request| post(http.clone(), request);
        let answer = asked.request_async(&post).await.map_err(explain)?;
        if *answer.token_type() != BasicTokenType::Bearer {
            return Err(TokenFetchError::Nonsense("token_type is not Bearer".to_owned()));
        }
        let token = answer.access_token().secret();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenFetchError::Nonsense("access_token is not a bearer token".to_owned()));
        }
        let lifetime = answer.expires_in().unwrap_or_default();
        Ok(IssuedToken { token: AccessToken::new(token.clone()), lifetime })
    }
}

async fn post(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let mut request = reqwest::Request::try_from(request).map_err(|error| away(&error))?;
    *request.timeout_mut() = Some(FETCH_TIMEOUT);
    let response = http.execute(request).await.map_err(|error| away(&error))?;
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after = retry_after(&response);
        return Err(Failure::Away { cause: format!("it answered {status}"), retry_after });
    }
    let body = capped_body(response, MAX_ANSWER_BYTES).await;
    let body =
        body.map_err(|error| Failure::Away { cause: error.to_string(), retry_after: None })?;
    if !status.is_success() && serde_json::from_slice::<BasicErrorResponse>(&body).is_err() {
        return Err(Failure::NoEndpoint(status));
    }
    let mut answer = HttpResponse::new(body);
    *answer.status_mut() = status;
    Ok(answer)
}

/// The server could not be asked, or is not one that can be.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{cause}")]
    Away { cause: String, retry_after: Option<Duration> },
    #[error("it answered {0} without an OAuth error")]
    NoEndpoint(StatusCode),
}

fn away(error: &reqwest::Error) -> Failure {
    Failure::Away { cause: describe(error), retry_after: None }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); the form with a date is not read.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(text.trim().parse().ok()?).min(MAX_RETRY_AFTER))
}

fn explain(error: RequestTokenError<Failure, BasicErrorResponse>) -> TokenFetchError {
    match error {
        RequestTokenError::ServerResponse(refusal) => TokenFetchError::Refused {
            code: refusal.error().to_string(),
            description: refusal.error_description().cloned().unwrap_or_default(),
        },
        RequestTokenError::Request(Failure::Away { cause, retry_after }) => {
            TokenFetchError::Unavailable { cause, retry_after }
        }
        RequestTokenError::Request(failure) => TokenFetchError::Nonsense(failure.to_string()),
        // The body is left out: it may be a token that we merely failed to understand.
        RequestTokenError::Parse(error, _) => {
            let cause = without_value(&error.inner().to_string());
            TokenFetchError::Nonsense(format!("{}: {cause}", error.path()))
        }
        RequestTokenError::Other(cause) => TokenFetchError::Nonsense(cause),
    }
}

/// The parser quotes the value that it did not expect, and that may be the token, too.
fn without_value(error: &str) -> String {
    match error.rsplit_once(", expected") {
        Some((_value, expected)) => format!("expected{expected}"),
        None => error.to_owned(),
    }
}
