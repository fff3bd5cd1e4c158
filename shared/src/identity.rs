//! [`Identity`]: who is calling, as far as it has been found out.

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
