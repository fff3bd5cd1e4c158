//! The guards: they refuse. [`require_session`], [`require_scope`] and [`require_role`] go around a scope, a resource
//! or one route.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::{Error, HttpMessage};
use futures_util::TryFutureExt;
use futures_util::future::{Either, MapOk};

use crate::identity::Identity;
use crate::policy::Policy;
use crate::reply::ApiError;
use crate::session_source::is_preflight;

/// Refuses whoever comes without a session: 401 A001.
///
/// ```
/// use actix_web::{App, web};
/// use shared::require_session;
///
/// async fn list_orders(session: shared::Session) -> String {
///     session.as_json().to_owned()
/// }
///
/// // Around a scope: all its routes. `web::get().to(..).wrap(..)` is the same around one route.
/// App::new().service(
///     web::scope("/api/orders").wrap(require_session()).route("", web::get().to(list_orders)),
/// );
/// ```
#[must_use]
pub fn require_session() -> Require {
    Require::new(Policy::SESSION)
}

/// Refuses a token without this scope: 403 A005; no token at all: 401 A001 (RFC 6750 section 3.1).
/// It does not ask for a session: put [`require_session`] around it where one is needed.
///
/// ```
/// use actix_web::{App, web};
/// use shared::require_scope;
///
/// async fn settle() -> &'static str {
///     "settled"
/// }
///
/// App::new().route("/settle", web::post().to(settle).wrap(require_scope("order:settle")));
/// ```
#[must_use]
pub fn require_scope(scope: &'static str) -> Require {
    Require::new(Policy::scope(scope))
}

/// Refuses a session without this role: 403 A014; no session at all: 401 A001.
#[must_use]
pub fn require_role(role: &'static str) -> Require {
    Require::new(Policy::role(role))
}

/// The guard that holds callers to a [`Policy`].
///
/// A CORS preflight is a request like any other, and comes without credentials: put what answers it around the guard, or
/// see [`Require::passing_preflights`].
#[derive(Clone, Debug)]
pub struct Require {
    policy: Policy,
    passes_preflights: bool,
}

impl Require {
    /// Lets in whom the policy admits.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, passes_preflights: false }
    }

    /// Lets CORS preflights through (`OPTIONS` with `Origin` and `Access-Control-Request-Method`), for what answers them
    /// behind the guard. Anybody can send one: whatever behind it answers `OPTIONS`, answers everybody.
    #[must_use]
    pub fn passing_preflights(self) -> Self {
        Self { passes_preflights: true, ..self }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Require
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = RequireService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RequireService { service, guard: Rc::new(self.clone()) }))
    }
}

/// The service that [`Require`] wraps around a scope, a resource or a route.
#[derive(Debug)]
pub struct RequireService<S> {
    service: S,
    guard: Rc<Require>,
}

type LeftBody<B> = fn(ServiceResponse<B>) -> ServiceResponse<EitherBody<B>>;

impl<S, B> Service<ServiceRequest> for RequireService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<Ready<Result<Self::Response, Error>>, MapOk<S::Future, LeftBody<B>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let passes = self.guard.passes_preflights && is_preflight(&request);
        let verdict = if passes { Ok(()) } else { check(&request, &self.guard.policy) };
        match verdict {
            Ok(()) => {
                let left: LeftBody<B> = ServiceResponse::map_into_left_body;
                Either::Right(self.service.call(request).map_ok(left))
            }
            Err(refusal) => {
                Either::Left(ready(Ok(request.error_response(refusal).map_into_right_body())))
            }
        }
    }
}

/// Lets the caller in, or says why not.
pub(crate) fn check(request: &ServiceRequest, policy: &Policy) -> Result<(), ApiError> {
    if policy.admits_strangers() {
        return Ok(());
    }
    let extensions = request.extensions();
    let Some(identity) = extensions.get::<Identity>() else {
        return Err(ApiError::unexpected("SessionMiddleware is not installed on this app"));
    };
    Ok(policy.check(identity)?)
}
