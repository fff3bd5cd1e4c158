//! [`ServiceClient`]: reqwest that carries a fresh token for a session.

mod call;
mod hand_off;
pub mod http;
mod inbound;
mod outgoing;
mod service_url;
mod target;
pub mod token_cache;
pub mod token_source;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use url::Url;

use crate::clock::SystemClock;
use crate::session::Session;
use crate::token::AccessToken;
use crate::trace::{Activity, TraceContext};
use call::RetryBudgets;
pub use call::{Call, CallError};
pub use hand_off::{HandOff, HandOffTo};
pub use inbound::{Inbound, NoSession};
pub use reqwest::Body;
pub use service_url::{PlainHosts, ServiceUrl, ServiceUrlError};
pub use target::Target;
use token_cache::{Prefetched, TokenCache};
use token_source::{TokenFetchError, TokenRequest};

/// How long the tokens of many sessions may take together.
const PREFETCH_DEADLINE: Duration = Duration::from_secs(60);
/// The longest request id that is sent on, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Is told of every call, for statistics.
pub trait CallObserver: Send + Sync {
    /// A request to the target has ended, however it ended; `took` is the time from sending the request to the head
    /// of the answer. A call that is tried again is told of each time.
    fn called(&self, took: Duration);
}

/// Calls one service on behalf of sessions.
///
/// ```no_run
/// # async fn example(tokens: shared::client::token_cache::TokenCache) -> Result<(), Box<dyn std::error::Error>> {
/// use shared::client::{ServiceClient, Target, http::{Timeouts, http_client}};
///
/// let target = Target::new("https://order-service".parse()?, "order-service", "order:read".parse()?);
/// let orders = ServiceClient::new(http_client(Timeouts::default())?, tokens, target);
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
    /// What is asked for without a session; with one it differs in nothing else.
    request: TokenRequest,
    budgets: Arc<RetryBudgets>,
    clock: SystemClock,
    observer: Option<Arc<dyn CallObserver>>,
}

impl ServiceClient {
    /// A client for this target. `http` follows no redirects, as [`http::http_client`] makes it.
    #[must_use]
    pub fn new(http: reqwest::Client, tokens: TokenCache, target: Target) -> Self {
        let request = TokenRequest::new(target.audience(), target.scope().clone(), None);
        let (budgets, clock) = (Arc::default(), SystemClock::new());
        let inner = Inner { http, tokens, target, request, budgets, clock, observer: None };
        Self { inner: Arc::new(inner) }
    }

    /// The same client with an observer.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn CallObserver>) -> Self {
        let Inner { http, tokens, target, request, budgets, clock, .. } = &*self.inner;
        let inner = Inner {
            http: http.clone(),
            tokens: tokens.clone(),
            target: target.clone(),
            request: request.clone(),
            budgets: Arc::clone(budgets),
            clock: clock.clone(),
            observer: Some(observer),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Calls on behalf of this session: each gets a token that carries it. Make it once for a session and use it for
    /// all its calls: what they have in common is prepared here.
    #[must_use]
    pub fn with_session(&self, session: &Session) -> SessionClient {
        self.caller(self.inner.request.for_session(Some(session.clone())))
    }

    /// Calls on behalf of whoever has this token, by exchanging it (RFC 8693) for one that is for this target: session and
    /// `sid` stay, `act` says that we are acting. `session` is the one that the token carries. For what is done after the
    /// request has been answered; inside of it there is [`ServiceClient::by_exchange`].
    #[must_use]
    pub fn with_subject(&self, subject: &AccessToken, session: &Session) -> SessionClient {
        self.caller(self.inner.request.for_subject(subject.clone(), Some(session.clone())))
    }

    /// Fetches the tokens for these sessions before they are needed, by one request for each thousand where the server knows
    /// how; see [`TokenCache::prefetch`]. It takes a minute at most. Calls do without it; they only wait for their token then.
    ///
    /// # Errors
    /// As [`TokenCache::prefetch`].
    pub async fn prefetch(
        &self,
        sessions: impl IntoIterator<Item = Session>,
    ) -> Result<Prefetched, TokenFetchError> {
        let own = &self.inner.request;
        let requests = sessions.into_iter().map(|session| own.for_session(Some(session)));
        self.inner.tokens.prefetch(requests, PREFETCH_DEADLINE).await
    }

    /// Calls on the client's own behalf: its tokens carry no session.
    #[must_use]
    pub fn without_session(&self) -> SessionClient {
        self.caller(self.inner.request.clone())
    }

    fn caller(&self, request: TokenRequest) -> SessionClient {
        let inner = Arc::clone(&self.inner);
        SessionClient {
            inner,
            request,
            trace: TraceContext::start(),
            within: false,
            request_id: None,
        }
    }
}

impl fmt::Debug for ServiceClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ServiceClient({})", self.inner.target.base_url())
    }
}

/// A [`ServiceClient`] bound to one session.
#[derive(Clone)]
pub struct SessionClient {
    inner: Arc<Inner>,
    request: TokenRequest,
    trace: TraceContext,
    within: bool,
    request_id: Option<HeaderValue>,
}

impl SessionClient {
    /// The same client within this trace: `traceparent` names it and a span of its own for each request. Without this they
    /// are part of the [`Activity`] during which they are made; outside of any they begin a trace.
    #[must_use]
    pub fn within(mut self, trace: TraceContext) -> Self {
        (self.trace, self.within) = (trace, true);
        self
    }

    /// The trace that a call belongs to which is made just now.
    fn trace_now(&self) -> TraceContext {
        let said = self.within.then_some(self.trace);
        said.or_else(|| Activity::with_current(Activity::trace)).unwrap_or(self.trace)
    }

    /// The same client with this `X-Request-Id`. One that is not 1 to 128 visible ASCII characters is not sent. Without
    /// one nothing is sent: the service makes one up, and the trace tells what belongs together.
    #[must_use]
    pub fn with_request_id(mut self, id: &str) -> Self {
        let sound = (1..=MAX_REQUEST_ID_BYTES).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_graphic());
        self.request_id = HeaderValue::from_str(id).ok().filter(|_| sound);
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

    /// A call of an absolute URL, for example the link to the next page. It fails before anything is sent when the
    /// origin of the URL is neither that of the target's root nor one that has been added by [`Target::also`].
    #[must_use]
    pub fn call_url(&self, method: Method, url: Url) -> Call {
        let url = self.inner.target.permitted(url);
        Call::new(self.clone(), url.map(|url| self.inner.http.request(method, url)))
    }
}

impl fmt::Debug for SessionClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SessionClient({:?})", self.request.session())
    }
}
