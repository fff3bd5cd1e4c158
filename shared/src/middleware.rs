//! [`SessionMiddleware`]: finds out who is calling. It never demands a session; the guard does.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::AUTHORIZATION;
use actix_web::{Error, HttpMessage};
use futures_util::future::LocalBoxFuture;

use crate::reply::{ApiError, codes};
use crate::token::verifier::TokenVerifier;
use crate::token::{Claims, TokenError};

/// How soon a caller may come back while the issuer's keys are away, in seconds.
const KEYS_RETRY_AFTER_S: u64 = 2;

/// Who is calling, as the middleware found out; it is in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    Anonymous,
    Verified(Arc<Claims>),
}

/// Takes the token out of `Authorization: Bearer`, verifies it, and hands on whose session it carries.
///
/// A request without a token passes as anonymous. A token that is there but bad is answered 401 on every route,
/// public ones too: it is never silently anonymous. While the issuer's keys cannot be had, the answer is 503
/// with `Retry-After`, since a 401 would make the caller throw a good token away.
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
    verifier: Option<TokenVerifier>,
}

impl SessionMiddleware {
    /// A middleware that accepts what this verifier accepts.
    #[must_use]
    pub fn new(verifier: TokenVerifier) -> Self {
        Self { verifier: Some(verifier) }
    }

    pub(crate) fn maybe(verifier: Option<TokenVerifier>) -> Self {
        Self { verifier }
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
        ready(Ok(SessionService { service: Rc::new(service), verifier: self.verifier.clone() }))
    }
}

/// The service that [`SessionMiddleware`] wraps around an app or a scope.
#[derive(Debug)]
pub struct SessionService<S> {
    service: Rc<S>,
    verifier: Option<TokenVerifier>,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let service = Rc::clone(&self.service);
        let verifier = self.verifier.clone();
        Box::pin(async move {
            if let Some(verifier) = verifier {
                match identify(&request, &verifier).await {
                    Ok(identity) => request.extensions_mut().insert(identity),
                    Err(refusal) => {
                        return Ok(request.error_response(refusal).map_into_right_body());
                    }
                };
            }
            service.call(request).await.map(ServiceResponse::map_into_left_body)
        })
    }
}

async fn identify(
    request: &ServiceRequest,
    verifier: &TokenVerifier,
) -> Result<Identity, ApiError> {
    if has_token_in_query(request.query_string()) {
        // RFC 6750 section 2.3 and RFC 9700 section 4.3.2: it is in somebody's log by now.
        return Err(session_required().because("token in the query"));
    }
    let Some(token) = bearer(request)? else { return Ok(Identity::Anonymous) };
    match verifier.verify(token).await {
        Ok(claims) => Ok(Identity::Verified(Arc::new(claims))),
        Err(error) => Err(refusal(&error)),
    }
}

fn has_token_in_query(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
}

/// The token of the one `Authorization` header. Anything in that header but one bearer token is refused.
fn bearer(request: &ServiceRequest) -> Result<Option<&str>, ApiError> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(token_invalid("two Authorization headers"));
    }
    let text = header.to_str().map_err(|_| token_invalid("Authorization is not ASCII"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && is_b64token(token) => {
            Ok(Some(token))
        }
        _ => Err(token_invalid("Authorization is not one bearer token")),
    }
}

/// The grammar of RFC 6750 section 2.1.
fn is_b64token(token: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    !token.is_empty() && token.bytes().all(allowed)
}

fn refusal(error: &TokenError) -> ApiError {
    let because = format!("{}: {error}", error.reason());
    match error {
        TokenError::KeysUnavailable(_) => ApiError::unavailable(KEYS_RETRY_AFTER_S, because),
        TokenError::Expired { .. } => bad_token(&codes::TOKEN_EXPIRED, "expired").because(because),
        TokenError::Revoked => bad_token(&codes::TOKEN_REVOKED, "revoked").because(because),
        _ => token_invalid(because),
    }
}

fn token_invalid(because: impl std::fmt::Display) -> ApiError {
    bad_token(&codes::TOKEN_INVALID, "not valid").because(because)
}

/// The challenge says no more than that: which check failed is for the log.
fn bad_token(code: &'static crate::reply::ErrorCode, what: &str) -> ApiError {
    let challenge =
        format!(r#"Bearer error="invalid_token", error_description="the token is {what}""#);
    ApiError::new(code).with_challenge(challenge)
}

/// No credentials: a bare challenge, without an error (RFC 6750 section 3.1).
pub(crate) fn session_required() -> ApiError {
    ApiError::new(&codes::SESSION_REQUIRED).with_challenge("Bearer")
}
