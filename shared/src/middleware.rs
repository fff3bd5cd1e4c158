//! [`SessionMiddleware`]: finds out who is calling. It never demands a session; the guard does.

use std::borrow::Cow;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready as done};

use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderName};
use actix_web::{Error, HttpMessage};
use futures_util::future::LocalBoxFuture;
use pin_project_lite::pin_project;

use crate::refusal::Refusal;
use crate::reply::ApiError;
use crate::session_source::{Found, RequestHead, SessionSource, bearer_text};
use crate::trace::Activity;

/// Takes the token out of `Authorization: Bearer`, verifies it, and hands on whose session it carries.
///
/// A request without a token passes as anonymous. A token that is there but bad is answered 401 on every route,
/// public ones too: it is never silently anonymous. While the issuer's keys cannot be had, the answer is 503
/// with `Retry-After`, since a 401 would make the caller throw a good token away.
///
/// Headers that claim a session (`X-Session`, `X-User-Id` and the like, in any spelling) do not reach a handler.
///
/// ```
/// use actix_web::App;
/// use shared::{SessionMiddleware, TokenVerifier};
///
/// fn app(verifier: TokenVerifier) {
///     App::new().wrap(SessionMiddleware::new(verifier));
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SessionMiddleware {
    /// None where a service finds out by itself who calls, as at the OAuth endpoints: everything passes.
    source: Option<SessionSource>,
}

impl SessionMiddleware {
    /// A middleware that accepts what this verifier accepts, or what this [`SessionSource`] does.
    #[must_use]
    pub fn new(source: impl Into<SessionSource>) -> Self {
        Self { source: Some(source.into()) }
    }

    pub(crate) fn maybe(source: Option<SessionSource>) -> Self {
        Self { source }
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = SessionService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let source = self.source.clone().map(Rc::new);
        ready(Ok(SessionService { service: Rc::new(service), source }))
    }
}

/// The service that [`SessionMiddleware`] wraps around an app or a scope.
#[derive(Debug)]
pub struct SessionService<S> {
    service: Rc<S>,
    source: Option<Rc<SessionSource>>,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Answer<S::Future, B>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let Some(source) = &self.source else {
            return Answer::Inner { future: self.service.call(request), source: None };
        };
        let found = source.identify_now(&request);
        drop_claiming_headers(&mut request, source);
        let source = Rc::clone(source);
        match found {
            Found::Now(Ok(identity)) => {
                Activity::with_current(|activity| activity.identified(&identity));
                request.extensions_mut().insert(identity);
                Answer::Inner { future: self.service.call(request), source: Some(source) }
            }
            Found::Now(Err(refusal)) => {
                let refused = refused(request, refusal, &source);
                Answer::Refused { response: Some(Box::new(refused)) }
            }
            Found::AfterFetch => {
                let service = Rc::clone(&self.service);
                Answer::Waiting { future: Box::pin(after_fetch(service, source, request)) }
            }
        }
    }
}

/// The rare way: the issuer's keys have to be asked for first.
async fn after_fetch<S, B>(
    service: Rc<S>,
    source: Rc<SessionSource>,
    request: ServiceRequest,
) -> Result<ServiceResponse<EitherBody<B>>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
{
    let token = bearer_text(&request);
    match source.identify_after_fetch(&token).await {
        Ok(identity) => {
            Activity::with_current(|activity| activity.identified(&identity));
            request.extensions_mut().insert(identity);
            let answer = service.call(request).await?;
            Ok(counted(answer, &source))
        }
        Err(refusal) => Ok(refused(request, refusal, &source)),
    }
}

fn drop_claiming_headers(request: &mut ServiceRequest, source: &SessionSource) {
    for name in source.claiming_headers(request) {
        if let Ok(name) = HeaderName::try_from(name) {
            request.headers_mut().remove(name);
        }
    }
}

fn refused<B>(
    request: ServiceRequest,
    refusal: Refusal,
    source: &SessionSource,
) -> ServiceResponse<EitherBody<B>> {
    source.count(refusal.reason());
    request.error_response(ApiError::from(refusal)).map_into_right_body()
}

/// What a guard or an extractor has refused is counted here, too.
fn counted<B>(
    answer: ServiceResponse<B>,
    source: &SessionSource,
) -> ServiceResponse<EitherBody<B>> {
    use StatusCode as Status;
    let refusing = [Status::UNAUTHORIZED, Status::FORBIDDEN, Status::SERVICE_UNAVAILABLE];
    if refusing.contains(&answer.status()) {
        let reason = answer.response().extensions().get::<ApiError>().and_then(ApiError::refused);
        if let Some(reason) = reason {
            source.count(reason);
        }
    }
    answer.map_into_left_body()
}

pin_project! {
    /// The answer of [`SessionService`]: mostly the inner service's own, without a box around it.
    #[project = AnswerState]
    #[expect(missing_docs, reason = "what the future holds is its own affair")]
    pub enum Answer<F, B> {
        /// The caller is not let in. Boxed: what is rare must not make the future of every request larger.
        Refused { response: Option<Box<ServiceResponse<EitherBody<B>>>> },
        /// It is known who calls; the inner service answers.
        Inner { #[pin] future: F, source: Option<Rc<SessionSource>> },
        /// The issuer's keys are being fetched.
        Waiting { future: LocalBoxFuture<'static, Result<ServiceResponse<EitherBody<B>>, Error>> },
    }
}

impl<F, B> Future for Answer<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnswerState::Inner { future, source } => {
                let answer = done!(future.poll(context))?;
                Poll::Ready(Ok(match source {
                    Some(source) => counted(answer, source),
                    None => answer.map_into_left_body(),
                }))
            }
            AnswerState::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(*response)),
                None => Poll::Pending,
            },
            AnswerState::Waiting { future } => future.as_mut().poll(context),
        }
    }
}

impl RequestHead for ServiceRequest {
    fn authorizations(&self) -> impl Iterator<Item = &[u8]> {
        self.headers().get_all(AUTHORIZATION).map(|value| value.as_bytes())
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.headers().get_all(name).map(|value| value.as_bytes())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.headers().keys().map(HeaderName::as_str)
    }

    fn query(&self) -> &str {
        self.query_string()
    }

    fn method(&self) -> &str {
        ServiceRequest::method(self).as_str()
    }

    fn target(&self) -> Cow<'_, str> {
        let target = self.uri().path_and_query();
        Cow::Borrowed(target.map_or("/", |target| target.as_str()))
    }
}
