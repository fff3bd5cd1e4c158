//! [`Session`], [`MaybeSession`] and [`Caller`] as arguments of handlers.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde_json::{Value, json};

use crate::middleware::{Identity, session_required};
use crate::reply::{ApiError, ApiResponse};
use crate::session::Session;
use crate::token::Claims;

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
pub struct Caller(Arc<Claims>);

impl Caller {
    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0
    }
}

pub(crate) fn identity(request: &HttpRequest) -> Result<Identity, ApiError> {
    let found = request.extensions().get::<Identity>().cloned();
    found.ok_or_else(|| ApiError::unexpected("SessionMiddleware is not installed on this app"))
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(identity(request).and_then(|identity| match identity {
            Identity::Verified(claims) => Ok(Self(claims)),
            Identity::Anonymous => Err(session_required()),
        }))
    }
}

impl FromRequest for MaybeSession {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(identity(request).map(|identity| match identity {
            Identity::Verified(claims) => {
                claims.session.clone().map_or(Self::Anonymous, Self::Known)
            }
            Identity::Anonymous => Self::Anonymous,
        }))
    }
}

impl FromRequest for Session {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = MaybeSession::from_request(request, payload).into_inner();
        ready(caller.and_then(|caller| match caller {
            MaybeSession::Known(session) => Ok(session),
            MaybeSession::Anonymous => Err(session_required()),
        }))
    }
}

/// A handler that shows the session as this service sees it, with the moment at which it was loaded here
/// (`doDT`). For `GET /api/session`.
pub async fn show_session(session: Session) -> ApiResponse<Value> {
    let mut shown = json!(session);
    shown["doDT"] = json!(session.do_dt());
    ApiResponse::ok(shown)
}
