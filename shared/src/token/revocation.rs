//! [`Revocations`]: which tokens are no longer good although they have not expired. No network in it:
//! [`RevocationFeed`](crate::RevocationFeed) fills one from an issuer.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::token::Claims;
use crate::token::verifier::LEEWAY_S;

/// What a revocation is aimed at.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevocationKind {
    /// The one token with this `jti`.
    Jti,
    /// All that descend from the login with this `sid`, however young.
    Sid,
    /// The tokens of this subject that are not a client's own: a client called `200` is not the user 200.
    Sub,
    /// The tokens whose session is of this user.
    User,
    /// The tokens whose session is of this company.
    Company,
    /// The tokens that this client has asked for, or takes part in as an actor (RFC 8693 section 4.1).
    Client,
    /// The tokens that came of the handoff of this name, however young.
    Handoff,
    /// Every token of the issuer; the value is empty.
    All,
}

/// The word of a kind that we do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no kind of revocation")]
pub struct UnknownRevocationKind;

impl FromStr for RevocationKind {
    type Err = UnknownRevocationKind;

    /// Reads the word that [`RevocationKind::name`] gives.
    fn from_str(name: &str) -> Result<Self, UnknownRevocationKind> {
        Self::ALL_KINDS.into_iter().find(|kind| kind.name() == name).ok_or(UnknownRevocationKind)
    }
}

impl RevocationKind {
    const COUNT: usize = Self::All as usize + 1;
    const ALL_KINDS: [Self; Self::COUNT] = [
        Self::Jti,
        Self::Sid,
        Self::Sub,
        Self::User,
        Self::Company,
        Self::Client,
        Self::Handoff,
        Self::All,
    ];

    /// The word for it, as it stands in the feed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jti => "jti",
            Self::Sid => "sid",
            Self::Sub => "sub",
            Self::User => "user",
            Self::Company => "company",
            Self::Client => "client",
            Self::Handoff => "handoff",
            Self::All => "all",
        }
    }

    /// A single token, login or handoff stays revoked; of the others it is said until when they were issued.
    fn is_bounded(self) -> bool {
        !matches!(self, Self::Jti | Self::Sid | Self::Handoff)
    }
}

/// One entry of an issuer's feed.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Its place in the feed; it rises.
    pub seq: i64,
    /// What `value` names.
    pub kind: RevocationKind,
    /// Which one. Ids of users and companies are written in decimal.
    pub value: String,
    /// Tokens whose root was issued until then (`auth_time`, else `iat`, in seconds since 1970) are hit. It means nothing for `jti`, `sid` and
    /// `handoff`; where it is missing for another kind, every token is hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub before: Option<i64>,
    /// No token that it hits lives longer than that, in seconds since 1970.
    pub exp: i64,
}

/// Where a [`TokenVerifier`](crate::TokenVerifier) learns what has been revoked. Nothing in it may wait: it is asked at
/// every request.
pub trait RevocationSource: Send + Sync {
    /// What has been revoked, as far as it is known.
    fn revocations(&self) -> &Revocations;

    /// How old this knowledge is: everything that was revoked longer ago is in it. None while nothing is known.
    fn staleness(&self) -> Option<Duration>;
}

impl<S: RevocationSource + ?Sized> RevocationSource for Arc<S> {
    fn revocations(&self) -> &Revocations {
        (**self).revocations()
    }

    fn staleness(&self) -> Option<Duration> {
        (**self).staleness()
    }
}

/// The revocations that are in force.
///
/// To ask costs one atomic load while there are none, and a few look-ups otherwise, however many there are. Those who ask
/// do not wait for each other. An entry stays for the 30 s longer than its `exp` that a verifier still takes a token for.
///
/// ```
/// use shared::{Claims, Revocation, RevocationKind, Revocations};
///
/// fn is_good(claims: &Claims, now_s: i64) -> bool {
///     let revocations = Revocations::new();
///     let (kind, value) = (RevocationKind::User, "200".to_owned());
///     let entry = Revocation { seq: 1, kind, value, before: Some(now_s), exp: now_s + 3600 };
///     revocations.insert(entry);
///     !revocations.hits(claims, now_s)
/// }
/// ```
#[derive(Default)]
pub struct Revocations {
    held: AtomicUsize,
    /// Raised after each change that may hit more than before: what was not hit under the same number is not hit now.
    version: AtomicU64,
    index: RwLock<Index>,
}

#[derive(Default)]
struct Index {
    /// One map for each kind.
    targets: [HashMap<Arc<str>, Bound>; RevocationKind::COUNT],
    /// What may be dropped when. What has been prolonged since stands there a second time.
    ends: BTreeMap<i64, Vec<(RevocationKind, Arc<str>)>>,
}

/// Several entries for one target are as good as one: none of them hits a token that lives beyond its own `exp`.
#[derive(Clone, Copy)]
struct Bound {
    before: i64,
    exp: i64,
}

/// The `before` of what hits tokens of any age.
const WHENEVER: i64 = i64::MAX;

impl Bound {
    fn is_in_force(&self, now_s: i64) -> bool {
        now_s < self.exp.saturating_add(LEEWAY_S)
    }
}

impl Revocations {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. From when it returns on, tokens that it hits are revoked.
    pub fn insert(&self, revocation: Revocation) {
        let mut index = self.write();
        index.insert(revocation);
        self.changed(&index);
    }

    /// Takes these in place of all that there were.
    pub fn replace(&self, revocations: impl IntoIterator<Item = Revocation>) {
        let mut fresh = Index::default();
        revocations.into_iter().for_each(|revocation| fresh.insert(revocation));
        let mut index = self.write();
        *index = fresh;
        self.changed(&index);
    }

    /// Whether a token with these claims is revoked.
    #[must_use]
    pub fn hits(&self, claims: &Claims, now_s: i64) -> bool {
        if self.is_empty() {
            return false;
        }
        let hit = |(bound, dated): (&Bound, i64)| dated <= bound.before && bound.is_in_force(now_s);
        self.read().matching(claims).any(hit)
    }

    /// Until when tokens like this one were revoked, whenever it was issued itself: the greatest `before` of the entries
    /// for what it is. An issuer dates a new token after that.
    #[must_use]
    pub fn latest_before(&self, claims: &Claims) -> Option<i64> {
        if self.is_empty() {
            return None;
        }
        let index = self.read();
        // Where the root's date counts, a later date of its own does not help.
        let own = index.matching(claims).filter(|(_, dated)| *dated == claims.iat);
        own.map(|(bound, _)| bound.before).filter(|before| *before != WHENEVER).max()
    }

    /// Drops what hits no token any more. What that costs depends on what is dropped, not on what is held.
    pub fn drop_expired(&self, now_s: i64) {
        if self.is_empty() {
            return;
        }
        let mut index = self.write();
        index.drop_expired(now_s);
        // Less is hit than before, so what was not hit needs no second look.
        self.held.store(index.len(), Ordering::Release);
    }

    /// For how many targets there are entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// To be read before the set is asked.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn changed(&self, index: &Index) {
        self.held.store(index.len(), Ordering::Release);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Revocations({})", self.len())
    }
}

impl Index {
    fn insert(&mut self, revocation: Revocation) {
        let Revocation { kind, value, before, exp, .. } = revocation;
        let value: Arc<str> = if kind == RevocationKind::All { "".into() } else { value.into() };
        let before = before.filter(|_| kind.is_bounded()).unwrap_or(WHENEVER);
        let held = self.targets[kind as usize].entry(Arc::clone(&value));
        let fresh = matches!(held, std::collections::hash_map::Entry::Vacant(_));
        let bound = held.or_insert(Bound { before, exp });
        if fresh || exp > bound.exp {
            self.ends.entry(exp).or_default().push((kind, value));
        }
        *bound = Bound { before: before.max(bound.before), exp: exp.max(bound.exp) };
    }

    fn drop_expired(&mut self, now_s: i64) {
        while let Some(end) = self.ends.first_entry() {
            if now_s < end.key().saturating_add(LEEWAY_S) {
                return;
            }
            for (kind, value) in end.remove() {
                let targets = &mut self.targets[kind as usize];
                if targets.get(&value).is_some_and(|bound| !bound.is_in_force(now_s)) {
                    targets.remove(&value);
                }
            }
        }
    }

    fn len(&self) -> usize {
        self.targets.iter().map(HashMap::len).sum()
    }

    fn find(&self, kind: RevocationKind, value: &str) -> Option<&Bound> {
        self.targets[kind as usize].get(value)
    }

    fn find_id(&self, kind: RevocationKind, id: i64) -> Option<&Bound> {
        let targets = &self.targets[kind as usize];
        if targets.is_empty() { None } else { targets.get(id.to_string().as_str()) }
    }

    /// What there is for whatever these claims are, and the date of theirs that is held against it: the root's, but for
    /// the client that was given this very token.
    fn matching<'i>(&'i self, claims: &'i Claims) -> impl Iterator<Item = (&'i Bound, i64)> {
        use RevocationKind::{All, Client, Company, Handoff, Jti, Sid, Sub, User};
        let sid = claims.sid.as_deref();
        // A client that has asked for itself: the first of all who act, or the only one.
        let first = actors(claims).last().unwrap_or(&claims.client_id);
        let subject =
            (claims.sub != first && claims.sub != claims.client_id).then_some(&claims.sub);
        let session = claims.session.as_ref();
        let found = [
            self.find(All, ""),
            self.find(Jti, &claims.jti),
            sid.and_then(|sid| self.find(Sid, sid)),
            claims.handoff.as_deref().and_then(|handoff| self.find(Handoff, handoff)),
            subject.and_then(|subject| self.find(Sub, subject)),
            session.and_then(|session| self.find_id(User, session.user_id().get())),
            session.and_then(|session| self.find_id(Company, session.company_id().get())),
        ];
        let holder = self.find(Client, &claims.client_id).map(|bound| (bound, claims.iat));
        let others = actors(claims).filter(|actor| *actor != claims.client_id);
        let others = others.filter_map(|actor| self.find(Client, actor));
        let by_root = found.into_iter().flatten().chain(others);
        by_root.map(|bound| (bound, claims.root_time())).chain(holder)
    }
}

/// The subjects of `act`, from the last actor to the first.
fn actors(claims: &Claims) -> impl Iterator<Item = &str> {
    let actors = std::iter::successors(claims.act.as_ref(), |actor| actor.get("act"));
    actors.filter_map(|actor| actor.get("sub").and_then(Value::as_str))
}
