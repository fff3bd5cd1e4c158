//! [`SessionSource`]: from what of a request it is found out who is calling. No framework in it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "actix")]
use crate::exposition::{Exposition, Family};
use crate::gateway::GatewayEnvelope;
use crate::identity::Identity;
use crate::refusal::{Reason, Refusal};
use crate::token::verifier::{TokenVerifier, VerifierCounts};

/// What is looked at in a request.
pub(crate) trait RequestHead {
    /// The values of all `Authorization` headers.
    fn authorizations(&self) -> impl Iterator<Item = &[u8]>;
    /// The values of all headers of this name, which is in lower case.
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]>;
    /// The names of all headers.
    fn names(&self) -> impl Iterator<Item = &str>;
    /// The query, without the question mark.
    fn query(&self) -> &str;
    /// The method.
    fn method(&self) -> &str;
    /// Path and query as they came.
    fn target(&self) -> Cow<'_, str>;
}

/// From what it is found out who is calling: a token, a gateway's envelope, or the one and then the other.
///
/// ```
/// use shared::gateway::GatewayEnvelope;
/// use shared::{Secret, SessionMiddleware, SessionSource, SystemClock, TokenVerifier};
///
/// fn middleware(verifier: TokenVerifier, key: Secret) -> SessionMiddleware {
///     let envelope = GatewayEnvelope::new("order-service", &key, SystemClock::shared());
///     SessionMiddleware::new(SessionSource::token(verifier).or_gateway(envelope))
/// }
/// ```
#[derive(Clone)]
pub struct SessionSource {
    verifier: Option<TokenVerifier>,
    gateway: Option<Arc<GatewayEnvelope>>,
    /// Elsewhere nothing is looked at.
    only_under: Option<Arc<[Box<str>]>>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    refused: RefusalCounters,
    dropped_headers: AtomicU64,
}

/// How often callers were not let in, by reason.
#[derive(Debug)]
struct RefusalCounters([AtomicU64; Reason::ALL.len()]);

impl Default for RefusalCounters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl RefusalCounters {
    fn add(&self, reason: Reason) {
        if let Some(counter) = self.0.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn all(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        Reason::ALL.into_iter().zip(counts)
    }
}

/// Whether it is known at once who is calling.
pub(crate) enum Found {
    Now(Result<Identity, Refusal>),
    /// The issuer's keys have to be asked for.
    AfterFetch,
}

impl SessionSource {
    /// The token in `Authorization` alone: whatever a header claims is not looked at.
    #[must_use]
    pub fn token(verifier: TokenVerifier) -> Self {
        let (gateway, only_under, counters) = Default::default();
        Self { verifier: Some(verifier), gateway, only_under, counters }
    }

    /// A gateway's envelope alone; a token is refused.
    #[must_use]
    pub fn gateway(envelope: GatewayEnvelope) -> Self {
        let (verifier, only_under, counters) = Default::default();
        Self { verifier, gateway: Some(Arc::new(envelope)), only_under, counters }
    }

    /// A gateway's envelope where there is no token. A token always wins: with one, no header is looked at.
    #[must_use]
    pub fn or_gateway(self, envelope: GatewayEnvelope) -> Self {
        Self { gateway: Some(Arc::new(envelope)), ..self }
    }

    /// Looks at requests whose path begins with one of these, for example `/admin/`, and at no others: there whatever stands in
    /// `Authorization` is the handlers' own affair, and every caller is anonymous. A path that is spelled in another way
    /// (`/%61dmin/`) does not begin with it: guards refuse whoever comes that way.
    #[must_use]
    pub fn only_under(self, prefixes: &[&str]) -> Self {
        let prefixes = prefixes.iter().map(|prefix| (*prefix).into());
        Self { only_under: Some(prefixes.collect()), ..self }
    }

    /// Whether the tokens that it takes are held against revocations.
    #[cfg(feature = "actix")]
    pub(crate) fn knows_revocations(&self) -> bool {
        self.verifier.as_ref().is_some_and(TokenVerifier::knows_revocations)
    }

    /// How often a caller was not let in, by reason; the guards' refusals are among them.
    #[must_use]
    pub fn refusals(&self) -> Vec<(Reason, u64)> {
        self.counters.refused.all().collect()
    }

    /// How often a header that claims a session came without an envelope, and was dropped.
    #[must_use]
    pub fn dropped_headers(&self) -> u64 {
        self.counters.dropped_headers.load(Ordering::Relaxed)
    }

    /// How often a token was known.
    #[must_use]
    pub fn verified(&self) -> VerifierCounts {
        self.verifier.as_ref().map(TokenVerifier::counts).unwrap_or_default()
    }

    /// Puts these counts into `/metrics`.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    #[cfg(feature = "actix")]
    pub fn register(&self, registry: &prometheus::Registry) -> Result<(), prometheus::Error> {
        let source = self.clone();
        registry.register(Box::new(Exposition::of(move || source.families())?))
    }

    #[cfg(feature = "actix")]
    fn families(&self) -> Vec<Family> {
        let refusals = self.refusals().into_iter().map(|(reason, count)| (reason.label(), count));
        let verified = self.verified();
        let verified = vec![("yes", verified.hits), ("no", verified.misses)];
        vec![
            Family::counter("session_refusals_total", "Callers that were not let in", 0)
                .by("reason", refusals.collect()),
            Family::counter("token_verifications_total", "Tokens looked at: known already?", 0)
                .by("known", verified),
            Family::counter(
                "session_headers_dropped_total",
                "Requests whose headers claimed a session for which nobody vouched",
                self.dropped_headers(),
            ),
        ]
    }

    pub(crate) fn count(&self, reason: Reason) {
        self.counters.refused.add(reason);
    }

    /// Who is calling, if that can be said without waiting.
    pub(crate) fn identify_now(&self, head: &impl RequestHead) -> Found {
        let elsewhere = |prefixes: &Arc<[Box<str>]>| {
            let target = head.target();
            !prefixes.iter().any(|prefix| target.starts_with(&**prefix))
        };
        if self.only_under.as_ref().is_some_and(elsewhere) {
            return Found::Now(Ok(Identity::Anonymous));
        }
        if has_token_in_query(head.query()) {
            return Found::Now(Err(Refusal::because(Reason::TokenInQuery)));
        }
        match bearer(head) {
            Err(reason) => Found::Now(Err(Refusal::because(reason))),
            Ok(None) => Found::Now(self.without_token(head)),
            Ok(Some(token)) => match self.verifier.as_ref().map(|own| own.verify_now(token)) {
                Some(Some(Ok(token))) => Found::Now(Ok(Identity::Token(token))),
                Some(Some(Err(error))) => Found::Now(Err(error.into())),
                Some(None) => Found::AfterFetch,
                None => Found::Now(Err(Refusal::because(Reason::NotABearerToken)
                    .with_detail("only a gateway's envelope is taken here"))),
            },
        }
    }

    /// The same when the issuer's keys had to be fetched.
    pub(crate) async fn identify_after_fetch(&self, token: &str) -> Result<Identity, Refusal> {
        match &self.verifier {
            Some(verifier) => Ok(Identity::Token(verifier.verify(token).await?)),
            None => Err(Refusal::because(Reason::NotABearerToken)),
        }
    }

    fn without_token(&self, head: &impl RequestHead) -> Result<Identity, Refusal> {
        let Some(gateway) = &self.gateway else { return Ok(Identity::Anonymous) };
        let session = gateway.open(head)?;
        Ok(session.map_or(Identity::Anonymous, Identity::Gateway))
    }

    /// The headers that claim a session and must not reach a handler: nobody has vouched for what they say. Those that
    /// an envelope seals are taken out, too; whoever needs the session takes it as an argument.
    pub(crate) fn claiming_headers(&self, head: &impl RequestHead) -> Vec<String> {
        let claiming: Vec<_> =
            head.names().filter(|name| claims_a_session(name)).map(str::to_owned).collect();
        let sealed = self.gateway.is_some() && head.authorizations().next().is_none();
        let sealed = sealed && head.values(crate::gateway::X_SESSION_ENVELOPE).next().is_some();
        if !claiming.is_empty() && !sealed {
            self.counters.dropped_headers.fetch_add(1, Ordering::Relaxed);
        }
        claiming
    }
}

impl From<TokenVerifier> for SessionSource {
    fn from(verifier: TokenVerifier) -> Self {
        Self::token(verifier)
    }
}

impl fmt::Debug for SessionSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SessionSource");
        shown.field("verifier", &self.verifier).field("gateway", &self.gateway).finish()
    }
}

fn has_token_in_query(query: &str) -> bool {
    !query.is_empty() && query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
}

/// The token of the one `Authorization` header. Anything in that header but one bearer token is refused.
fn bearer(head: &impl RequestHead) -> Result<Option<&[u8]>, Reason> {
    let mut headers = head.authorizations();
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Reason::SeveralAuthorizations);
    }
    match header.split_at_checked(SCHEME.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => Ok(Some(token)),
        _ => Err(Reason::NotABearerToken),
    }
}

/// A CORS preflight, as the Fetch standard tells it from another `OPTIONS`.
pub(crate) fn is_preflight(head: &impl RequestHead) -> bool {
    let has = |name| head.values(name).next().is_some();
    head.method() == "OPTIONS" && has("origin") && has("access-control-request-method")
}

/// RFC 9110 section 11.1: the scheme may be written in any case.
const SCHEME: &[u8] = b"Bearer ";

/// The same bytes as text, for whoever has to keep them while keys are fetched. A key id has been read from them, so
/// they are ASCII.
pub(crate) fn bearer_text(head: &impl RequestHead) -> String {
    let token = bearer(head).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(token).into_owned()
}

/// Any spelling of the headers with which a session is claimed: `X-Session`, `session`, `X_Session`, `x-user-id`.
fn claims_a_session(name: &str) -> bool {
    const CLAIMED: [&str; 5] = ["session", "sessionenvelope", "userid", "companyid", "roles"];
    // Most names are told by their first letter: this is asked for each header of each request.
    let Some(b'x' | b'X' | b's' | b'S' | b'u' | b'U' | b'c' | b'C' | b'r' | b'R') =
        name.as_bytes().first()
    else {
        return false;
    };
    CLAIMED.iter().any(|claimed| {
        let letters = name.bytes().filter(|byte| !matches!(byte, b'-' | b'_'));
        let mut letters = letters.map(|byte| byte.to_ascii_lowercase()).peekable();
        letters.next_if_eq(&b'x');
        letters.eq(claimed.bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_claims_a_session_is_known_in_any_spelling() {
        for name in [
            "x-session",
            "X-SESSION",
            "session",
            "X_Session",
            "xsession",
            "x-user-id",
            "User_Id",
            "X-Company-Id",
            "company_id",
            "CompanyId",
            "X-Roles",
            "roles",
            "x-session-envelope",
            "Session_Envelope",
        ] {
            assert!(claims_a_session(name), "{name}");
        }
        for name in [
            "x-sessions",
            "x-request-id",
            "cookie",
            "sessio",
            "accept",
            "",
            "x-",
            "x",
            "user-agent",
        ] {
            assert!(!claims_a_session(name), "{name}");
        }
    }

    #[test]
    fn every_reason_has_a_word_and_a_counter_of_its_own() {
        let counters = RefusalCounters::default();
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            (0..=place).for_each(|_| counters.add(reason));
        }
        let counted: Vec<u64> = counters.all().map(|(_, count)| count).collect();
        assert_eq!(counted, (1..=Reason::ALL.len() as u64).collect::<Vec<_>>());
        let labels: std::collections::HashSet<_> = Reason::ALL.map(Reason::label).into();
        assert_eq!(labels.len(), Reason::ALL.len());
    }
}
