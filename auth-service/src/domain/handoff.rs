//! [`Handoff`]: the right of one client to act in one session later on, for one purpose, so many times, until then. It is made
//! of a token that somebody has received, and of nothing else; whoever merely has its id can do nothing with it.

pub(crate) mod explain;
pub(crate) mod handing_on;
pub(crate) mod name;
pub(crate) mod redeeming;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use shared::{Claims, Scopes, Session, Timestamp};

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::client::ClientId;
use crate::domain::login::{EndedBy, Login};
use crate::domain::purpose::Purpose;
pub(crate) use name::{HandoffId, HandoffName, UseKey, UseLine};

/// A handoff, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Handoff {
    /// What it is called where its id is not known: in tokens, in the feed of revocations, for the user.
    pub(crate) name: HandoffName,
    pub(crate) purpose: Purpose,
    /// The client that has handed it on.
    pub(crate) handed_on_by: ClientId,
    /// The client that may use it.
    pub(crate) executor: ClientId,
    pub(crate) audiences: BTreeSet<String>,
    pub(crate) scope: Scopes,
    pub(crate) root: Root,
    /// The user's credentials when it was made: what was made with older ones ends when they change.
    pub(crate) credentials_version: i64,
    pub(crate) max_uses: u32,
    pub(crate) created_at: Timestamp,
    /// From when on it is good, and until when it is, in seconds since 1970.
    pub(crate) not_before_s: i64,
    pub(crate) not_after_s: i64,
    pub(crate) outlives_logout: bool,
    /// The request in which it was made, as its `traceparent`.
    pub(crate) trace: Option<String>,
    pub(crate) used: Used,
    pub(crate) ended: Option<(HandoffEnd, Timestamp)>,
}

/// On whose behalf, and of what it all came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Root {
    pub(crate) sub: String,
    pub(crate) session: Session,
    /// The login or root session.
    pub(crate) sid: String,
    /// When that began, in seconds since 1970.
    pub(crate) began_s: i64,
    /// Who has acted so far, the client that has handed it on at last.
    pub(crate) act: Value,
}

/// What there is to know of the login at the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RootLogin {
    pub(crate) ended: Option<EndedBy>,
    /// It ends then, unless it is used before.
    pub(crate) until: Timestamp,
}

impl RootLogin {
    pub(crate) fn of(login: &Login) -> Self {
        Self { ended: login.ended, until: login.idle_until.min(login.ends_at) }
    }

    /// By what it is over; None: it is not. Of one that is gone nothing more is known.
    pub(crate) fn ended_at(login: Option<Self>, now: Timestamp) -> Option<EndedBy> {
        match login {
            Some(login) if login.ended.is_none() && now < login.until => None,
            Some(login) => login.ended.or(Some(EndedBy::Logout)),
            None => Some(EndedBy::Logout),
        }
    }
}

/// What has been made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) times: u32,
    pub(crate) last_at: Option<Timestamp>,
    /// Each use: under which key, and until when its token is good.
    pub(crate) uses: Vec<(UseKey, i64)>,
}

impl Used {
    /// Until when the token of this use is good, if it has been made.
    pub(crate) fn until(&self, key: &UseKey) -> Option<i64> {
        self.uses.iter().find(|(own, _)| own == key).map(|(_, until)| *until)
    }
}

/// By what a handoff has ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandoffEnd {
    /// What has ended its login, or whatever there was at its root.
    Root(EndedBy),
    /// The user, who has called it back.
    User,
    /// The client that had handed it on.
    HandedOnBy,
    /// The client that was to use it and does not need it any more.
    Executor,
}

const USER: &str = "USER";
const HANDED_ON_BY: &str = "HANDED_ON_BY";
const EXECUTOR: &str = "EXECUTOR";

impl HandoffEnd {
    /// As it is stored, and told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root(by) => by.name(),
            Self::User => USER,
            Self::HandedOnBy => HANDED_ON_BY,
            Self::Executor => EXECUTOR,
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            USER => Some(Self::User),
            HANDED_ON_BY => Some(Self::HandedOnBy),
            EXECUTOR => Some(Self::Executor),
            _ => EndedBy::named(name).map(Self::Root),
        }
    }
}

impl fmt::Display for HandoffEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl EndedBy {
    /// Whether this ends a handoff that was declared to outlive its login, too: all but what a user, or one more login of his,
    /// does every day.
    pub(crate) fn ends_what_outlives(self) -> bool {
        !matches!(self, Self::Logout | Self::TooMany)
    }
}

impl Handoff {
    /// Whether this ends it, where it ends its root.
    pub(crate) fn ends_with_root(&self, by: EndedBy) -> bool {
        !self.outlives_logout || by.ends_what_outlives()
    }

    /// A row of the audit log: with the purpose and both clients.
    pub(crate) fn event(
        &self,
        event: Event,
        (actor, detail): (&str, &str),
        now: Timestamp,
    ) -> AuditEvent {
        let (name, purpose) = (self.name.as_str(), &self.purpose);
        let (from, to) = (&self.handed_on_by, &self.executor);
        AuditEvent::new(event, actor, now)
            .about(from.as_str())
            .with_session(Some(self.root.session.as_json()))
            .because(format!("{name} for {purpose} from {from} to {to}: {detail}"))
    }

    /// The root of its tokens: what outlives the login is one of its own.
    pub(crate) fn sid(&self) -> &str {
        if self.outlives_logout { self.name.as_str() } else { &self.root.sid }
    }

    /// What an order by which tokens are revoked is held against: a token as old as the handoff itself.
    pub(crate) fn claims_as_made(&self, issuer: &str) -> Claims {
        Claims {
            iss: issuer.to_owned(),
            sub: self.root.sub.clone(),
            aud: self.audiences.iter().cloned().collect(),
            client_id: self.executor.to_string(),
            scope: self.scope.clone(),
            iat: self.created_at.timestamp(),
            exp: self.not_after_s,
            nbf: None,
            jti: self.name.as_str().to_owned(),
            session: Some(self.root.session.clone()),
            sid: Some(self.sid().to_owned()),
            auth_time: Some(self.root.began_s),
            act: Some(serde_json::json!({"sub": self.executor.as_str(), "act": self.root.act})),
            handoff: Some(self.name.as_str().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
