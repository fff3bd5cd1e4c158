//! [`Handoffs`]: what is handed on, used, called back; and what is written down of it.

use chrono::DateTime;
use serde_json::Value;
use shared::{Claims, Timestamp, UserId};
use tracing::{info, warn};

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::client::{Client, ClientId};
use crate::domain::handoff::explain::{HandoffExplanation, explain};
use crate::domain::handoff::handing_on::{HandingRefusal, HandoffAsk, RootEnd, hand_on};
use crate::domain::handoff::redeeming::{Known, RedeemAsk, RedeemRefusal, Redeemed, redeem};
use crate::domain::handoff::{Handoff, HandoffId, HandoffName, RootLogin};
use crate::domain::login::EndedBy;
use crate::error::{AccountError, TokenRefusal};
use crate::issuer::{Issued, Issuer};
use crate::logins::{CLIENT_ID, Logins, actor};
use crate::repository::handoffs::{Ender, Found, HandoffRepository, Inserted, MOST_OPEN, Use};

/// A handoff that was changed meanwhile is looked at again, so many times in all.
const LOOKS: usize = 3;

#[derive(Clone)]
pub(crate) struct Handoffs {
    pub(crate) repository: HandoffRepository,
    pub(crate) issuer: Issuer,
    pub(crate) logins: Logins,
}

/// A token that was made of a handoff.
pub(crate) struct IssuedForHandoff {
    pub(crate) issued: Issued,
    /// The request in which it was handed on, as its `traceparent`.
    pub(crate) trace: Option<String>,
    pub(crate) uses_left: u32,
}

impl Handoffs {
    /// Hands on what the client has received; from when it returns on, the executor may use it.
    pub(crate) async fn hand_on(
        &self,
        client: &Client,
        ask: HandoffAsk,
    ) -> Result<(HandoffId, Handoff), TokenRefusal> {
        let directory = self.issuer.mirror.directory();
        let executor = directory.find(ask.executor.as_str());
        let executor = executor.as_ref().map(|own| &own.client);
        let root_end = self.root_end(&ask.subject).await?;
        let id = HandoffId::generate().map_err(|_| TokenRefusal::CutOff)?;
        let now = self.issuer.now();
        let handoff = hand_on((client, executor), ask, (id.name(), root_end), now)?;
        let made = handoff.event(Event::HandedOn, (client.id.as_str(), &terms(&handoff)), now);
        match self.repository.insert(&handoff, &made).await? {
            Inserted::Added => made.log(),
            Inserted::RootEnded => return Err(over()),
            Inserted::TooMany => return Err(HandingRefusal::TooMany(MOST_OPEN).into()),
        }
        Ok((id, handoff))
    }

    /// Where it ends by itself at the latest: a login that nobody renews from now on. What was begun by a program has no such
    /// end.
    async fn root_end(&self, subject: &Claims) -> Result<RootEnd, TokenRefusal> {
        let sid = subject.sid.as_deref().filter(|_| is_of_a_login(subject));
        let Some(sid) = sid else { return Ok(None) };
        let Ok(sid) = sid.parse() else { return Err(over()) };
        let login = self.logins.store.find(sid).await.map_err(away)?;
        let login = login.filter(|login| login.is_live_at(self.issuer.now())).ok_or_else(over)?;
        Ok(Some(login.idle_until.min(login.ends_at).timestamp()))
    }

    /// By what its login has ended, if that has not been written down with it: by a server of an older release, or when all that
    /// was in Redis was lost. What outlives a logout is not asked about: it may be gone.
    async fn root_ended(&self, found: &Found) -> Result<Option<EndedBy>, TokenRefusal> {
        if !is_tied_to_login(&found.handoff) {
            return Ok(None);
        }
        let (store, now) = (&self.logins.store, self.issuer.now());
        if store.is_database() {
            return Ok(RootLogin::ended_at(found.login, now));
        }
        let Ok(sid) = found.handoff.root.sid.parse() else { return Ok(Some(EndedBy::Logout)) };
        let login = store.find(sid).await.map_err(away)?.map(|login| RootLogin::of(&login));
        Ok(RootLogin::ended_at(login, now))
    }

    /// A token of the handoff's session, and one use less. What is asked for in the name of the same use is one use.
    pub(crate) async fn redeem(
        &self,
        client: &Client,
        (name, ask): (&HandoffName, &RedeemAsk),
    ) -> Result<IssuedForHandoff, TokenRefusal> {
        self.issuer.check_key()?;
        for _ in 0..LOOKS {
            let Some(found) = self.repository.find_with_login(name).await? else {
                return Err(self.refused(None, (client, name), RedeemRefusal::NotYours));
            };
            let root_ended = self.root_ended(&found).await?;
            let handoff = found.handoff;
            let now = self.issuer.now();
            let redeemed = self.decide(&handoff, (client, root_ended), (ask, now));
            let redeemed = redeemed
                .map_err(|refusal| self.refused(Some(&handoff), (client, name), refusal))?;
            let (key, until_s) = (redeemed.key.clone(), redeemed.claims.exp);
            if redeemed.again || self.repository.count(&handoff, &Use { key, until_s, now }).await?
            {
                return self.issue(&handoff, redeemed).await;
            }
        }
        // It changes faster than it can be looked at.
        Err(TokenRefusal::Busy)
    }

    fn decide(
        &self,
        handoff: &Handoff,
        (client, root_ended): (&Client, Option<EndedBy>),
        (ask, now): (&RedeemAsk, Timestamp),
    ) -> Result<Redeemed, RedeemRefusal> {
        let directory = self.issuer.mirror.directory();
        let handed_on_by = directory.find(handoff.handed_on_by.as_str());
        let handed_on_by = handed_on_by.as_ref().map(|own| &own.client);
        let revoked = self.issuer.mirror.revocations().set();
        let revoked = |claims: &Claims| revoked.hits(claims, now.timestamp());
        let terms = &self.issuer.terms;
        let known = Known { client, handed_on_by, root_ended, revoked: &revoked, terms, now };
        redeem(handoff, ask, &known)
    }

    async fn issue(
        &self,
        handoff: &Handoff,
        redeemed: Redeemed,
    ) -> Result<IssuedForHandoff, TokenRefusal> {
        let times = handoff.used.times + u32::from(!redeemed.again);
        let issued = self.issuer.issue_renewal(redeemed.claims).await?;
        let (executor, claims) = (handoff.executor.as_str(), &issued.claims);
        let again = if redeemed.again { ", told again" } else { "" };
        let detail = format!(
            "jti {} aud {} scope {}, use {times} of {}{again}",
            claims.jti,
            claims.aud.join(" "),
            claims.scope,
            handoff.max_uses
        );
        let used = handoff.event(Event::HandoffUsed, (executor, &detail), self.issuer.now());
        self.issuer.audit.write(used);
        info!(
            client.id = executor,
            token.id = claims.jti,
            handoff = handoff.name.as_str(),
            purpose = %handoff.purpose,
            company = handoff.root.session.company_id().get(),
            user = handoff.root.session.user_id().get(),
            "issued token to {executor} for a handoff: {}", handoff.purpose
        );
        let (trace, uses_left) = (handoff.trace.clone(), handoff.max_uses.saturating_sub(times));
        Ok(IssuedForHandoff { issued, trace, uses_left })
    }

    /// Writes down that it was not used, and why not.
    fn refused(
        &self,
        handoff: Option<&Handoff>,
        (client, name): (&Client, &HandoffName),
        refusal: RedeemRefusal,
    ) -> TokenRefusal {
        let (actor, now) = (client.id.as_str(), self.issuer.now());
        let detail = format!("{}: {refusal}", refusal.word());
        let event = match handoff {
            Some(handoff) => handoff.event(Event::HandoffRefused, (actor, &detail), now),
            None => AuditEvent::new(Event::HandoffRefused, actor, now)
                .because(format!("{}: {detail}", name.as_str())),
        };
        self.issuer.audit.write(event);
        TokenRefusal::Redeem(refusal)
    }

    /// Writes down that nothing was handed on, and why not.
    pub(crate) fn not_handed_on(
        &self,
        client: &Client,
        (purpose, executor): (&str, &str),
        refusal: &TokenRefusal,
    ) {
        if !refusal.is_audited() {
            return;
        }
        let bounded = |text: &str| text.chars().take(100).collect::<String>();
        let detail = format!("{} to {}: {refusal}", bounded(purpose), bounded(executor));
        let event = AuditEvent::new(Event::HandoffRefused, client.id.as_str(), self.issuer.now());
        self.issuer.audit.write(event.about(client.id.as_str()).because(detail));
    }

    /// Those in the sessions of this user that are still good, the newest first.
    pub(crate) async fn list(&self, user: UserId) -> Result<Vec<Handoff>, AccountError> {
        let now = self.issuer.now();
        let listed = self.repository.list(user, now).await?;
        let revoked = self.issuer.mirror.revocations().set();
        let issuer = &self.issuer.terms.issuer;
        let is_good = |own: &Handoff| !revoked.hits(&own.claims_as_made(issuer), now.timestamp());
        Ok(listed.into_iter().filter(is_good).collect())
    }

    /// Ends one at the word of the user in whose session it is; false when there is none.
    pub(crate) async fn end_by_user(
        &self,
        name: &HandoffName,
        user: UserId,
    ) -> Result<bool, AccountError> {
        Ok(self.end(name, (Ender::User(user), &actor(user))).await?)
    }

    /// The same at the word of the client that has handed it on, or was to use it.
    pub(crate) async fn end_by_client(
        &self,
        name: &HandoffName,
        client: &ClientId,
    ) -> Result<bool, TokenRefusal> {
        for ender in [Ender::HandedOnBy(client), Ender::Executor(client)] {
            if self.end(name, (ender, client.as_str())).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn end(
        &self,
        name: &HandoffName,
        (ender, actor): (Ender<'_>, &str),
    ) -> Result<bool, shared::db::DbError> {
        let ended = self.repository.end(name, ender, self.issuer.now()).await?;
        if ended {
            info!(handoff = name.as_str(), actor, "a handoff is ended by {actor}");
            if let Err(error) = self.issuer.mirror.changed().await {
                warn!(cause = %error, "an ended handoff will be read when the database is back");
            }
        }
        Ok(ended)
    }

    /// What there is to say of it.
    pub(crate) async fn explain(
        &self,
        name: &HandoffName,
    ) -> Result<Option<HandoffExplanation>, shared::db::DbError> {
        let found = self.repository.find_with_login(name).await?;
        let Some(found) = found else { return Ok(None) };
        // Who asks about it is not kept from the rest where the login cannot be asked about.
        let root_ended = self.root_ended(&found).await.unwrap_or_default();
        let handoff = found.handoff;
        let directory = self.issuer.mirror.directory();
        let registered = |id: &ClientId| directory.find(id.as_str());
        let (executor, handed_on_by) =
            (registered(&handoff.executor), registered(&handoff.handed_on_by));
        let nobody = Client::new(handoff.executor.clone());
        let client = executor.as_ref().map_or(&nobody, |own| &own.client);
        let now = self.issuer.now();
        let revoked = self.issuer.mirror.revocations().set();
        let known = Known {
            client,
            handed_on_by: handed_on_by.as_ref().map(|own| &own.client),
            root_ended,
            revoked: &|claims| revoked.hits(claims, now.timestamp()),
            terms: &self.issuer.terms,
            now,
        };
        Ok(Some(explain(&handoff, &known)))
    }
}

fn terms(handoff: &Handoff) -> String {
    let until = DateTime::from_timestamp(handoff.not_after_s, 0).unwrap_or_default();
    let (uses, scope) = (handoff.max_uses, &handoff.scope);
    format!("{uses} times with {scope} until {until}, of sid {}", handoff.root.sid)
}

/// Whether it all began with a person at the account page.
fn is_of_a_login(subject: &Claims) -> bool {
    let first = subject.act.as_ref().and_then(first_actor);
    first.unwrap_or(&subject.client_id) == CLIENT_ID
}

/// Whether it ends with a login.
pub(crate) fn is_tied_to_login(handoff: &Handoff) -> bool {
    !handoff.outlives_logout && first_actor(&handoff.root.act) == Some(CLIENT_ID)
}

/// Who began it all (RFC 8693 section 4.1).
fn first_actor(act: &Value) -> Option<&str> {
    let actors = std::iter::successors(Some(act), |actor| actor.get("act"));
    actors.last()?.get("sub")?.as_str()
}

fn over() -> TokenRefusal {
    TokenRefusal::SubjectToken("what it came of has ended".to_owned())
}

fn away(error: AccountError) -> TokenRefusal {
    match error {
        AccountError::Db(error) => error.into(),
        AccountError::Token(refusal) => refusal,
        error => TokenRefusal::Db(shared::db::DbError::Unavailable(error.to_string())),
    }
}
