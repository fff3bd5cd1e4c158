//! Token exchange (RFC 8693): a service that has received a token gets one for the next service. The session goes on
//! unchanged; everything else can only become less.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::{Claims, Scopes, Timestamp};

use crate::domain::client::Client;
use crate::domain::grant::{Terms, TokenIds};

/// The most services that a call may have passed through: each adds its name to the token.
const MAX_ACTORS: usize = 10;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExchangeAsk {
    /// The token that it has received; verified, and not revoked.
    pub(crate) subject: Claims,
    /// The services that it wants to call.
    pub(crate) audiences: BTreeSet<String>,
    /// None: all of the subject token's that the client may have, too.
    pub(crate) scope: Option<Scopes>,
}

/// Why it does not get it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExchangeRefusal {
    #[error("the client may not exchange tokens")]
    NotAllowed,
    #[error("say for which service the token is to be: resource or audience")]
    NoTarget,
    #[error("the client may not exchange a token for this service")]
    Target,
    #[error("the subject token is not for this client")]
    NotRecipient,
    #[error(
        "the subject token and the client do not both have every scope asked for, or none in common"
    )]
    Scope,
    #[error("the subject token has passed through {MAX_ACTORS} services already")]
    TooManyActors,
    #[error("the subject token has expired")]
    Expired,
}

/// The claims of the token for the next service.
pub(crate) fn exchange(
    client: &Client,
    ask: ExchangeAsk,
    terms: &Terms,
    now: Timestamp,
) -> Result<Claims, ExchangeRefusal> {
    let ExchangeAsk { subject, audiences, scope } = ask;
    check_target(client, &subject, &audiences)?;
    let iat = now.timestamp();
    let exp = subject.exp.min(iat + i64::from(terms.token_ttl_s));
    if exp <= iat {
        return Err(ExchangeRefusal::Expired);
    }
    let scope = narrowed(client, &subject, scope)?;
    let root_time = subject.root_time();
    let act = acting(client, (subject.act, &subject.client_id))?;
    Ok(Claims {
        iss: terms.issuer.clone(),
        aud: audiences.into_iter().collect(),
        client_id: client.id.as_str().to_owned(),
        scope,
        iat,
        exp,
        nbf: None,
        // A token that has no root is one.
        sid: subject.sid.or(Some(subject.jti)),
        auth_time: Some(root_time),
        jti: TokenIds::with_capacity(1).next_id(),
        sub: subject.sub,
        session: subject.session,
        act: Some(act),
        handoff: subject.handoff,
    })
}

fn check_target(
    client: &Client,
    subject: &Claims,
    audiences: &BTreeSet<String>,
) -> Result<(), ExchangeRefusal> {
    if client.exchange.is_empty() {
        return Err(ExchangeRefusal::NotAllowed);
    }
    // Whoever has merely got hold of a token must not make others of it.
    if !client.is_among(&subject.aud) {
        return Err(ExchangeRefusal::NotRecipient);
    }
    if audiences.is_empty() {
        return Err(ExchangeRefusal::NoTarget);
    }
    if audiences.is_subset(&client.exchange) { Ok(()) } else { Err(ExchangeRefusal::Target) }
}

fn narrowed(
    client: &Client,
    subject: &Claims,
    asked: Option<Scopes>,
) -> Result<Scopes, ExchangeRefusal> {
    let both = subject.scope.iter().filter(|scope| client.scopes.contains(scope));
    let both: Scopes = both.map(str::to_owned).collect();
    match asked {
        None if both.is_empty() && !subject.scope.is_empty() => Err(ExchangeRefusal::Scope),
        None => Ok(both),
        Some(asked) if asked.is_subset_of(&both) => Ok(asked),
        Some(_) => Err(ExchangeRefusal::Scope),
    }
}

/// RFC 8693 section 4.1: the outermost is the current actor, those before are nested inside. The innermost is the client
/// that began it all, so that ending what a client has ends what came of it, too.
pub(crate) fn acting(
    client: &Client,
    (before, began): (Option<Value>, &str),
) -> Result<Value, ExchangeRefusal> {
    let before = before.unwrap_or_else(|| json!({ "sub": began }));
    let actors = std::iter::successors(Some(&before), |actor| actor.get("act")).count();
    if actors > MAX_ACTORS {
        return Err(ExchangeRefusal::TooManyActors);
    }
    Ok(json!({"sub": client.id.as_str(), "act": before}))
}

#[cfg(test)]
mod tests;
