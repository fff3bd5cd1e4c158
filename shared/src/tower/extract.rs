//! [`Session`], [`MaybeSession`] and [`Identity`] as arguments of axum's handlers.

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::Request;
use http::request::Parts;

use crate::identity::Identity;
use crate::refusal::{Reason, Refusal};
use crate::session::Session;
use crate::tower::answer::{Asked, refuse};

/// Who is calling, for a handler that serves strangers, too.
pub use crate::identity::MaybeSession;

/// A handler could not be given what it asks for: there is no session.
pub struct Rejection(Response);

impl Rejection {
    fn of(parts: &Parts, reason: Reason) -> Self {
        let mut request = Request::new(());
        request.headers_mut().clone_from(&parts.headers);
        let answer = refuse::<Body>(&Refusal::because(reason), &Asked::of(&request));
        Self(answer.map(Body::new))
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0
    }
}

impl std::fmt::Debug for Rejection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rejection({})", self.0.status())
    }
}

fn identity(parts: &Parts) -> Identity {
    parts.extensions.get().cloned().unwrap_or(Identity::Anonymous)
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        identity(parts).session().ok_or_else(|| Rejection::of(parts, Reason::NoSession))
    }
}

impl<S: Sync> FromRequestParts<S> for MaybeSession {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(MaybeSession::from(&identity(parts)))
    }
}

impl<S: Sync> FromRequestParts<S> for Identity {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(identity(parts))
    }
}
