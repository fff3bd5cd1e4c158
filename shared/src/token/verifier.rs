//! [`TokenVerifier`]: reads tokens, and accepts only what this service was meant to get.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::token::header::Header;
use crate::token::jws::Parts;
use crate::token::key_set::{KeySource, VerifyingKey};
use crate::token::revocation::RevocationSource;
use crate::token::verified::{Moment, VerifiedTokens, fingerprint};
pub use crate::token::verified::{VerifiedToken, VerifierCounts};
use crate::token::{Claims, TokenError};
use arc_swap::ArcSwapOption;

/// How far the clocks of issuer and verifier may differ, in seconds.
pub const LEEWAY_S: i64 = 30;
/// How many verified tokens are remembered, unless told otherwise; one takes about 1.5 KiB.
const REMEMBERED: usize = 10_000;
/// For how long, at most.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);

/// What a verifier demands of every token.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The one issuer (`iss`), compared exactly.
    pub issuer: String,
    /// The name of this service, which `aud` has to contain.
    pub audience: String,
    /// The longest lifetime (`exp` - `iat`) that the issuer gives out, in seconds.
    pub max_lifetime_s: i64,
}

/// Verifies access tokens (RFC 9068 section 4, RFC 8725).
///
/// A token that has been verified twice is remembered until it expires, for 5 minutes at most, so that its signature is
/// not checked again at every request. It is forgotten when one of the issuer's keys is withdrawn, and by
/// [`TokenVerifier::forget_verified`]. What is remembered holds the hash of the signature: it is no token.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: Arc<dyn KeySource>,
    expectation: Arc<Expectation>,
    any_audience: bool,
    clock: Arc<dyn Clock>,
    verified: Arc<VerifiedTokens>,
    last_header: Arc<ArcSwapOption<LastHeader>>,
    revocations: Option<Arc<dyn RevocationSource>>,
}

/// A header that was read, and what came of it under this generation of keys.
struct LastHeader {
    text: Box<[u8]>,
    key: Arc<VerifyingKey>,
    generation: u64,
}

impl TokenVerifier {
    /// A verifier with these keys.
    #[must_use]
    pub fn new(keys: Arc<dyn KeySource>, expectation: Expectation, clock: Arc<dyn Clock>) -> Self {
        let verified = Arc::new(VerifiedTokens::new(REMEMBERED, REMEMBERED_FOR));
        let (expectation, last_header) = (Arc::new(expectation), Arc::default());
        let (any_audience, revocations) = (false, None);
        Self { keys, expectation, any_audience, clock, verified, last_header, revocations }
    }

    /// The same for the issuer itself, who has to read the tokens of all services: any audience will do. The memory is
    /// one of its own.
    #[must_use]
    pub fn for_any_audience(self) -> Self {
        let verified = Arc::new(VerifiedTokens::new(REMEMBERED, REMEMBERED_FOR));
        Self { any_audience: true, verified, ..self }
    }

    /// The same with a memory of its own for this many verified tokens, each for this long at most. With 0 tokens
    /// every signature is checked.
    #[must_use]
    pub fn remembering(self, tokens: usize, at_most: Duration) -> Self {
        Self { verified: Arc::new(VerifiedTokens::new(tokens, at_most)), ..self }
    }

    /// The same, which refuses what has been revoked, also of the tokens that it remembers. The memory is one of its own.
    #[must_use]
    pub fn with_revocations(self, source: impl RevocationSource + 'static) -> Self {
        let verified = Arc::new(self.verified.emptied());
        Self { revocations: Some(Arc::new(source)), verified, ..self }
    }

    /// Whether it looks at revocations.
    #[must_use]
    pub fn knows_revocations(&self) -> bool {
        self.revocations.is_some()
    }

    /// From now on the signature of every token is checked anew.
    pub fn forget_verified(&self) {
        self.verified.forget();
    }

    /// How often a token was known.
    #[must_use]
    pub fn counts(&self) -> VerifierCounts {
        self.verified.counts()
    }

    /// Verifies the token, waiting for the issuer's keys where they have to be fetched.
    ///
    /// # Errors
    /// A [`TokenError`]. [`TokenError::KeysUnavailable`] alone says nothing about the token: try again later.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        if let Some(verdict) = self.verify_now(token.as_bytes()) {
            return verdict;
        }
        let parts = Parts::split(token.as_bytes())?;
        let moment = self.moment(&parts);
        let header = parts.decoded_header()?;
        let header = Header::parse(&header)?;
        match self.keys.find(&header.kid).await {
            Ok(Some(key)) if key.algorithm == header.algorithm => self.check(&parts, &key, &moment),
            Ok(Some(_)) => Err(TokenError::WrongAlgorithm),
            Ok(None) => Err(TokenError::UnknownKey),
            Err(unavailable) => Err(TokenError::KeysUnavailable(unavailable.0)),
        }
    }

    /// The same without waiting; `None` when the key has to be asked for. The token is what stands in the header of a
    /// request, whatever it is.
    #[must_use]
    pub fn verify_now(&self, token: &[u8]) -> Option<Result<VerifiedToken, TokenError>> {
        self.verify_at_hand(token).transpose()
    }

    fn verify_at_hand(&self, token: &[u8]) -> Result<Option<VerifiedToken>, TokenError> {
        let parts = Parts::split(token)?;
        let moment = self.moment(&parts);
        if let Some(known) = self.verified.find(parts.message, &moment) {
            return self.unless_revoked(known).map(Some);
        }
        match self.key_at_hand(&parts, moment.generation)? {
            Some(key) => self.check(&parts, &key, &moment).map(Some),
            None => Ok(None),
        }
    }

    /// The key that the token's header names. Tokens of one key have the same header, letter by letter, so the last one
    /// need not be read again.
    fn key_at_hand(
        &self,
        parts: &Parts<'_>,
        generation: u64,
    ) -> Result<Option<Arc<VerifyingKey>>, TokenError> {
        let (text, _) = parts.header_and_payload()?;
        let last = self.last_header.load();
        let same = |last: &&Arc<LastHeader>| *last.text == *text && last.generation == generation;
        if let Some(last) = last.as_ref().filter(same) {
            return Ok(Some(Arc::clone(&last.key)));
        }
        let header = parts.decoded_header()?;
        let header = Header::parse(&header)?;
        let Some(key) = self.keys.find_now(&header.kid) else { return Ok(None) };
        if key.algorithm != header.algorithm {
            return Err(TokenError::WrongAlgorithm);
        }
        let last = LastHeader { text: text.into(), key: Arc::clone(&key), generation };
        self.last_header.store(Some(Arc::new(last)));
        Ok(Some(key))
    }

    fn moment(&self, parts: &Parts<'_>) -> Moment {
        let generation = self.verified.generation(self.keys.generation());
        Moment {
            fingerprint: fingerprint(parts.signature),
            generation,
            now: self.clock.unix_micros(),
        }
    }

    fn check(
        &self,
        parts: &Parts<'_>,
        key: &VerifyingKey,
        moment: &Moment,
    ) -> Result<VerifiedToken, TokenError> {
        parts.check_signature(key)?;
        let claims = claims(&parts.decoded_payload()?)?;
        self.expectation.check(&claims, moment.now.div_euclid(1_000_000))?;
        if !self.any_audience {
            self.expectation.check_audience(&claims)?;
        }
        self.unless_revoked(self.verified.insert(parts.message, moment, claims))
    }

    /// Last of all: whoever is told that a token was revoked has had a good one.
    fn unless_revoked(&self, token: VerifiedToken) -> Result<VerifiedToken, TokenError> {
        match &self.revocations {
            None => Ok(token),
            Some(source) => token.unless_revoked(&**source).ok_or(TokenError::Revoked),
        }
    }

    #[cfg(feature = "client")]
    pub(crate) fn issuer(&self) -> &str {
        &self.expectation.issuer
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TokenVerifier").field(&self.expectation).finish()
    }
}

fn claims(payload: &[u8]) -> Result<Claims, TokenError> {
    serde_json::from_slice(payload).map_err(|error| bad_claims(&error))
}

/// The parser may quote what it read: the text goes to a log, so it is cut and its control characters escaped.
fn bad_claims(error: &serde_json::Error) -> TokenError {
    let text = error.to_string();
    TokenError::BadClaims(text.chars().take(120).flat_map(char::escape_debug).collect())
}

impl Expectation {
    fn check_audience(&self, claims: &Claims) -> Result<(), TokenError> {
        if claims.aud.contains(&self.audience) { Ok(()) } else { Err(TokenError::WrongAudience) }
    }

    /// The rules about content and time, as a pure function of `now_s` (seconds since 1970).
    fn check(&self, claims: &Claims, now_s: i64) -> Result<(), TokenError> {
        if claims.iss != self.issuer {
            return Err(TokenError::WrongIssuer);
        }
        for (name, value) in
            [("jti", &claims.jti), ("sub", &claims.sub), ("client_id", &claims.client_id)]
        {
            if value.is_empty() {
                return Err(TokenError::BadClaims(format!("{name} is empty")));
            }
        }
        self.check_times(claims, now_s)
    }

    fn check_times(&self, claims: &Claims, now_s: i64) -> Result<(), TokenError> {
        if claims.iat <= 0 || claims.exp <= claims.iat {
            return Err(TokenError::BadClaims("exp is not after iat".to_owned()));
        }
        if claims.exp - claims.iat > self.max_lifetime_s {
            return Err(TokenError::LifetimeTooLong);
        }
        let ahead_s = claims.iat.max(claims.nbf.unwrap_or(i64::MIN)).saturating_sub(now_s);
        if ahead_s > LEEWAY_S {
            return Err(TokenError::NotYetValid { ahead_s });
        }
        let ago_s = now_s - claims.exp;
        if ago_s >= LEEWAY_S { Err(TokenError::Expired { ago_s }) } else { Ok(()) }
    }
}
