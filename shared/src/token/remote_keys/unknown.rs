//! [`UnknownKids`]: key ids that the issuer was asked for and does not have.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most ids that are kept. When there are more, all are forgotten: then the limit on fetches alone holds.
const CAPACITY: usize = 1_000;
/// The longest id that is kept, in bytes.
const MAX_KID_BYTES: usize = 128;
/// How long an id counts as missing at first: the copies of an issuer do not all publish a new key at one moment.
const FIRST_TIME: Duration = Duration::from_secs(20);
/// Twice as long each further time, up to this.
const LONGEST_TIME: Duration = Duration::from_secs(300);

#[derive(Clone, Copy)]
struct Missing {
    until: Duration,
    time: Duration,
}

#[derive(Default)]
pub(super) struct UnknownKids {
    kids: Mutex<HashMap<String, Missing>>,
}

impl UnknownKids {
    pub(super) fn contains(&self, kid: &str, now: Duration) -> bool {
        self.lock().get(kid).is_some_and(|missing| now < missing.until)
    }

    pub(super) fn insert(&self, kid: &str, now: Duration) {
        if kid.len() > MAX_KID_BYTES {
            return;
        }
        let mut kids = self.lock();
        let before = kids.get(kid).copied();
        if before.is_some_and(|missing| now < missing.until) {
            return;
        }
        if before.is_none() && kids.len() >= CAPACITY {
            kids.clear();
        }
        let time = before.map_or(FIRST_TIME, |missing| (missing.time * 2).min(LONGEST_TIME));
        kids.insert(kid.to_owned(), Missing { until: now + time, time });
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Missing>> {
        self.kids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
