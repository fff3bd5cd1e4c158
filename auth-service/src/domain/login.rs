//! A login: a person at a device, from signing in to signing out; and what a refresh token of it is worth.

use serde::{Deserialize, Serialize};
use shared::{Session, Timestamp, UserId};
use uuid::Uuid;

use crate::domain::person::Provider;
use crate::domain::refresh_token::{RefreshToken, SealedPair, TokenHash};

/// The longest user agent that is kept, in characters.
const MAX_USER_AGENT_CHARS: usize = 300;

/// From where somebody comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) user_agent: String,
    pub(crate) address: String,
}

impl Device {
    pub(crate) fn new(user_agent: &str, address: String) -> Self {
        let user_agent = user_agent.chars().filter(|character| !character.is_control());
        Self { user_agent: user_agent.take(MAX_USER_AGENT_CHARS).collect(), address }
    }
}

/// A login as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) sid: Uuid,
    pub(crate) user_id: UserId,
    pub(crate) session: Session,
    pub(crate) provider: Provider,
    pub(crate) device: Device,
    /// Of what he has proved who he is with.
    pub(crate) credentials_version: i64,
    pub(crate) began_at: Timestamp,
    /// `auth_time` of its tokens, in seconds since 1970: later than what was revoked before it began.
    pub(crate) auth_time_s: i64,
    pub(crate) used_at: Timestamp,
    /// It ends then at the latest, however much it is used.
    pub(crate) ends_at: Timestamp,
    /// It ends then, if it is not used before.
    pub(crate) idle_until: Timestamp,
    pub(crate) line: Line,
    pub(crate) ended: Option<EndedBy>,
}

/// Where the line of its refresh tokens stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Of the token that is good now.
    pub(crate) generation: u32,
    pub(crate) token_hash: TokenHash,
    /// What the token before was exchanged for, as long as that may be told again.
    pub(crate) parent: Option<Parent>,
}

/// The token before the one that is good now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) token_hash: TokenHash,
    pub(crate) exchanged_at: Timestamp,
    pub(crate) pair: Option<SealedPair>,
}

/// By what a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum EndedBy {
    /// The user himself, on this device or from another.
    Logout,
    /// A used refresh token came again.
    Reuse,
    /// One login more than the user may have.
    TooMany,
    PasswordChanged,
    PasswordReset,
    Withdrawn,
    /// An operator's order.
    Operator,
}

impl EndedBy {
    const ALL: [Self; 7] = [
        Self::Logout,
        Self::Reuse,
        Self::TooMany,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::Withdrawn,
        Self::Operator,
    ];

    /// As it is stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Logout => "LOGOUT",
            Self::Reuse => "REUSE",
            Self::TooMany => "TOO_MANY",
            Self::PasswordChanged => "PASSWORD_CHANGED",
            Self::PasswordReset => "PASSWORD_RESET",
            Self::Withdrawn => "WITHDRAWN",
            Self::Operator => "OPERATOR",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }
}

/// What a refresh token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It is the one that is good now.
    Current,
    /// It has been exchanged a moment ago: the same pair once more.
    Repeat(SealedPair),
    /// It was used up. Somebody has a copy.
    Reused,
    /// It is younger than what we know of the login: what we know is old.
    Unknown,
    /// The login is over.
    Over(Option<EndedBy>),
}

impl Login {
    pub(crate) fn is_live_at(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.ends_at && now < self.idle_until
    }

    /// Which it is goes by its place in the line, not by the clock. Only how long an exchange may be repeated is a matter of
    /// time, and counts from the exchange: repeating does not prolong it.
    pub(crate) fn worth(&self, token: &RefreshToken, (now, repeat_s): (Timestamp, u32)) -> Worth {
        if !self.is_live_at(now) {
            return Worth::Over(self.ended);
        }
        let (own, hash) = (self.line.generation, token.hash());
        if token.generation == own {
            return if hash == self.line.token_hash { Worth::Current } else { Worth::Unknown };
        }
        if token.generation > own {
            return Worth::Unknown;
        }
        let parent = self.line.parent.as_ref().filter(|_| token.generation + 1 == own);
        let parent = parent.filter(|parent| parent.may_be_repeated(&hash, (now, repeat_s)));
        parent.and_then(|parent| parent.pair.clone()).map_or(Worth::Reused, Worth::Repeat)
    }
}

impl Parent {
    fn may_be_repeated(&self, hash: &TokenHash, (now, repeat_s): (Timestamp, u32)) -> bool {
        let age = now.signed_duration_since(self.exchanged_at);
        *hash == self.token_hash && age.num_milliseconds() < i64::from(repeat_s) * 1000
    }
}

#[cfg(test)]
mod tests;
