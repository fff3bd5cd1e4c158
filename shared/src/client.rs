//! [`ServiceClient`]: reqwest that carries a fresh token for a session.

mod call;
pub mod http;
pub mod token_cache;
pub mod token_source;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Response};
use url::Url;

use crate::clock::{Clock, SystemClock};
use crate::scopes::Scopes;
use crate::session::Session;
use crate::token::AccessToken;
use crate::trace::TraceContext;
pub use call::{Call, CallError};
use http::describe;
use token_cache::TokenCache;
use token_source::{TokenFetchError, TokenRequest};

/// How long a caller waits for its token, unless told otherwise.
const TOKEN_DEADLINE: Duration = Duration::from_secs(10);

/// A service that we call: where it is, what it is called in tokens, and what we want of it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its root, for example `http://order-service:9002`. Tokens go there and nowhere else.
    pub base_url: Url,
    /// Its name in a token's `aud`.
    pub audience: String,
    /// The scopes to ask for.
    pub scope: Scopes,
}

impl Target {
    /// Setting the path, unlike joining, cannot lead to another host: `//evil` stays a path. A segment that goes up
    /// would lead to another route than the one that was written down; it comes from an id that is none.
    fn url(&self, path: &str) -> Result<Url, CallError> {
        if goes_up(path) {
            return Err(CallError::Request("a path segment goes up".to_owned()));
        }
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}{path}", self.base_url.path().trim_end_matches('/')));
        Ok(url)
    }
}

/// As a URL is read: encoded dots are dots, a backslash is a slash, and control characters are passed over.
fn goes_up(path: &str) -> bool {
    let path: String = path.chars().filter(|character| !character.is_ascii_control()).collect();
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

/// Is told of every call, for statistics.
pub trait CallObserver: Send + Sync {
    /// A call to the target has ended, however it ended; `took` is the time from sending the request to the head of
    /// the answer.
    fn called(&self, took: Duration);
}

/// Calls one service on behalf of sessions.
///
/// ```no_run
/// # async fn example(tokens: shared::client::token_cache::TokenCache) -> Result<(), Box<dyn std::error::Error>> {
/// use shared::client::{ServiceClient, Target, http::{Timeouts, http_client}};
///
/// let orders = ServiceClient::new(http_client(Timeouts::default())?, tokens, Target {
///     base_url: "http://order-service:9002".parse()?,
///     audience: "order-service".to_owned(),
///     scope: "order:read".parse()?,
/// });
/// let session = shared::Session::parse(r#"{"companyId":100,"userId":200}"#)?;
/// let answer = orders.with_session(&session).get("/api/orders").send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServiceClient {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    tokens: TokenCache,
    target: Target,
    clock: SystemClock,
    observer: Option<Arc<dyn CallObserver>>,
}

impl ServiceClient {
    /// A client for this target. `http` follows no redirects, as [`http::http_client`] makes it.
    #[must_use]
    pub fn new(http: reqwest::Client, tokens: TokenCache, target: Target) -> Self {
        let clock = SystemClock::new();
        Self { inner: Arc::new(Inner { http, tokens, target, clock, observer: None }) }
    }

    /// The same client with an observer.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn CallObserver>) -> Self {
        let Inner { http, tokens, target, clock, .. } = &*self.inner;
        let (http, tokens, target) = (http.clone(), tokens.clone(), target.clone());
        let observer = Some(observer);
        Self { inner: Arc::new(Inner { http, tokens, target, clock: clock.clone(), observer }) }
    }

    /// Calls on behalf of this session: each gets a token that carries it.
    #[must_use]
    pub fn with_session(&self, session: &Session) -> SessionClient {
        self.caller(Some(session.clone()))
    }

    /// Calls on the client's own behalf: its tokens carry no session.
    #[must_use]
    pub fn without_session(&self) -> SessionClient {
        self.caller(None)
    }

    fn caller(&self, session: Option<Session>) -> SessionClient {
        let Target { audience, scope, .. } = self.inner.target.clone();
        let request = Arc::new(TokenRequest { audience, scope, session });
        SessionClient { inner: Arc::clone(&self.inner), request, trace: TraceContext::start() }
    }
}

impl fmt::Debug for ServiceClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ServiceClient({})", self.inner.target.base_url)
    }
}

/// A [`ServiceClient`] bound to one session.
#[derive(Clone)]
pub struct SessionClient {
    inner: Arc<Inner>,
    request: Arc<TokenRequest>,
    trace: TraceContext,
}

impl SessionClient {
    /// The same client within this trace.
    #[must_use]
    pub fn within(mut self, trace: TraceContext) -> Self {
        self.trace = trace;
        self
    }

    /// A GET of this path.
    #[must_use]
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST to this path.
    #[must_use]
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// A DELETE of this path.
    #[must_use]
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// A call of any method. `path` begins with `/`; a query goes by [`Call::query`].
    #[must_use]
    pub fn call(&self, method: Method, path: &str) -> Call {
        let builder = self.inner.target.url(path).map(|url| self.inner.http.request(method, url));
        Call::new(self.clone(), builder)
    }
}

impl fmt::Debug for SessionClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SessionClient({:?})", self.request.session)
    }
}

impl SessionClient {
    async fn token(&self) -> Result<AccessToken, TokenFetchError> {
        self.inner.tokens.token(&self.request, TOKEN_DEADLINE).await
    }

    async fn execute(
        &self,
        mut request: Request,
        token: &AccessToken,
    ) -> Result<Response, CallError> {
        self.add_headers(request.headers_mut(), token)?;
        let started = self.inner.clock.monotonic();
        let answer = self.inner.http.execute(request).await;
        if let Some(observer) = &self.inner.observer {
            observer.called(self.inner.clock.monotonic().saturating_sub(started));
        }
        answer.map_err(|error| CallError::Transport(describe(&error)))
    }

    fn add_headers(&self, headers: &mut HeaderMap, token: &AccessToken) -> Result<(), CallError> {
        let not_a_header = |_| CallError::Request("the token is not a header value".to_owned());
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(not_a_header)?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        // The message of a refusal goes to our log; who wants it in another language says so.
        headers.entry(ACCEPT_LANGUAGE).or_insert(HeaderValue::from_static("en"));
        let trace = self.trace.next_span().to_string();
        let trace = HeaderValue::from_str(&trace)
            .map_err(|_| CallError::Request("the trace is not a header value".to_owned()))?;
        headers.insert(HeaderName::from_static("traceparent"), trace);
        Ok(())
    }
}
