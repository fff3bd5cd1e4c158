//! Handing on: from a token that a client has received, and what it asks for, to a handoff. It can only become less.

use std::collections::BTreeSet;

use shared::{Claims, Scopes, Session, Timestamp};

use crate::domain::client::{Client, ClientId};
use crate::domain::exchange::{ExchangeRefusal, acting};
use crate::domain::handoff::{Handoff, HandoffName, Root, Used};
use crate::domain::purpose::{Handing, Purpose, Taking};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HandoffAsk {
    /// The token that it has received; verified, and not revoked.
    pub(crate) subject: Claims,
    pub(crate) purpose: Purpose,
    pub(crate) executor: ClientId,
    /// Empty: all that may be.
    pub(crate) audiences: BTreeSet<String>,
    /// None: all that may be.
    pub(crate) scope: Option<Scopes>,
    /// None: once.
    pub(crate) max_uses: Option<u32>,
    /// In seconds since 1970. None: from now on.
    pub(crate) not_before_s: Option<i64>,
    /// None: as long as may be.
    pub(crate) not_after_s: Option<i64>,
    pub(crate) outlives_logout: bool,
    pub(crate) trace: Option<String>,
}

/// Why it does not get it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandingRefusal {
    #[error("the client may not hand anything on for this purpose")]
    Purpose,
    /// It is not known, not declared, or does not take it: the answer does not say which.
    #[error("nothing may be handed on to this executor for this purpose")]
    Executor,
    #[error("the subject token is not for this client")]
    NotRecipient,
    #[error("the subject token has no session that could be handed on")]
    NoSession,
    #[error("the subject token came of a handoff itself")]
    HandedOn,
    #[error(
        "not every resource asked for, or none, is one of the subject token's, the purpose's and the executor's"
    )]
    Target,
    #[error(
        "not every scope asked for, or none, is one of the subject token's, the purpose's and the executor's"
    )]
    Scope,
    #[error("max_uses is 1 to {0} for this purpose")]
    Uses(u32),
    #[error("not_before is before not_after, and not_after is at most {0} s from now")]
    Times(u32),
    #[error("for this purpose nothing outlives a logout")]
    Outliving,
    #[error("the subject token has passed through too many services already")]
    TooManyActors,
    #[error("for this user {0} are open already, as many as may be")]
    TooMany(i64),
}

/// Where a handoff ends by itself at the latest, in seconds since 1970: with the login that it came of.
pub(crate) type RootEnd = Option<i64>;

/// The handoff of this name, if the client may make it.
pub(crate) fn hand_on(
    (client, executor): (&Client, Option<&Client>),
    ask: HandoffAsk,
    (name, root_end): (HandoffName, RootEnd),
    now: Timestamp,
) -> Result<Handoff, HandingRefusal> {
    let handing = client.hands_on.get(&ask.purpose).ok_or(HandingRefusal::Purpose)?;
    let executor =
        executor.filter(|own| own.id == ask.executor && handing.executors.contains(&own.id));
    let executor = executor.ok_or(HandingRefusal::Executor)?;
    let taking = executor.takes_over.get(&ask.purpose).ok_or(HandingRefusal::Executor)?;
    let session = passed_on(client, &ask.subject)?;
    if ask.outlives_logout && !handing.may_outlive_logout {
        return Err(HandingRefusal::Outliving);
    }
    let max_uses = ask.max_uses.unwrap_or(1);
    if !(1..=handing.max_uses).contains(&max_uses) {
        return Err(HandingRefusal::Uses(handing.max_uses));
    }
    let (not_before_s, not_after_s) = times(&ask, (handing, root_end), now)?;
    Ok(Handoff {
        name,
        audiences: audiences(&ask, (handing, taking))?,
        scope: scope(&ask, (handing, taking))?,
        root: root((client, executor), ask.subject, session)?,
        purpose: ask.purpose,
        handed_on_by: client.id.clone(),
        executor: ask.executor,
        // Known where it is written down.
        credentials_version: 0,
        max_uses,
        created_at: now,
        not_before_s,
        not_after_s,
        outlives_logout: ask.outlives_logout,
        trace: ask.trace,
        used: Used::default(),
        ended: None,
    })
}

/// The session, if it is for this client to hand on: whoever has merely got hold of a token must not, and what was handed on
/// once would never end.
fn passed_on(client: &Client, subject: &Claims) -> Result<Session, HandingRefusal> {
    if !client.is_among(&subject.aud) {
        return Err(HandingRefusal::NotRecipient);
    }
    if subject.handoff.is_some() {
        return Err(HandingRefusal::HandedOn);
    }
    subject.session.clone().ok_or(HandingRefusal::NoSession)
}

fn times(
    ask: &HandoffAsk,
    (handing, root_end): (&Handing, RootEnd),
    now: Timestamp,
) -> Result<(i64, i64), HandingRefusal> {
    let now_s = now.timestamp();
    let latest = now_s + i64::from(handing.max_age_s);
    let not_before = ask.not_before_s.unwrap_or(now_s);
    let not_after = ask.not_after_s.unwrap_or(latest);
    // Nobody who asks knows when a login ends: it is told in the answer.
    let bounded = root_end.map_or(not_after, |end| not_after.min(end));
    if not_after > latest || not_before >= bounded || bounded <= now_s {
        return Err(HandingRefusal::Times(handing.max_age_s));
    }
    Ok((not_before, bounded))
}

fn audiences(
    ask: &HandoffAsk,
    (handing, taking): (&Handing, &Taking),
) -> Result<BTreeSet<String>, HandingRefusal> {
    let allowed =
        |name: &&String| handing.resources.contains(*name) && taking.resources.contains(*name);
    let all: BTreeSet<String> = ask.subject.aud.iter().filter(allowed).cloned().collect();
    let chosen = if ask.audiences.is_empty() { all.clone() } else { ask.audiences.clone() };
    if chosen.is_empty() || !chosen.is_subset(&all) {
        return Err(HandingRefusal::Target);
    }
    Ok(chosen)
}

fn scope(
    ask: &HandoffAsk,
    (handing, taking): (&Handing, &Taking),
) -> Result<Scopes, HandingRefusal> {
    let allowed = |name: &&str| handing.scope.contains(name) && taking.scope.contains(name);
    let all: Scopes = ask.subject.scope.iter().filter(allowed).map(str::to_owned).collect();
    let chosen = ask.scope.clone().unwrap_or_else(|| all.clone());
    if chosen.is_empty() || !chosen.is_subset_of(&all) {
        return Err(HandingRefusal::Scope);
    }
    Ok(chosen)
}

fn root(
    (client, executor): (&Client, &Client),
    subject: Claims,
    session: Session,
) -> Result<Root, HandingRefusal> {
    let too_many = |_: ExchangeRefusal| HandingRefusal::TooManyActors;
    let began_s = subject.root_time();
    let act = acting(client, (subject.act, &subject.client_id)).map_err(too_many)?;
    // There has to be room for the one that will use it.
    acting(executor, (Some(act.clone()), "")).map_err(too_many)?;
    Ok(Root {
        act,
        sub: subject.sub,
        session,
        // A token that has no root is one.
        sid: subject.sid.unwrap_or(subject.jti),
        began_s,
    })
}
