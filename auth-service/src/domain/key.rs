//! Signing keys: when each is made, signs, and goes. Pure: the clock and the database are elsewhere.

use chrono::TimeDelta;
use shared::{Algorithm, Timestamp};

/// When a key signs: from a moment on, until its successor of the same algorithm does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyTimes {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    /// Counts up, within an algorithm.
    pub(crate) generation: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) signs_from: Timestamp,
}

/// A signing key as it is stored.
#[derive(Clone)]
pub(crate) struct StoredKey {
    pub(crate) times: KeyTimes,
    pub(crate) sealed_private_key: Vec<u8>,
}

/// The rules of rotation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySchedule {
    /// What new tokens are signed with.
    pub(crate) algorithm: Algorithm,
    /// How long a key signs.
    pub(crate) period: TimeDelta,
    /// How long a key is published before it signs: verifiers keep a set of keys for a while.
    pub(crate) lead: TimeDelta,
    /// The longest life of a token, with the leeway that verifiers give: so long a key stays published after its last
    /// signature.
    pub(crate) longest_token: TimeDelta,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyStep {
    /// Make a key.
    Make { generation: i64, signs_from: Timestamp },
    /// Its last token has expired.
    Remove(String),
}

impl KeySchedule {
    /// What is to be done with these keys now. Replicas that ask at the same time get the same answer; a generation can
    /// be stored once.
    pub(crate) fn steps(&self, keys: &[KeyTimes], now: Timestamp) -> Vec<KeyStep> {
        let mut steps: Vec<KeyStep> = self.next_key(keys, now).into_iter().collect();
        let gone = keys.iter().filter(|key| self.is_over(key, keys, now));
        steps.extend(gone.map(|key| KeyStep::Remove(key.kid.clone())));
        steps
    }

    fn next_key(&self, keys: &[KeyTimes], now: Timestamp) -> Option<KeyStep> {
        let Some(last) = self.own(keys).max_by_key(|key| key.generation) else {
            // Keys of another algorithm sign until verifiers know ours.
            let signs_from = if keys.is_empty() { now } else { now + self.lead };
            return Some(KeyStep::Make { generation: 1, signs_from });
        };
        let due = last.signs_from + self.period;
        if last.signs_from <= now && now >= due - self.lead {
            let signs_from = due.max(now + self.lead);
            return Some(KeyStep::Make { generation: last.generation + 1, signs_from });
        }
        None
    }

    /// The key after the last, to sign as soon as verifiers know it; none when there is one already that is to sign.
    pub(crate) fn successor(&self, keys: &[KeyTimes], now: Timestamp) -> Option<(i64, Timestamp)> {
        let last = self.own(keys).max_by_key(|key| key.generation);
        match last {
            Some(last) if last.signs_from > now => None,
            Some(last) => Some((last.generation + 1, now + self.lead)),
            None => Some((1, if keys.is_empty() { now } else { now + self.lead })),
        }
    }

    fn is_over(&self, key: &KeyTimes, keys: &[KeyTimes], now: Timestamp) -> bool {
        if key.algorithm != self.algorithm {
            return self.is_foreign_over(key, keys, now);
        }
        let successor = self.own(keys).find(|other| other.generation == key.generation + 1);
        successor.is_some_and(|successor| now >= successor.signs_from + self.longest_token)
    }

    /// A replica with other settings may still sign with it: it stays as long as it would have there.
    fn is_foreign_over(&self, key: &KeyTimes, keys: &[KeyTimes], now: Timestamp) -> bool {
        let signed_at_most_until = key.signs_from + self.period;
        let ours = self.own(keys).map(|own| own.signs_from).min();
        ours.is_some_and(|ours| now >= ours.max(signed_at_most_until) + self.longest_token)
    }

    fn own<'k>(&self, keys: &'k [KeyTimes]) -> impl Iterator<Item = &'k KeyTimes> {
        let algorithm = self.algorithm;
        keys.iter().filter(move |key| key.algorithm == algorithm)
    }

    /// The place of the key that signs now. Where none may yet, because our clock is behind, it is the first that will.
    pub(crate) fn signing(&self, keys: &[KeyTimes], now: Timestamp) -> Option<usize> {
        let places = || keys.iter().enumerate().filter(|(_, key)| key.signs_from <= now);
        let own = places()
            .filter(|(_, key)| key.algorithm == self.algorithm)
            .max_by_key(|(_, key)| key.generation);
        let other = || places().max_by_key(|(_, key)| key.signs_from);
        let first = || keys.iter().enumerate().min_by_key(|(_, key)| key.signs_from);
        own.or_else(other).or_else(first).map(|(place, _)| place)
    }
}

#[cfg(test)]
mod tests;
