//! [`Session`], [`MaybeSession`] and [`Caller`] as arguments of handlers.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde_json::{Value, json};

use crate::identity::Identity;
use crate::refusal::{Reason, Refusal};
use crate::reply::{ApiError, ApiResponse};
use crate::session::Session;
use crate::token::Claims;
use crate::token::verifier::VerifiedToken;

/// Who is calling, for a handler that serves strangers, too. (There is no `Option<Session>`: actix turns every
/// error of an extractor into `None`.)
///
/// ```
/// use shared::MaybeSession;
///
/// async fn greet(caller: MaybeSession) -> String {
///     match caller {
///         MaybeSession::Known(session) => format!("hello, user {}", session.user_id()),
///         MaybeSession::Anonymous => "hello".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaybeSession {
    /// No token, or a token without a session.
    Anonymous,
    /// A verified session.
    Known(Session),
}

impl MaybeSession {
    /// The session, if there is one.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Known(session) => Some(session),
            Self::Anonymous => None,
        }
    }
}

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
        let known = |identity: &Identity| identity.session().map_or(Self::Anonymous, Self::Known);
        ready(with_identity(request, known))
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
