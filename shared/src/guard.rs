//! The guards: they refuse. [`require_session`] and [`require_scope`] go around a scope or around one route.

use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::middleware::Next;
use futures_util::future::LocalBoxFuture;

use crate::extractor::identity;
use crate::middleware::{Identity, session_required};
use crate::reply::{ApiError, codes};

/// Refuses whoever comes without a session: 401 A001.
///
/// ```
/// use actix_web::{App, middleware::from_fn, web};
/// use shared::require_session;
///
/// async fn list_orders(session: shared::Session) -> String {
///     session.as_json().to_owned()
/// }
///
/// // Around a scope: all its routes. `web::get().wrap(..)` is the same around one route.
/// App::new().service(
///     web::scope("/api/orders").wrap(from_fn(require_session)).route("", web::get().to(list_orders)),
/// );
/// ```
///
/// # Errors
/// None of its own; what the inner service fails with passes through.
pub async fn require_session<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let refusal = match identity(request.request()) {
        Ok(Identity::Verified(claims)) if claims.session.is_some() => None,
        Ok(_) => Some(session_required()),
        Err(error) => Some(error),
    };
    match refusal {
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Some(refusal) => Ok(request.error_response(refusal).map_into_right_body()),
    }
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
pub fn require_scope(scope: &'static str) -> RequireScope {
    RequireScope { scope }
}

/// The guard that [`require_scope`] makes.
#[derive(Clone, Copy, Debug)]
pub struct RequireScope {
    scope: &'static str,
}

impl RequireScope {
    fn check(self, request: &ServiceRequest) -> Result<(), ApiError> {
        match identity(request.request())? {
            Identity::Anonymous => Err(session_required()),
            Identity::Verified(claims) if claims.scope.contains(self.scope) => Ok(()),
            Identity::Verified(claims) => {
                let challenge =
                    format!(r#"Bearer error="insufficient_scope", scope="{}""#, self.scope);
                Err(ApiError::new(&codes::SCOPE_MISSING)
                    .with_challenge(challenge)
                    .because(format!("client {} lacks {}", claims.client_id, self.scope)))
            }
        }
    }
}

impl<S, B> Transform<S, ServiceRequest> for RequireScope
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = RequireScopeService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RequireScopeService { service, guard: *self }))
    }
}

/// The service that [`RequireScope`] wraps around a scope or a route.
#[derive(Debug)]
pub struct RequireScopeService<S> {
    service: S,
    guard: RequireScope,
}

impl<S, B> Service<ServiceRequest> for RequireScopeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if let Err(refusal) = self.guard.check(&request) {
            let response = request.error_response(refusal).map_into_right_body();
            return Box::pin(ready(Ok(response)));
        }
        let answer = self.service.call(request);
        Box::pin(async move { answer.await.map(ServiceResponse::map_into_left_body) })
    }
}
