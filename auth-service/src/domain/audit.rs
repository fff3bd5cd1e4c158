//! What is written down for ever, or nearly: who did what, for whom, and why not.

use shared::{Claims, Timestamp};
use tracing::{info, warn};
use uuid::Uuid;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Granted,
    Refused,
    ClientCreated,
    ClientChanged,
    ClientDeleted,
    SecretMade,
    KeyMade,
    KeysWithdrawn,
    KeysResealed,
    Revoked,
    LoginBegan,
    LoginRefused,
    LoginEnded,
    RefreshReused,
    SocialLogin,
    SocialRefused,
    IdentityLinked,
    HandedOn,
    HandoffUsed,
    HandoffRefused,
    HandoffEnded,
}

impl Event {
    /// As it is stored and logged.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Granted => "token.granted",
            Self::Refused => "token.refused",
            Self::ClientCreated => "client.created",
            Self::ClientChanged => "client.changed",
            Self::ClientDeleted => "client.deleted",
            Self::SecretMade => "secret.made",
            Self::KeyMade => "key.made",
            Self::KeysWithdrawn => "keys.withdrawn",
            Self::KeysResealed => "keys.resealed",
            Self::Revoked => "revoked",
            Self::LoginBegan => "login.began",
            Self::LoginRefused => "login.refused",
            Self::LoginEnded => "login.ended",
            Self::RefreshReused => "login.refresh_reused",
            Self::SocialLogin => "login.social",
            Self::SocialRefused => "login.social_refused",
            Self::IdentityLinked => "identity.linked",
            Self::HandedOn => "handoff.made",
            Self::HandoffUsed => "handoff.used",
            Self::HandoffRefused => "handoff.refused",
            Self::HandoffEnded => "handoff.ended",
        }
    }
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEvent {
    /// Its own: it is stored once, however often that is tried.
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) event: &'static str,
    /// Who did it: a client, `command` for somebody at the command line, `auth-service` for itself.
    pub(crate) actor: String,
    /// The client that it is about.
    pub(crate) client: Option<String>,
    /// On whose behalf.
    pub(crate) session: Option<String>,
    pub(crate) detail: String,
}

impl AuditEvent {
    pub(crate) fn new(event: Event, actor: &str, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            at: now,
            event: event.name(),
            actor: actor.to_owned(),
            client: None,
            session: None,
            detail: String::new(),
        }
    }

    pub(crate) fn about(mut self, client: &str) -> Self {
        self.client = Some(client.to_owned());
        self
    }

    pub(crate) fn with_session(mut self, session: Option<&str>) -> Self {
        self.session = session.map(str::to_owned);
        self
    }

    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// A token that was issued.
    pub(crate) fn granted(claims: &Claims, now: Timestamp) -> Self {
        let session = claims.session.as_ref().map(shared::Session::as_json);
        Self::new(Event::Granted, &claims.client_id, now)
            .about(&claims.client_id)
            .with_session(session)
            .because(format!("jti {} aud {}", claims.jti, claims.aud.join(" ")))
    }

    /// A token that was not issued.
    pub(crate) fn refused(client: &str, session: Option<&str>, why: (&str, Timestamp)) -> Self {
        let (reason, now) = why;
        Self::new(Event::Refused, client, now).about(client).with_session(session).because(reason)
    }

    /// The log line of a change; those of grants and refusals say more, and stand where they are made.
    pub(crate) fn log(&self) {
        let (event, actor, client) = (self.event, &self.actor, self.client.as_deref());
        let detail = &self.detail;
        if event == Event::KeysWithdrawn.name() {
            warn!(audit = event, actor, detail, "{actor} has withdrawn the signing keys");
        } else {
            let about = client.unwrap_or_default();
            info!(
                audit = event,
                actor,
                client.id = client,
                detail,
                "{event} by {actor}: {about} {detail}"
            );
        }
    }
}
