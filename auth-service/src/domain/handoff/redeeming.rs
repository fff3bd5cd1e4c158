//! Redeeming: from a handoff, and what its executor asks for, to the claims of a token. Again it can only become less; what the two
//! clients may do counts as it is now.

use std::collections::BTreeSet;

use shared::{Claims, Scopes, Timestamp};

use crate::domain::client::Client;
use crate::domain::exchange::acting;
use crate::domain::grant::Terms;
use crate::domain::handoff::{Handoff, HandoffEnd, UseKey, UseLine};
use crate::domain::login::EndedBy;
use crate::domain::purpose::{Handing, Purpose, Taking};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RedeemAsk {
    /// What it believes that it is for. None: it does not say.
    pub(crate) purpose: Option<Purpose>,
    /// Empty: all of the handoff's.
    pub(crate) audiences: BTreeSet<String>,
    /// None: all of the handoff's.
    pub(crate) scope: Option<Scopes>,
    /// The word in whose name it is asked. None: it is a use of its own.
    pub(crate) line: Option<UseLine>,
}

/// Why it does not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedeemRefusal {
    /// It is not known, or somebody else's: the answer does not say which.
    #[error("there is no such handoff for this client")]
    NotYours,
    #[error("the handoff has ended: {0}")]
    Ended(HandoffEnd),
    #[error("the handoff has expired")]
    Expired,
    #[error("the handoff is not good yet")]
    NotYet,
    #[error("the handoff is used up")]
    UsedUp,
    #[error("the handoff is for another purpose")]
    Purpose,
    #[error("the clients may not do this any more")]
    NotAllowed,
    #[error("the handoff is not for this resource")]
    Target,
    #[error("the handoff does not have every scope asked for")]
    Scope,
}

impl RedeemRefusal {
    /// The word for it, by which programs tell what to do.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotYours => "not_yours",
            Self::Ended(_) => "ended",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::UsedUp => "used_up",
            Self::Purpose => "other_purpose",
            Self::NotAllowed => "not_allowed",
            Self::Target => "other_resource",
            Self::Scope => "other_scope",
        }
    }

    /// By what it has ended, where that is why.
    pub(crate) fn ended_by(self) -> Option<&'static str> {
        match self {
            Self::Ended(end) => Some(end.name()),
            _ => None,
        }
    }
}

/// What is known beside the handoff.
pub(crate) struct Known<'k> {
    /// The client that asks.
    pub(crate) client: &'k Client,
    /// The one that has handed it on, if it is still there.
    pub(crate) handed_on_by: Option<&'k Client>,
    /// By what its root has ended, if that is known and nobody has ended the handoff with it.
    pub(crate) root_ended: Option<EndedBy>,
    /// Whether an operator has revoked what has such claims.
    pub(crate) revoked: &'k dyn Fn(&Claims) -> bool,
    pub(crate) terms: &'k Terms,
    pub(crate) now: Timestamp,
}

/// What a use is worth: the claims of its token, under which key it is counted, and whether it has been before and is only
/// told again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Redeemed {
    pub(crate) claims: Claims,
    pub(crate) key: UseKey,
    pub(crate) again: bool,
}

/// The token, if the client may have it. That the use is counted is for the database to say.
pub(crate) fn redeem(
    handoff: &Handoff,
    ask: &RedeemAsk,
    known: &Known<'_>,
) -> Result<Redeemed, RedeemRefusal> {
    check(handoff, known)?;
    if ask.purpose.as_ref().is_some_and(|purpose| *purpose != handoff.purpose) {
        return Err(RedeemRefusal::Purpose);
    }
    let rights = rights(handoff, known)?;
    let aud = audiences(handoff, ask, rights)?;
    let scope = scope(handoff, ask, rights)?;
    let act = acting(known.client, (Some(handoff.root.act.clone()), ""));
    let claims = Claims {
        aud: aud.into_iter().collect(),
        scope,
        iat: known.now.timestamp(),
        act: Some(act.map_err(|_| RedeemRefusal::NotAllowed)?),
        ..handoff.claims_as_made(&known.terms.issuer)
    };
    counted(handoff, ask.line.as_ref(), (claims, known))
}

/// Whether it is theirs, and still good.
fn check(handoff: &Handoff, known: &Known<'_>) -> Result<(), RedeemRefusal> {
    if handoff.executor != known.client.id {
        return Err(RedeemRefusal::NotYours);
    }
    if let Some((end, _)) = handoff.ended {
        return Err(RedeemRefusal::Ended(end));
    }
    if let Some(by) = known.root_ended.filter(|by| handoff.ends_with_root(*by)) {
        return Err(RedeemRefusal::Ended(HandoffEnd::Root(by)));
    }
    let now_s = known.now.timestamp();
    if now_s < handoff.not_before_s {
        return Err(RedeemRefusal::NotYet);
    }
    if now_s >= handoff.not_after_s {
        return Err(RedeemRefusal::Expired);
    }
    if (known.revoked)(&handoff.claims_as_made(&known.terms.issuer)) {
        return Err(RedeemRefusal::Ended(HandoffEnd::Root(EndedBy::Operator)));
    }
    Ok(())
}

type Rights<'k> = (&'k Handing, &'k Taking);

fn rights<'k>(handoff: &Handoff, known: &Known<'k>) -> Result<Rights<'k>, RedeemRefusal> {
    let handing = known.handed_on_by.and_then(|client| client.hands_on.get(&handoff.purpose));
    let handing = handing.filter(|handing| handing.executors.contains(&handoff.executor));
    let taking = known.client.takes_over.get(&handoff.purpose);
    handing.zip(taking).ok_or(RedeemRefusal::NotAllowed)
}

fn audiences(
    handoff: &Handoff,
    ask: &RedeemAsk,
    (handing, taking): Rights<'_>,
) -> Result<BTreeSet<String>, RedeemRefusal> {
    let allowed =
        |name: &&String| handing.resources.contains(*name) && taking.resources.contains(*name);
    if !ask.audiences.is_subset(&handoff.audiences) {
        return Err(RedeemRefusal::Target);
    }
    let asked = if ask.audiences.is_empty() { &handoff.audiences } else { &ask.audiences };
    let left: BTreeSet<String> = asked.iter().filter(allowed).cloned().collect();
    let all = ask.audiences.is_empty() || left.len() == asked.len();
    if left.is_empty() || !all { Err(RedeemRefusal::NotAllowed) } else { Ok(left) }
}

fn scope(
    handoff: &Handoff,
    ask: &RedeemAsk,
    (handing, taking): Rights<'_>,
) -> Result<Scopes, RedeemRefusal> {
    let allowed = |name: &&str| handing.scope.contains(name) && taking.scope.contains(name);
    let left: Scopes = handoff.scope.iter().filter(allowed).map(str::to_owned).collect();
    match &ask.scope {
        Some(asked) if asked.is_empty() || !asked.is_subset_of(&handoff.scope) => {
            Err(RedeemRefusal::Scope)
        }
        Some(asked) if asked.is_subset_of(&left) => Ok(asked.clone()),
        None if !left.is_empty() => Ok(left),
        _ => Err(RedeemRefusal::NotAllowed),
    }
}

/// The use of which it is. One that was made in the same name a moment ago is told again, as long as its token has some life left
/// (as much as there will ever be, where the handoff ends with it) and nobody has revoked it: so no use is lost with an answer,
/// and those who ask at once share one.
fn counted(
    handoff: &Handoff,
    line: Option<&UseLine>,
    (claims, known): (Claims, &Known<'_>),
) -> Result<Redeemed, RedeemRefusal> {
    let now_s = known.now.timestamp();
    let of_use =
        |key: &UseKey, exp| Claims { jti: key.token_id(&handoff.name), exp, ..claims.clone() };
    let mut key = line.map_or_else(UseKey::of_its_own, |line| line.key(&claims, 0));
    if let Some(line) = line {
        let mut place = 0;
        while let Some(until) = handoff.used.until(&key) {
            let claims = of_use(&key, until);
            let left_s = until - now_s;
            let lives = left_s > known.terms.shortest_told_s()
                || left_s > 0 && until >= handoff.not_after_s;
            if lives && !(known.revoked)(&claims) {
                return Ok(Redeemed { claims, key, again: true });
            }
            place += 1;
            key = line.key(&claims, place);
        }
    }
    if handoff.used.times >= handoff.max_uses {
        return Err(RedeemRefusal::UsedUp);
    }
    let ttl_s = i64::from(known.terms.token_ttl_s);
    let claims = of_use(&key, (now_s + ttl_s).min(handoff.not_after_s));
    Ok(Redeemed { claims, key, again: false })
}
