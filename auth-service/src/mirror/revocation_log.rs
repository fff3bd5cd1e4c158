//! [`RevocationLog`]: the revocations that are in force, in their order, and as a set that answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::{Revocation, Revocations};

#[derive(Default)]
pub(crate) struct RevocationLog {
    set: Revocations,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// By number.
    list: Vec<Revocation>,
    /// The number of the last one that was read, also when it has expired since.
    last: i64,
}

/// A part of the log.
pub(crate) struct Stretch {
    /// From which number on.
    pub(crate) after: i64,
    pub(crate) entries: Vec<Revocation>,
    /// The number to ask with next.
    pub(crate) next: i64,
    pub(crate) more: bool,
}

impl RevocationLog {
    /// Whether a token with these claims is revoked, and the like.
    pub(crate) fn set(&self) -> &Revocations {
        &self.set
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn last(&self) -> i64 {
        self.entries().last
    }

    /// Forgets what it holds for these; at no moment is there less than the one or the other.
    pub(super) fn replace(&self, all: Vec<Revocation>, last: i64) {
        let mut entries = self.entries();
        self.set.replace(all.iter().cloned());
        *entries = Entries { list: all, last };
    }

    pub(super) fn extend(&self, new: Vec<Revocation>, last: i64) {
        for entry in &new {
            self.set.insert(entry.clone());
        }
        let mut entries = self.entries();
        entries.list.extend(new);
        entries.last = last;
    }

    pub(crate) fn drop_expired(&self, now_s: i64) {
        self.set.drop_expired(now_s);
        self.entries().list.retain(|entry| entry.exp >= now_s);
    }

    /// What came after this number, at most so many. Who names a number that is still to come has followed another
    /// database: he gets all from the beginning.
    pub(crate) fn after(&self, asked: i64, at_most: usize) -> Stretch {
        let entries = self.entries();
        let after = if (0..=entries.last).contains(&asked) { asked } else { 0 };
        let first = entries.list.partition_point(|entry| entry.seq <= after);
        let rest = entries.list.get(first..).unwrap_or_default();
        let some: Vec<Revocation> = rest.iter().take(at_most).cloned().collect();
        let more = rest.len() > some.len();
        let next = if more { some.last().map_or(after, |last| last.seq) } else { entries.last };
        Stretch { after, entries: some, next, more }
    }
}

#[cfg(test)]
mod tests {
    use shared::RevocationKind;

    use super::*;

    fn entry(seq: i64, exp: i64) -> Revocation {
        let value = format!("t{seq}");
        Revocation { seq, kind: RevocationKind::Jti, value, before: None, exp }
    }

    fn numbers(stretch: &Stretch) -> Vec<i64> {
        stretch.entries.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn who_follows_gets_each_entry_once_and_in_order() {
        let log = RevocationLog::default();
        log.extend((1..=5).map(|seq| entry(seq, 100)).collect(), 5);
        let first = log.after(0, 3);
        assert_eq!((numbers(&first), first.next, first.more), (vec![1, 2, 3], 3, true));
        let second = log.after(first.next, 3);
        assert_eq!((numbers(&second), second.next, second.more), (vec![4, 5], 5, false));
        let nothing = log.after(5, 3);
        assert_eq!((numbers(&nothing), nothing.next, nothing.more), (vec![], 5, false));
    }

    #[test]
    fn the_number_goes_on_where_entries_have_expired() {
        let log = RevocationLog::default();
        log.extend(vec![entry(1, 100), entry(2, 200)], 2);
        log.drop_expired(201);
        let all = log.after(0, 3);
        assert_eq!((numbers(&all), all.next), (vec![], 2));
    }

    #[test]
    fn who_followed_another_database_begins_anew() {
        let log = RevocationLog::default();
        log.extend(vec![entry(1, 100)], 1);
        for asked in [7, -1] {
            let all = log.after(asked, 3);
            assert_eq!((all.after, numbers(&all), all.next), (0, vec![1], 1), "{asked}");
        }
    }
}
