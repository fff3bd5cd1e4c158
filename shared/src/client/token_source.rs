//! [`TokenSource`]: where tokens come from; [`ClientCredentials`] asks an authorization server.

mod client_credentials;
mod client_proof;
mod client_settings;
mod handoff;

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use crate::scopes::Scopes;
use crate::session::Session;
use crate::token::AccessToken;
pub use client_credentials::ClientCredentials;
pub use client_proof::ClientProof;
pub use client_settings::{ClientSettings, ClientSettingsError};
pub use handoff::{HandOffRequest, Handoff, HandoffRefusal};

/// Drawn once for the process, so that a hash can be computed once and used with every cache. It is not known outside:
/// nobody can choose sessions that collide.
static HASHING: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Where many are fetched one by one, so many at a time.
const EACH_AT_ONCE: usize = 16;

/// For whom, for which service and for what a token is asked. Cheap to clone; its hash is computed once.
#[derive(Clone)]
pub struct TokenRequest(Arc<Wanted>);

struct Wanted {
    audience: Arc<str>,
    scope: Arc<Scopes>,
    basis: Basis,
    hash: u64,
}

/// What a token is asked for by.
#[derive(Clone, PartialEq, Eq)]
enum Basis {
    /// By the client's own right to act for this session, or for nobody.
    Own(Option<Session>),
    /// By a token that was received, and the session that it carries.
    Subject(AccessToken, Option<Session>),
    /// By what was handed on, and what for.
    Handoff { id: Arc<str>, purpose: Option<Arc<str>> },
}

impl TokenRequest {
    /// A token for the service called `audience` (`resource`, RFC 8707; it becomes the token's `aud`), to be used for
    /// `scope` on behalf of `session`; `None` for a call of the client itself.
    #[must_use]
    pub fn new(audience: &str, scope: Scopes, session: Option<Session>) -> Self {
        Self::of(audience.into(), Arc::new(scope), Basis::Own(session))
    }

    /// The same for another session. What both have in common is held once.
    #[must_use]
    pub fn for_session(&self, session: Option<Session>) -> Self {
        self.by(Basis::Own(session))
    }

    /// The same by token exchange (RFC 8693): `subject` is a token that we have received, and `session` the one that it
    /// carries. What comes of it keeps session and `sid`, and says in `act` that we are acting; it lives no longer than
    /// the subject.
    #[must_use]
    pub fn for_subject(&self, subject: AccessToken, session: Option<Session>) -> Self {
        self.by(Basis::Subject(subject, session))
    }

    /// The same by what another client has handed on to this one. The authorization server knows the session; `purpose` is what
    /// it is believed to be for, and one for something else is refused.
    #[must_use]
    pub fn for_handoff(&self, id: &str, purpose: Option<&str>) -> Self {
        self.by(Basis::Handoff { id: id.into(), purpose: purpose.map(Arc::from) })
    }

    fn by(&self, basis: Basis) -> Self {
        Self::of(Arc::clone(&self.0.audience), Arc::clone(&self.0.scope), basis)
    }

    fn of(audience: Arc<str>, scope: Arc<Scopes>, basis: Basis) -> Self {
        let of_basis = match &basis {
            Basis::Own(session) => (0, session.as_ref().map(Session::as_json), None),
            Basis::Subject(subject, session) => {
                (1, session.as_ref().map(Session::as_json), Some(subject.expose()))
            }
            Basis::Handoff { id, purpose } => (2, purpose.as_deref(), Some(&**id)),
        };
        let hash = HASHING.hash_one((&audience, &scope, of_basis));
        Self(Arc::new(Wanted { audience, scope, basis, hash }))
    }

    /// The service that the token is for.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// What it is to be used for.
    #[must_use]
    pub fn scope(&self) -> &Scopes {
        &self.0.scope
    }

    /// On whose behalf. None for a call of the client itself, and by what was handed on: that is not known here.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match &self.0.basis {
            Basis::Own(session) | Basis::Subject(_, session) => session.as_ref(),
            Basis::Handoff { .. } => None,
        }
    }

    /// The token that is to be exchanged, if that is how it is asked for.
    #[must_use]
    pub fn subject(&self) -> Option<&AccessToken> {
        match &self.0.basis {
            Basis::Subject(subject, _) => Some(subject),
            _ => None,
        }
    }

    /// What was handed on and what for, if that is how it is asked for.
    #[must_use]
    pub fn handoff(&self) -> Option<(&str, Option<&str>)> {
        match &self.0.basis {
            Basis::Handoff { id, purpose } => Some((id, purpose.as_deref())),
            _ => None,
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.0.hash
    }
}

impl PartialEq for TokenRequest {
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (&*self.0, &*other.0);
        std::ptr::eq(own, other)
            || own.hash == other.hash
                && own.basis == other.basis
                && own.audience == other.audience
                && own.scope == other.scope
    }
}

impl Eq for TokenRequest {}

impl Hash for TokenRequest {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.0.hash);
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("TokenRequest");
        shown.field("audience", &self.audience()).field("scope", &self.scope().to_string());
        shown.field("session", &self.session()).finish()
    }
}

/// A token as it was handed out.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: AccessToken,
    /// How long it lives. Zero when the server did not say: then it is used once and not kept.
    pub lifetime: Duration,
}

/// Why there is no token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenFetchError {
    /// The authorization server refuses (RFC 6749 section 5.2). Asking again will not help.
    #[error("the authorization server refuses: {code}: {description}")]
    Refused {
        /// For example `invalid_client`, `unauthorized_client`, `invalid_scope`.
        code: String,
        /// What the server says about it.
        description: String,
    },
    /// It refuses what was handed on, and only that.
    #[error("{0}")]
    Handoff(HandoffRefusal),
    /// It is away, slow or busy.
    #[error("the authorization server is away: {cause}")]
    Unavailable {
        /// What happened.
        cause: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Its answer is not one that a token endpoint gives.
    #[error("the authorization server answers nonsense: {0}")]
    Nonsense(String),
    /// The caller's own deadline passed while the token was being fetched.
    #[error("no token within {waited:?}: the authorization server has not answered{}", before(last.as_deref()))]
    Deadline {
        /// How long the caller waited.
        waited: Duration,
        /// Why the fetch before this one failed, if it did.
        last: Option<Box<TokenFetchError>>,
    },
}

fn before(last: Option<&TokenFetchError>) -> String {
    last.map_or_else(String::new, |error| format!("; the last time: {error}"))
}

impl TokenFetchError {
    /// Whether asking again later may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Deadline { .. }
                | Self::Handoff(HandoffRefusal::NotYet)
        )
    }

    /// It would have come for every other session, too.
    pub(super) fn is_of_the_source(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::Handoff(_)) || self.refuses_the_client()
    }

    /// The client itself is refused, whatever it asks for.
    pub(super) fn refuses_the_client(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "invalid_client")
    }
}

/// As the request says.
pub(super) async fn fetch_one<S: TokenSource + ?Sized>(
    source: &S,
    request: &TokenRequest,
) -> Result<IssuedToken, TokenFetchError> {
    match request.handoff() {
        Some(_) => source.redeem(request).await,
        None => source.fetch(request).await,
    }
}

async fn fetch_each<S: TokenSource + ?Sized>(
    source: &S,
    requests: Vec<&TokenRequest>,
) -> Vec<Result<IssuedToken, TokenFetchError>> {
    let fetches: Vec<_> = requests.into_iter().map(|request| fetch_one(source, request)).collect();
    stream::iter(fetches).buffered(EACH_AT_ONCE).collect().await
}

/// Fetches tokens. One capability: caching is [`TokenCache`](crate::client::token_cache::TokenCache)'s.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// What tells two sources apart: endpoint, client, and a fingerprint of its secret, the id of its key or the path of its
    /// file. It is logged, and it never changes: another secret is another source.
    fn identity(&self) -> Arc<str>;

    /// Another number when the source proves itself by something else than before, for example since a file was replaced:
    /// then a server that has not known it may be asked again at once. It must not wait.
    fn proof_version(&self) -> u64 {
        0
    }

    /// Fetches a token by the client's own right, or for one that it has received.
    async fn fetch(&self, request: &TokenRequest) -> Result<IssuedToken, TokenFetchError>;

    /// Fetches a token by what was handed on ([`TokenRequest::handoff`]).
    ///
    /// # Errors
    /// A [`TokenFetchError`]; from a source that cannot do it, [`TokenFetchError::Nonsense`]: the client's own token would be
    /// the wrong one.
    async fn redeem(&self, request: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        let _ = request;
        Err(TokenFetchError::Nonsense("this source cannot use what was handed on".to_owned()))
    }

    /// Hands on the session of a token that this client has received.
    ///
    /// # Errors
    /// A [`TokenFetchError`]; from a source that cannot do it, [`TokenFetchError::Nonsense`].
    async fn hand_off(&self, request: &HandOffRequest) -> Result<Handoff, TokenFetchError> {
        let _ = request;
        Err(TokenFetchError::Nonsense("this source cannot hand anything on".to_owned()))
    }

    /// Ends what was handed on under this id (RFC 7009).
    ///
    /// # Errors
    /// As [`TokenSource::hand_off`].
    async fn end_handoff(&self, id: &str) -> Result<(), TokenFetchError> {
        let _ = id;
        Err(TokenFetchError::Nonsense("this source cannot end what was handed on".to_owned()))
    }

    /// Fetches several, and gives as many results in the same order. By itself it fetches one after the other, 16 at a
    /// time.
    async fn fetch_many(
        &self,
        requests: &[TokenRequest],
    ) -> Vec<Result<IssuedToken, TokenFetchError>> {
        fetch_each(self, requests.iter().collect()).await
    }
}
