//! The same middleware and guards as layers for tower: [`SessionLayer`] finds out who is calling, [`RequireLayer`]
//! refuses. For axum, and whatever else takes `http` requests.
//!
//! A request whose content type is gRPC's is refused in gRPC's words: `grpc-status` 16, 7 or 14 in an answer of headers
//! alone. With the feature `axum`, [`Session`](crate::Session), [`MaybeSession`](extract::MaybeSession) and [`Identity`]
//! are arguments of handlers.

mod answer;
#[cfg(feature = "axum")]
pub mod extract;
mod head;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub use answer::AnswerBody;
use answer::{Asked, refuse};

use crate::identity::Identity;
use crate::policy::Policy;
use crate::refusal::{Reason, Refusal};
use crate::session_source::{Found, SessionSource, bearer_text, is_preflight};

/// Finds out who is calling, as [`SessionMiddleware`](crate::SessionMiddleware) does: the [`Identity`] is put into the
/// request's extensions, a bad token is answered 401 on every route, and headers that claim a session are taken out.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    source: Arc<SessionSource>,
}

impl SessionLayer {
    /// A layer that accepts what this verifier accepts, or what this [`SessionSource`] does.
    #[must_use]
    pub fn new(source: impl Into<SessionSource>) -> Self {
        Self { source: Arc::new(source.into()) }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, service: S) -> SessionService<S> {
        SessionService { service, source: Arc::clone(&self.source) }
    }
}

/// The service that [`SessionLayer`] makes.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    service: S,
    source: Arc<SessionSource>,
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Body + 'static,
{
    type Response = Response<AnswerBody<R>>;
    type Error = S::Error;
    type Future = SessionAnswer<S::Future, R, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let found = self.source.identify_now(&request);
        let asked = Asked::of(&request);
        for name in self.source.claiming_headers(&request) {
            request.headers_mut().remove(name);
        }
        let source = Arc::clone(&self.source);
        match found {
            Found::Now(Ok(identity)) => {
                request.extensions_mut().insert(identity);
                SessionAnswer::Inner { future: self.service.call(request), source }
            }
            Found::Now(Err(refusal)) => {
                source.count(refusal.reason());
                SessionAnswer::Refused { answer: Some(refuse(&refusal, &asked)) }
            }
            Found::AfterFetch => {
                // The one that is ready is taken along; what stays behind has to become ready first.
                let fresh = self.service.clone();
                let service = std::mem::replace(&mut self.service, fresh);
                let waiting = after_fetch(service, source, (request, asked));
                SessionAnswer::Waiting { future: Box::pin(waiting) }
            }
        }
    }
}

/// The rare way: the issuer's keys have to be asked for first.
async fn after_fetch<S, B, R>(
    mut service: S,
    source: Arc<SessionSource>,
    (mut request, asked): (Request<B>, Asked),
) -> Result<Response<AnswerBody<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    let token = bearer_text(&request);
    match source.identify_after_fetch(&token).await {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            let answer = service.call(request).await?;
            Ok(counted(answer, &source))
        }
        Err(refusal) => {
            source.count(refusal.reason());
            Ok(refuse(&refusal, &asked))
        }
    }
}

/// What a guard has refused is counted here, too.
fn counted<R>(answer: Response<R>, source: &SessionSource) -> Response<AnswerBody<R>> {
    if let Some(reason) = answer.extensions().get::<Reason>() {
        source.count(*reason);
    }
    answer.map(AnswerBody::Right)
}

type Waiting<R, E> =
    Pin<Box<dyn Future<Output = Result<Response<AnswerBody<R>>, E>> + Send + 'static>>;

pin_project! {
    /// The answer of [`SessionService`].
    #[project = SessionAnswerState]
    #[expect(missing_docs, reason = "what the future holds is its own affair")]
    pub enum SessionAnswer<F, R, E> {
        /// The caller is not let in.
        Refused { answer: Option<Response<AnswerBody<R>>> },
        /// It is known who calls; the inner service answers.
        Inner { #[pin] future: F, source: Arc<SessionSource> },
        /// The issuer's keys are being fetched.
        Waiting { future: Waiting<R, E> },
    }
}

impl<F, R, E> Future for SessionAnswer<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<AnswerBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            SessionAnswerState::Inner { future, source } => {
                let answer = ready!(future.poll(context))?;
                Poll::Ready(Ok(counted(answer, source)))
            }
            SessionAnswerState::Refused { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                None => Poll::Pending,
            },
            SessionAnswerState::Waiting { future } => future.as_mut().poll(context),
        }
    }
}

/// Holds callers to a [`Policy`]; stands inside of [`SessionLayer`].
///
/// A CORS preflight is a request like any other, and comes without credentials: put what answers it around the guard, or
/// see [`RequireLayer::passing_preflights`].
#[derive(Clone, Debug)]
pub struct RequireLayer {
    policy: Arc<Policy>,
    passes_preflights: bool,
}

impl RequireLayer {
    /// Lets in whom the policy admits.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy), passes_preflights: false }
    }

    /// Lets CORS preflights through (`OPTIONS` with `Origin` and `Access-Control-Request-Method`), for what answers them
    /// behind the guard. Anybody can send one: whatever behind it answers `OPTIONS`, answers everybody.
    #[must_use]
    pub fn passing_preflights(self) -> Self {
        Self { passes_preflights: true, ..self }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, service: S) -> RequireService<S> {
        RequireService { service, guard: self.clone() }
    }
}

/// The service that [`RequireLayer`] makes.
#[derive(Clone, Debug)]
pub struct RequireService<S> {
    service: S,
    guard: RequireLayer,
}

impl<S, B, R> Service<Request<B>> for RequireService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<AnswerBody<R>>;
    type Error = S::Error;
    type Future = RequireAnswer<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let passes = self.guard.passes_preflights && is_preflight(&request);
        let verdict = if passes { Ok(()) } else { check(&request, &self.guard.policy) };
        match verdict {
            Ok(()) => RequireAnswer::Inner { future: self.service.call(request) },
            Err(refusal) => {
                let answer = refuse(&refusal, &Asked::of(&request));
                RequireAnswer::Refused { answer: Some(answer) }
            }
        }
    }
}

/// Without a [`SessionLayer`] around it nobody is known, so nobody who has to be is let in.
fn check<B>(request: &Request<B>, policy: &Policy) -> Result<(), Refusal> {
    let identity = request.extensions().get::<Identity>();
    policy.check(identity.unwrap_or(&Identity::Anonymous))
}

pin_project! {
    /// The answer of [`RequireService`].
    #[project = RequireAnswerState]
    #[expect(missing_docs, reason = "what the future holds is its own affair")]
    pub enum RequireAnswer<F, R> {
        /// The caller is not let in.
        Refused { answer: Option<Response<AnswerBody<R>>> },
        /// The inner service answers.
        Inner { #[pin] future: F },
    }
}

impl<F, R, E> Future for RequireAnswer<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<AnswerBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            RequireAnswerState::Inner { future } => {
                Poll::Ready(Ok(ready!(future.poll(context))?.map(AnswerBody::Right)))
            }
            RequireAnswerState::Refused { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                None => Poll::Pending,
            },
        }
    }
}
