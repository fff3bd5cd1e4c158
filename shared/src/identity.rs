//! [`Identity`]: who is calling, as far as it has been found out; [`MaybeSession`]: what of it most handlers need.

use crate::session::Session;
use crate::token::Claims;
use crate::token::verifier::VerifiedToken;

/// Who is calling. Cloning one is cheap.
#[derive(Clone, Debug)]
pub enum Identity {
    /// No credentials came.
    Anonymous,
    /// A verified token, with a session or without.
    Token(VerifiedToken),
    /// A session that a gateway of ours vouches for; there is no token.
    Gateway(Session),
}

impl Identity {
    /// The caller's session, marked as loaded when this request came.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        match self {
            Self::Anonymous => None,
            Self::Token(token) => token.session(),
            Self::Gateway(session) => Some(session.clone()),
        }
    }

    /// What the caller's token says.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Token(token) => Some(token.claims()),
            Self::Anonymous | Self::Gateway(_) => None,
        }
    }

    /// The same session, without the mark.
    pub(crate) fn session_ref(&self) -> Option<&Session> {
        match self {
            Self::Anonymous => None,
            Self::Token(token) => token.claims().session.as_ref(),
            Self::Gateway(session) => Some(session),
        }
    }
}

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

impl From<&Identity> for MaybeSession {
    fn from(identity: &Identity) -> Self {
        identity.session().map_or(Self::Anonymous, Self::Known)
    }
}
