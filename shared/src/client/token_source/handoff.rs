//! What is said when a session is handed on, and what is answered.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::scopes::Scopes;
use crate::token::AccessToken;

/// A session that is to be handed on. [`ServiceClient::hand_off`](crate::ServiceClient::hand_off) makes one of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandOffRequest {
    /// The token that was received, with the session in it.
    pub subject: AccessToken,
    /// What it is handed on for, as it is declared for this client.
    pub purpose: String,
    /// The client that may use it.
    pub executor: String,
    /// The services that its tokens may be for. Empty: all that may be.
    pub resources: BTreeSet<String>,
    /// What its tokens may be used for. None: all that may be.
    pub scope: Option<Scopes>,
    /// How often it may be used. None: once.
    pub max_uses: Option<u32>,
    /// From when on. None: from now on.
    pub not_before: Option<Timestamp>,
    /// Until when. None: as long as may be.
    pub not_after: Option<Timestamp>,
    /// Whether it goes on when the user logs out.
    pub outlives_logout: bool,
}

impl HandOffRequest {
    /// Once, from now on, as widely as both clients are allowed to.
    #[must_use]
    pub fn new(subject: AccessToken, purpose: &str, executor: &str) -> Self {
        Self {
            subject,
            purpose: purpose.to_owned(),
            executor: executor.to_owned(),
            resources: BTreeSet::new(),
            scope: None,
            max_uses: None,
            not_before: None,
            not_after: None,
            outlives_logout: false,
        }
    }
}

/// What was handed on: the right of one client to act in a session later on.
///
/// It is no secret. It can be written into a row, a queue or a log: only the executor can use it, with the proof of who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handoff {
    /// What the executor is given.
    pub id: String,
    /// The services that its tokens may be for.
    pub resources: BTreeSet<String>,
    /// What its tokens may be used for.
    pub scope: Scopes,
    /// How often it may be used.
    pub max_uses: u32,
    /// From when on, to the second.
    pub not_before: Timestamp,
    /// Until when, to the second; never later than the login's own end.
    pub not_after: Timestamp,
}

/// Why what was handed on gives no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandoffRefusal {
    /// It has ended before its time.
    #[error("the handoff has ended: {by}")]
    Ended {
        /// By what: `LOGOUT`, `PASSWORD_CHANGED`, `USER`, `HANDED_ON_BY`, `EXECUTOR`, `OPERATOR` and others.
        by: String,
    },
    /// Its time is over.
    #[error("the handoff has expired")]
    Expired,
    /// It has been used as often as it may be.
    #[error("the handoff is used up")]
    UsedUp,
    /// There is none of this id, or it is for another client: it is not said which.
    #[error("the handoff is not for this client")]
    NotYours,
    /// Its time has not come.
    #[error("the handoff is not good yet")]
    NotYet,
    /// The two clients are not both declared for this any more. It may be so again: it is a matter of what is declared, not of
    /// what was handed on.
    #[error("what is declared for the clients does not allow for the handoff")]
    NotAllowed,
    /// It does not hold what is asked for.
    #[error("the handoff does not hold this: {0}")]
    Beyond(String),
}

impl HandoffRefusal {
    /// Whether nobody will ever get a token by it again: it has ended, expired, or is used up.
    #[must_use]
    pub fn is_for_good(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Expired | Self::UsedUp)
    }

    /// By the word of the server (`handoff_refusal`), and what it says beside it.
    pub(super) fn of(word: &str, (ended_by, description): (Option<&str>, &str)) -> Self {
        match word {
            "ended" => Self::Ended { by: ended_by.unwrap_or("UNKNOWN").to_owned() },
            "expired" => Self::Expired,
            "used_up" => Self::UsedUp,
            "not_yours" => Self::NotYours,
            "not_yet" => Self::NotYet,
            "not_allowed" => Self::NotAllowed,
            _ => Self::Beyond(description.to_owned()),
        }
    }

    /// The word for it, to be kept with a job that is closed for this reason: `ended`, `expired`, `used_up`, `not_yours`,
    /// `not_yet`, `not_allowed`, `beyond`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ended { .. } => "ended",
            Self::Expired => "expired",
            Self::UsedUp => "used_up",
            Self::NotYours => "not_yours",
            Self::NotYet => "not_yet",
            Self::NotAllowed => "not_allowed",
            Self::Beyond(_) => "beyond",
        }
    }
}

/// How long it may take to hand on, to redeem or to end, from connecting to the last byte.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
