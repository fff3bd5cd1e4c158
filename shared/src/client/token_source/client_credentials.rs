//! [`ClientCredentials`]: tokens by RFC 6749 section 4.4.

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

use super::{IssuedToken, TokenFetchError, TokenRequest, TokenSource};
use crate::client::http::{capped_body, describe, retry_after};
use crate::client::service_url::ServiceUrl;
use crate::secret::Secret;
use crate::token::AccessToken;

/// How long a token request may take, from connecting to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that we read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The longest `Retry-After` that we follow.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// As much as we repeat of what the server says about an error.
const MAX_DESCRIPTION_CHARS: usize = 160;

type TokenClient =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Tokens by the client-credentials grant (RFC 6749 section 4.4), with the session as a parameter.
#[derive(Clone)]
pub struct ClientCredentials {
    http: reqwest::Client,
    client: TokenClient,
    secret: Secret,
    identity: Arc<str>,
}

impl ClientCredentials {
    /// Tokens from `endpoint` for this client. The secret goes into the body (`client_secret_post`); a
    /// [`ServiceUrl`] is one that it may go to.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        endpoint: ServiceUrl,
        client_id: &str,
        secret: &Secret,
    ) -> Self {
        let identity = format!("{endpoint} {client_id} {}", secret.fingerprint());
        let client = BasicClient::new(ClientId::new(client_id.to_owned()))
            .set_client_secret(ClientSecret::new(secret.expose().to_owned()))
            .set_token_uri(TokenUrl::from_url(endpoint.as_url().clone()))
            .set_auth_type(AuthType::RequestBody);
        Self { http, client, secret: secret.clone(), identity: identity.into() }
    }

    fn explain(&self, error: RequestTokenError<Failure, BasicErrorResponse>) -> TokenFetchError {
        match error {
            RequestTokenError::ServerResponse(refusal) => TokenFetchError::Refused {
                code: self.repeatable(refusal.error().as_ref()),
                description: self
                    .repeatable(refusal.error_description().map_or("", String::as_str)),
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

    /// It goes into logs: one short line that does not hold the secret, which some servers repeat.
    fn repeatable(&self, said: &str) -> String {
        let secret = self.secret.expose();
        if !secret.is_empty() && said.contains(secret) {
            return "(it repeats the secret)".to_owned();
        }
        said.chars()
            .filter(|character| !character.is_control())
            .take(MAX_DESCRIPTION_CHARS)
            .collect()
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
        let scopes = request.scope().iter().map(|scope| Scope::new(scope.to_owned()));
        let mut asked = self
            .client
            .exchange_client_credentials()
            .add_scopes(scopes)
            .add_extra_param("resource", request.audience());
        if let Some(session) = request.session() {
            asked = asked.add_extra_param("session", session.as_json());
        }
        let http = self.http.clone();
        let post = move |request| post(http.clone(), request);
        let answer = asked.request_async(&post).await.map_err(|error| self.explain(error))?;
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
    let mut request = reqwest::Request::try_from(request).map_err(away)?;
    *request.timeout_mut() = Some(FETCH_TIMEOUT);
    let response = http.execute(request).await.map_err(away)?;
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after = retry_after(response.headers()).map(|wait| wait.min(MAX_RETRY_AFTER));
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

fn away(error: reqwest::Error) -> Failure {
    Failure::Away { cause: describe(&error.without_url()), retry_after: None }
}

/// The parser quotes the value that it did not expect, and that may be the token, too.
fn without_value(error: &str) -> String {
    match error.rsplit_once(", expected") {
        Some((_value, expected)) => format!("expected{expected}"),
        None => error.to_owned(),
    }
}
