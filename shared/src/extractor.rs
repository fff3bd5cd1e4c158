//! [`Session`], [`MaybeSession`] and [`Caller`] as arguments of handlers.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde_json::{Value, json};

use crate::identity::Identity;
pub use crate::identity::MaybeSession;
use crate::refusal::{Reason, Refusal};
use crate::reply::{ApiError, ApiResponse};
use crate::session::Session;
use crate::token::Claims;
use crate::token::verifier::VerifiedToken;

/// The verified claims of the caller's token, for a handler that has to know which client asks. There need
/// not be a session in them.
#[derive(Clone, Debug)]
pub struct Caller(VerifiedToken);

impl Caller {
    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        self.0.claims()
    }
}

fn with_identity<T>(
    request: &HttpRequest,
    look: impl FnOnce(&Identity) -> T,
) -> Result<T, ApiError> {
    let extensions = request.extensions();
    let found = extensions.get::<Identity>().map(look);
    found.ok_or_else(|| ApiError::unexpected("SessionMiddleware is not installed on this app"))
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(with_identity(request, Identity::clone).and_then(|identity| match identity {
            Identity::Token(token) => Ok(Self(token)),
            Identity::Anonymous | Identity::Gateway(_) => {
                Err(Refusal::because(Reason::NoToken).into())
            }
        }))
    }
}

impl FromRequest for MaybeSession {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(with_identity(request, |identity| Self::from(identity)))
    }
}

impl FromRequest for Session {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let session = with_identity(request, Identity::session);
        let missing = || Refusal::because(Reason::NoSession).into();
        ready(session.and_then(|session| session.ok_or_else(missing)))
    }
}

/// A handler that shows the session as this service sees it, with the moment at which it was loaded here
/// (`doDT`). For `GET /api/session`.
pub async fn show_session(session: Session) -> ApiResponse<Value> {
    let mut shown = json!(session);
    shown["doDT"] = json!(session.do_dt());
    ApiResponse::ok(shown)
}
