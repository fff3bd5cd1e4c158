//! [`VerifiedToken`], and the memory of tokens that have been verified: a signature is checked once, not at every
//! request.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::clock::from_unix_micros;
use crate::session::Session;
use crate::token::Claims;
use crate::token::revocation::RevocationSource;

/// A token that has been verified. Cloning one is cheap.
#[derive(Clone)]
pub struct VerifiedToken {
    verified: Arc<Verified>,
    /// In microseconds since 1970.
    loaded_at: i64,
    staleness: Option<Duration>,
}

impl VerifiedToken {
    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.verified.claims
    }

    /// The session in it, marked as loaded when this request came.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        let session = self.claims().session.clone()?;
        Some(session.loaded_at(from_unix_micros(self.loaded_at)))
    }

    /// How old the knowledge of revocations was when the token was looked at: all that were made longer before are taken
    /// into account. None where nobody follows them, and while nothing is known of them yet.
    #[must_use]
    pub fn revocations_staleness(&self) -> Option<Duration> {
        self.staleness
    }

    /// The same token, if it is not revoked.
    pub(super) fn unless_revoked(self, source: &dyn RevocationSource) -> Option<Self> {
        // Before the set is asked, as the version is: both can only be too old.
        let staleness = source.staleness();
        let (verified, revocations) = (&self.verified, source.revocations());
        let version = revocations.version();
        if verified.unrevoked.load(Ordering::Relaxed) != version {
            if revocations.hits(&verified.claims, self.loaded_at.div_euclid(1_000_000)) {
                return None;
            }
            verified.unrevoked.store(version, Ordering::Relaxed);
        }
        Some(Self { staleness, ..self })
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("VerifiedToken").field(self.claims()).finish()
    }
}

/// SHA-256 of a token's signature. What was signed is kept beside it and compared as it is: that is quicker than to
/// hash it, too, and without the signature it is no token.
pub(super) type Fingerprint = [u8; 32];

pub(super) fn fingerprint(signature: &[u8]) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(digest::digest(&digest::SHA256, signature).as_ref());
    fingerprint
}

/// Takes the first 8 bytes: a fingerprint is as good as random already.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    /// The length of the fingerprint, which is the same for all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Verified {
    claims: Claims,
    /// Header, dot and payload.
    message: Box<[u8]>,
    /// By the wall clock, from when to when, in microseconds since 1970: a clock that is set in either direction leads to
    /// a new verification.
    since: i64,
    until: i64,
    /// The generation of the keys when it was verified.
    generation: u64,
    /// The version of the revocations by which it was last found not to be one: while nothing is revoked, a token that
    /// comes back is not looked up among them.
    unrevoked: AtomicU64,
}

/// No version of revocations.
const UNSEEN: u64 = u64::MAX;

/// What a token is verified against: all of it is taken before the key is looked up, so that what is remembered can
/// only be too old, never too young.
pub(super) struct Moment {
    pub(super) fingerprint: Fingerprint,
    pub(super) generation: u64,
    /// In microseconds since 1970.
    pub(super) now: i64,
}

/// Tokens that have been verified more than once; the ones that are asked for least go first.
pub(super) struct VerifiedTokens {
    /// Parts of the fingerprints of tokens that have been seen once. A token that comes back has its worth; to keep
    /// each that comes once would throw those out, and cost more than to verify it.
    seen_once: Box<[AtomicU64]>,
    tokens: Cache<Fingerprint, Arc<Verified>, UnitWeighter, BuildHasherDefault<FirstBytes>>,
    capacity: usize,
    longest: Duration,
    /// Raised to forget all: it is a part of every entry's generation.
    forgotten: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How often a token was known, since the verifier was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifierCounts {
    /// Tokens that had been verified before.
    pub hits: u64,
    /// Tokens that had to be verified.
    pub misses: u64,
}

impl VerifiedTokens {
    pub(super) fn new(capacity: usize, longest: Duration) -> Self {
        let tokens = Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            BuildHasherDefault::default(),
            DefaultLifecycle::default(),
        );
        let slots = if capacity == 0 { 0 } else { (2 * capacity).next_power_of_two() };
        let seen_once = std::iter::repeat_with(AtomicU64::default).take(slots).collect();
        let (forgotten, hits, misses) = Default::default();
        Self { seen_once, tokens, capacity, longest, forgotten, hits, misses }
    }

    /// Another one of the same size, with nothing in it.
    pub(super) fn emptied(&self) -> Self {
        Self::new(self.capacity, self.longest)
    }

    /// What an entry has to have been made under to be believed, given the generation of the keys. Both only rise,
    /// so their sum changes with either.
    pub(super) fn generation(&self, of_keys: u64) -> u64 {
        of_keys.wrapping_add(self.forgotten.load(Ordering::Acquire))
    }

    pub(super) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.tokens.clear();
    }

    pub(super) fn find(&self, message: &[u8], moment: &Moment) -> Option<VerifiedToken> {
        let found = self.tokens.get(&moment.fingerprint).filter(|found| {
            found.generation == moment.generation
                && (found.since..found.until).contains(&moment.now)
                && *found.message == *message
        });
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found.map(|verified| VerifiedToken { verified, loaded_at: moment.now, staleness: None })
    }

    /// Remembers a token that has just been verified, if it has been before.
    pub(super) fn insert(&self, message: &[u8], moment: &Moment, claims: Claims) -> VerifiedToken {
        let (since, generation) = (moment.now, moment.generation);
        let longest = i64::try_from(self.longest.as_micros()).unwrap_or(i64::MAX);
        let until = claims.exp.saturating_mul(1_000_000).min(since.saturating_add(longest));
        let comes_back = self.comes_back(&moment.fingerprint);
        let message = if comes_back { message.into() } else { Box::default() };
        let verified =
            Verified { claims, message, since, until, generation, unrevoked: UNSEEN.into() };
        let verified = Arc::new(verified);
        if comes_back {
            self.tokens.insert(moment.fingerprint, Arc::clone(&verified));
        }
        VerifiedToken { verified, loaded_at: since, staleness: None }
    }

    fn comes_back(&self, fingerprint: &Fingerprint) -> bool {
        let [slot, part] = [&fingerprint[..8], &fingerprint[8..16]]
            .map(|bytes| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)));
        // The number of slots is a power of two.
        let slot = slot as usize & self.seen_once.len().wrapping_sub(1);
        let Some(slot) = self.seen_once.get(slot) else { return false };
        slot.swap(part, Ordering::Relaxed) == part
    }

    pub(super) fn counts(&self) -> VerifierCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        VerifierCounts { hits: count(&self.hits), misses: count(&self.misses) }
    }
}
