//! The client-credentials grant (RFC 6749 section 4.4): from what is asked to the claims of a token.

use std::collections::BTreeSet;

use shared::{Claims, Scopes, Timestamp};
use uuid::Uuid;

use crate::domain::client::Client;
use crate::domain::policy::{MaybeAsked, SessionRefusal};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenAsk {
    /// None: all that the client may have.
    pub(crate) scope: Option<Scopes>,
    /// Empty: all that the client may have.
    pub(crate) audiences: BTreeSet<String>,
    pub(crate) session: MaybeAsked,
}

/// Why it does not get it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GrantRefusal {
    #[error("the client may not have every scope asked for")]
    Scope,
    #[error("the client may not have tokens for this resource")]
    Audience,
    #[error(transparent)]
    Session(#[from] SessionRefusal),
}

/// The terms on which this server issues.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) issuer: String,
    pub(crate) token_ttl_s: u32,
}

/// The claims of the token, if the client may have it.
pub(crate) fn grant_client_credentials(
    client: &Client,
    ask: TokenAsk,
    terms: &Terms,
    now: Timestamp,
) -> Result<Claims, GrantRefusal> {
    let scope = ask.scope.unwrap_or_else(|| client.scopes.clone());
    if !scope.is_subset_of(&client.scopes) {
        return Err(GrantRefusal::Scope);
    }
    if !ask.audiences.iter().all(|audience| client.audiences.contains(audience)) {
        return Err(GrantRefusal::Audience);
    }
    let aud = match ask.audiences {
        none if none.is_empty() => client.audiences.iter().cloned().collect(),
        asked => asked.into_iter().collect(),
    };
    let session = match client.session_policy.decide(ask.session)? {
        MaybeAsked::Nobody => None,
        MaybeAsked::Session(session) => Some(session),
    };
    let iat = now.timestamp();
    Ok(Claims {
        iss: terms.issuer.clone(),
        sub: client.id.as_str().to_owned(),
        aud,
        client_id: client.id.as_str().to_owned(),
        scope,
        iat,
        exp: iat + i64::from(terms.token_ttl_s),
        nbf: None,
        jti: Uuid::new_v4().to_string(),
        session,
        sid: None,
        act: None,
    })
}
