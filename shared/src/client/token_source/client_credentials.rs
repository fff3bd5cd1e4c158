//! [`ClientCredentials`]: tokens by RFC 6749 section 4.4, and by RFC 8693 where a token is to be exchanged.

mod batch;
mod handoff;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse, BasicTokenType};
use oauth2::{AuthType, ClientId, RequestTokenError, Scope, TokenResponse, TokenUrl};
use url::Url;

use super::client_proof::{ClientProof, Shown};
use super::handoff::{HandOffRequest, Handoff};
use super::{IssuedToken, TokenFetchError, TokenRequest, TokenSource, fetch_each};
use crate::client::service_url::ServiceUrl;
use crate::secret::Secret;
use crate::token::AccessToken;
use wire::{Failure, Limits, as_exchange, post_form, without_client_id};

/// Of a token request.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(5), max_bytes: 64 * 1024 };
/// RFC 8693 section 3.
const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
/// As much as we repeat of what the server says about an error.
const MAX_DESCRIPTION_CHARS: usize = 160;

/// Tokens by the client-credentials grant (RFC 6749 section 4.4), with the session as a parameter.
#[derive(Clone)]
pub struct ClientCredentials {
    http: reqwest::Client,
    endpoint: ServiceUrl,
    /// Where many are given out at once; none where the server has no such place.
    batch: Option<Url>,
    proof: ClientProof,
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
        Self::with_proof(http, endpoint, ClientProof::secret(client_id, secret))
    }

    /// The same for a client that proves itself in another way.
    ///
    /// ```
    /// use shared::client::http::HttpClient;
    /// use shared::client::token_source::{ClientCredentials, ClientProof};
    /// use shared::client::ServiceUrl;
    ///
    /// fn source(http: HttpClient, endpoint: ServiceUrl) -> ClientCredentials {
    ///     let token = ClientProof::projected_token("/var/run/secrets/tokens/auth");
    ///     ClientCredentials::with_proof(http, endpoint, token)
    /// }
    /// ```
    #[must_use]
    pub fn with_proof(http: reqwest::Client, endpoint: ServiceUrl, proof: ClientProof) -> Self {
        let identity = format!("{endpoint} {}", proof.identity()).into();
        let batch = batch::url_beside(endpoint.as_url());
        Self { http, endpoint, batch, proof, identity }
    }

    /// Asks for many tokens at this URL. Without it that is done at `.../tokens` where single ones are given out at
    /// `.../token`, and otherwise one by one, as with a server that answers 404 there.
    #[must_use]
    pub fn with_batch_endpoint(self, url: &ServiceUrl) -> Self {
        Self { batch: Some(url.as_url().clone()), ..self }
    }

    async fn ask(
        &self,
        request: &TokenRequest,
        shown: &Shown,
    ) -> Result<BasicTokenResponse, RequestTokenError<Failure, BasicErrorResponse>> {
        let client_id = shown.client_id.clone().unwrap_or_default();
        let client = BasicClient::new(ClientId::new(client_id))
            .set_token_uri(TokenUrl::from_url(self.endpoint.as_url().clone()))
            .set_auth_type(AuthType::RequestBody);
        let scopes = request.scope().iter().map(|scope| Scope::new(scope.to_owned()));
        let mut asked = client
            .exchange_client_credentials()
            .add_scopes(scopes)
            .add_extra_param("resource", request.audience());
        for (name, value) in shown.parameters() {
            asked = asked.add_extra_param(name, value);
        }
        match (request.subject(), request.session()) {
            (Some(subject), _) => {
                asked = asked.add_extra_param("subject_token", subject.expose());
                asked = asked.add_extra_param("subject_token_type", ACCESS_TOKEN_TYPE);
            }
            (None, Some(session)) => {
                asked = asked.add_extra_param("session", session.as_json());
            }
            (None, None) => {}
        }
        let (http, is_named) = (self.http.clone(), shown.client_id.is_some());
        let exchanges = request.subject().is_some();
        let post = move |request| {
            let request = if is_named { request } else { without_client_id(request) };
            let request = if exchanges { as_exchange(request) } else { request };
            post_form(http.clone(), request, LIMITS)
        };
        asked.request_async(&post).await
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

    fn proof_version(&self) -> u64 {
        self.proof.version()
    }

    async fn fetch(&self, request: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        let shown = self.proof.show().await?;
        let answer = self.ask(request, &shown).await.map_err(|error| explain(error, &shown))?;
        issued(&answer)
    }

    async fn redeem(&self, request: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        handoff::redeem(self, request).await
    }

    async fn hand_off(&self, request: &HandOffRequest) -> Result<Handoff, TokenFetchError> {
        handoff::hand_off(self, request).await
    }

    async fn end_handoff(&self, id: &str) -> Result<(), TokenFetchError> {
        handoff::end(self, id).await
    }

    /// By one request for each thousand that have service and scope in common.
    async fn fetch_many(
        &self,
        requests: &[TokenRequest],
    ) -> Vec<Result<IssuedToken, TokenFetchError>> {
        let mut results: Vec<_> = requests.iter().map(|_| None).collect();
        if let Some(url) = &self.batch {
            for places in batch::groups(requests) {
                let group: Vec<_> = places.iter().map(|place| &requests[*place]).collect();
                let fetched = batch::fetch(&self.http, url, &self.proof, &group).await;
                // A server that does not know how is not asked for the next group.
                let Some(fetched) = fetched else { break };
                places.iter().zip(fetched).for_each(|(place, own)| results[*place] = Some(own));
            }
        }
        let open = |(place, own): (usize, &Option<_>)| own.is_none().then_some(place);
        let left: Vec<_> = results.iter().enumerate().filter_map(open).collect();
        let alone = fetch_each(self, left.iter().map(|place| &requests[*place]).collect()).await;
        left.iter().zip(alone).for_each(|(place, own)| results[*place] = Some(own));
        results.into_iter().flatten().collect()
    }
}

fn issued(answer: &BasicTokenResponse) -> Result<IssuedToken, TokenFetchError> {
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

fn explain(
    error: RequestTokenError<Failure, BasicErrorResponse>,
    shown: &Shown,
) -> TokenFetchError {
    match error {
        RequestTokenError::ServerResponse(refusal) => refused(&refusal, shown),
        RequestTokenError::Request(failure) => failure.into(),
        // The body is left out: it may be a token that we merely failed to understand.
        RequestTokenError::Parse(error, _) => {
            let cause = without_value(&error.inner().to_string());
            TokenFetchError::Nonsense(format!("{}: {cause}", error.path()))
        }
        RequestTokenError::Other(cause) => TokenFetchError::Nonsense(cause),
    }
}

impl From<Failure> for TokenFetchError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away { cause, retry_after } => Self::Unavailable { cause, retry_after },
            Failure::NoEndpoint(_) => Self::Nonsense(failure.to_string()),
        }
    }
}

fn refused(refusal: &BasicErrorResponse, shown: &Shown) -> TokenFetchError {
    TokenFetchError::Refused {
        code: repeatable(refusal.error().as_ref(), shown),
        description: repeatable(refusal.error_description().map_or("", String::as_str), shown),
    }
}

/// It goes into logs: one short line that does not hold the secret, which some servers repeat.
fn repeatable(said: &str, shown: &Shown) -> String {
    if shown.is_in(said) {
        return "(it repeats the secret)".to_owned();
    }
    said.chars().filter(|character| !character.is_control()).take(MAX_DESCRIPTION_CHARS).collect()
}

/// The parser quotes the value that it did not expect, and that may be the token, too.
fn without_value(error: &str) -> String {
    match error.rsplit_once(", expected") {
        Some((_value, expected)) => format!("expected{expected}"),
        None => error.to_owned(),
    }
}
