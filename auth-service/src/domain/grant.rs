//! The client-credentials grant (RFC 6749 section 4.4): from what is asked to the claims of a token.

use std::collections::BTreeSet;

use aws_lc_rs::rand;
use shared::{Claims, Scopes, Timestamp};
use uuid::{Builder, Uuid};

use crate::domain::client::Client;
use crate::domain::policy::{MaybeAsked, SessionRefusal};

/// Somewhat longer than clients keep a token before they ask for the next one.
const SHORTEST_TOLD_S: i64 = 40;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
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

impl Terms {
    /// A token that has less life left than this is not told again, in seconds: whoever asks wants the next one.
    pub(crate) fn shortest_told_s(&self) -> i64 {
        i64::from(self.token_ttl_s / 4).min(SHORTEST_TOLD_S)
    }

    /// How long a token lives, in seconds, if it may live so long at the most.
    fn ttl_s(&self, at_most: Option<u32>) -> i64 {
        i64::from(at_most.unwrap_or(u32::MAX).min(self.token_ttl_s))
    }
}

/// What all tokens of one ask have in common; the session makes the difference.
pub(crate) struct Grant<'c> {
    client: &'c Client,
    terms: &'c Terms,
    scope: Scopes,
    aud: Vec<String>,
}

impl<'c> Grant<'c> {
    /// What the client may have of this scope and these audiences.
    pub(crate) fn new(
        client: &'c Client,
        terms: &'c Terms,
        (scope, audiences): (Option<Scopes>, BTreeSet<String>),
    ) -> Result<Self, GrantRefusal> {
        let scope = scope.unwrap_or_else(|| client.scopes.clone());
        if !scope.is_subset_of(&client.scopes) {
            return Err(GrantRefusal::Scope);
        }
        if !audiences.is_subset(&client.audiences) {
            return Err(GrantRefusal::Audience);
        }
        let audiences = if audiences.is_empty() { client.audiences.clone() } else { audiences };
        // For nobody it is of no use.
        if audiences.is_empty() {
            return Err(GrantRefusal::Audience);
        }
        Ok(Self { client, terms, scope, aud: audiences.into_iter().collect() })
    }

    /// The scope of its tokens.
    pub(crate) fn scope(&self) -> &Scopes {
        &self.scope
    }

    /// The claims of a token for this session, if the client may have it.
    pub(crate) fn claims(
        &self,
        session: MaybeAsked,
        (now, ids): (Timestamp, &mut TokenIds),
    ) -> Result<Claims, GrantRefusal> {
        let decision = self.client.session_policy.decide(session)?;
        let (iat, jti) = (now.timestamp(), ids.next_id());
        Ok(Claims {
            iss: self.terms.issuer.clone(),
            sub: self.client.id.as_str().to_owned(),
            aud: self.aud.clone(),
            client_id: self.client.id.as_str().to_owned(),
            scope: self.scope.clone(),
            iat,
            exp: iat + self.terms.ttl_s(decision.max_ttl_s),
            nbf: None,
            // It may be exchanged for others: it is their root, and ending it ends them all.
            sid: Some(jti.clone()),
            auth_time: None,
            jti,
            session: match decision.session {
                MaybeAsked::Nobody => None,
                MaybeAsked::Session(session) => Some(session),
            },
            act: None,
            handoff: None,
        })
    }
}

/// Makes `jti`s of 122 random bits each. They come from the cryptographic library, so many at once as will be needed: it
/// takes its time for each call, not for each byte.
pub(crate) struct TokenIds {
    bytes: Vec<u8>,
    used: usize,
}

impl TokenIds {
    const BYTES_EACH: usize = 16;

    /// So many are likely to be needed.
    pub(crate) fn with_capacity(ids: usize) -> Self {
        Self { bytes: vec![0; ids.max(1) * Self::BYTES_EACH], used: usize::MAX }
    }

    pub(crate) fn next_id(&mut self) -> String {
        if self.used >= self.bytes.len() {
            if rand::fill(&mut self.bytes).is_err() {
                return Uuid::new_v4().to_string();
            }
            self.used = 0;
        }
        let unused = self.bytes.get(self.used..).and_then(|bytes| bytes.first_chunk().copied());
        self.used += Self::BYTES_EACH;
        // There are always whole ones left.
        let made =
            unused.map_or_else(Uuid::new_v4, |bytes| Builder::from_random_bytes(bytes).into_uuid());
        let mut text = Uuid::encode_buffer();
        made.hyphenated().encode_lower(&mut text).to_owned()
    }
}

/// The claims of the token, if the client may have it.
pub(crate) fn grant_client_credentials(
    client: &Client,
    ask: TokenAsk,
    terms: &Terms,
    now: Timestamp,
) -> Result<Claims, GrantRefusal> {
    let grant = Grant::new(client, terms, (ask.scope, ask.audiences))?;
    grant.claims(ask.session, (now, &mut TokenIds::with_capacity(1)))
}

/// How long to wait with a token, in seconds, when those like it that were issued until `before` are revoked. Tokens are
/// dated in whole seconds: one that is issued within the second of a revocation would be taken for one of those.
pub(crate) fn seconds_to_wait(claims: &Claims, before: Option<i64>) -> i64 {
    before.map_or(0, |before| before.saturating_add(1).saturating_sub(claims.iat).max(0))
}

/// The same claims, issued later; they do not live longer for it. None when nothing would be left of their life.
pub(crate) fn dated_later(claims: Claims, seconds: i64) -> Option<Claims> {
    let iat = claims.iat.saturating_add(seconds);
    (claims.exp > iat).then_some(Claims { iat, ..claims })
}

#[cfg(test)]
mod tests;
