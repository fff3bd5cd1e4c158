//! [`Held`]: a set of keys as it was fetched, and how old it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::token::key_set::{Jwk, Jwks, KeySet, KeySetError};
use crate::token::remote_keys::answer::{Answer, DEFAULT_LIFETIME};

/// The usable keys of one answer.
pub(super) struct Published {
    pub(super) keys: KeySet,
    /// The same keys as they were written, to tell one set from another.
    jwks: BTreeMap<String, Jwk>,
}

impl Published {
    pub(super) fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        Ok(Self { keys: KeySet::parse(json)?, jwks: usable_jwks(json) })
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.jwks == other.jwks
    }

    /// Whether a key of this set is not in `other`, or is another key there.
    pub(super) fn has_more_than(&self, other: &Self) -> bool {
        self.jwks.iter().any(|(kid, jwk)| other.jwks.get(kid) != Some(jwk))
    }

    pub(super) fn to_jwks(&self) -> Jwks {
        Jwks { keys: self.jwks.values().cloned().collect() }
    }
}

/// One by one, since a set may hold a key that we do not use under the id of one that we do.
fn usable_jwks(json: &[u8]) -> BTreeMap<String, Jwk> {
    let set: Value = serde_json::from_slice(json).unwrap_or_default();
    let members = set["keys"].as_array().into_iter().flatten();
    let jwks = members.filter_map(|member| Jwk::deserialize(member).ok());
    let usable = jwks.filter(|jwk| KeySet::from_jwks([jwk.clone()]).is_ok());
    usable.filter_map(|jwk| Some((jwk.kid.clone()?, jwk))).collect()
}

pub(super) struct Held {
    pub(super) published: Arc<Published>,
    pub(super) etag: Option<HeaderValue>,
    /// How long the issuer wants its answer to be kept.
    pub(super) lifetime: Duration,
    /// When the issuer gave them, by the wall clock: for the snapshot, which outlives the monotonic one.
    pub(super) fetched_at: Timestamp,
    /// By the monotonic clock, which nobody can set. It may stand still while the machine sleeps (Linux): then the
    /// keys stay usable for longer, by the length of the sleep.
    since: Duration,
    /// How old they were at that time: above 0 when they come from a snapshot.
    age_then: Duration,
    passed_away: AtomicBool,
}

impl Held {
    pub(super) fn fetched(answer: Answer, now: Duration, wall: Timestamp) -> Self {
        Self {
            published: answer.published,
            etag: answer.etag,
            lifetime: answer.lifetime,
            fetched_at: wall,
            since: now,
            age_then: Duration::ZERO,
            passed_away: AtomicBool::new(false),
        }
    }

    pub(super) fn from_snapshot(
        published: Published,
        now: Duration,
        (fetched_at, wall): (Timestamp, Timestamp),
    ) -> Self {
        let age_then = (wall - fetched_at).max(TimeDelta::zero()).to_std().unwrap_or_default();
        Self {
            published: Arc::new(published),
            etag: None,
            lifetime: DEFAULT_LIFETIME,
            fetched_at,
            since: now,
            age_then,
            passed_away: AtomicBool::new(false),
        }
    }

    pub(super) fn age_at(&self, now: Duration) -> Duration {
        self.age_then + now.saturating_sub(self.since)
    }

    /// True the first time.
    pub(super) fn pass_away(&self) -> bool {
        !self.passed_away.swap(true, Ordering::AcqRel)
    }
}
