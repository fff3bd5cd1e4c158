//! How often a password may be tried: a few times at once, and then after growing pauses. A try is counted before it is
//! made, so that many at once are no more than many.

use shared::Timestamp;

/// The rule of one kind of key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// So many without a pause.
    pub(crate) free: i64,
    /// The first pause, in milliseconds; each next one is twice as long.
    pub(crate) first_ms: i64,
    /// The longest one.
    pub(crate) longest_ms: i64,
    /// After so long without a try all is forgotten.
    pub(crate) forget_ms: i64,
}

/// Who tries whose password, from where.
pub(crate) const ACCOUNT_AND_ADDRESS: Pace =
    Pace { free: 5, first_ms: 1_000, longest_ms: 60_000, forget_ms: 3_600_000 };
/// The same for who has come from there before with the right one: he may be in several places at once.
pub(crate) const KNOWN: Pace =
    Pace { free: 20, first_ms: 1_000, longest_ms: 60_000, forget_ms: 3_600_000 };
/// Somebody with many accounts, or many behind one address: what succeeds is taken back.
pub(crate) const ADDRESS: Pace =
    Pace { free: 50, first_ms: 500, longest_ms: 30_000, forget_ms: 900_000 };
/// Many addresses and one account. Neither this nor the one before counts for an address from which the user has come
/// before: strangers must not keep him out.
pub(crate) const ACCOUNT: Pace =
    Pace { free: 50, first_ms: 1_000, longest_ms: 15_000, forget_ms: 3_600_000 };

/// The tries so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) tries: i64,
    /// No try before this, in milliseconds since 1970; 0 for no pause.
    pub(crate) next_ms: i64,
    /// After this it is as if there had been none.
    pub(crate) forget_ms: i64,
}

/// It is too early for a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooEarly {
    pub(crate) wait_ms: i64,
}

impl Pace {
    /// The tries with one more, if there may be one now.
    pub(crate) fn one_more(
        &self,
        before: Option<Attempts>,
        now: Timestamp,
    ) -> Result<Attempts, TooEarly> {
        let now_ms = now.timestamp_millis();
        let before = before.filter(|before| now_ms < before.forget_ms);
        if let Some(before) = before.filter(|before| now_ms < before.next_ms) {
            return Err(TooEarly { wait_ms: before.next_ms - now_ms });
        }
        let tries = before.map_or(0, |before| before.tries) + 1;
        let forget_ms = now_ms + self.forget_ms;
        // Without a pause whoever has looked at the clock a moment earlier may still be counted after this one.
        let next_ms = match self.pause_ms(tries) {
            0 => 0,
            pause_ms => now_ms + pause_ms,
        };
        Ok(Attempts { tries, next_ms, forget_ms })
    }

    /// The pause after so many tries.
    fn pause_ms(&self, tries: i64) -> i64 {
        let beyond = tries - self.free;
        if beyond < 0 {
            return 0;
        }
        let doublings = u32::try_from(beyond.min(20)).unwrap_or_default();
        self.first_ms.saturating_mul(1 << doublings).min(self.longest_ms)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    #[test]
    fn after_five_tries_the_pauses_double_up_to_a_minute_and_are_forgotten_after_an_hour() {
        let mut now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
        let (mut state, mut pauses) = (None, Vec::new());
        for _ in 0..14 {
            let attempts = loop {
                match ACCOUNT_AND_ADDRESS.one_more(state, now) {
                    Ok(attempts) => break attempts,
                    Err(TooEarly { wait_ms }) => now += TimeDelta::milliseconds(wait_ms),
                }
            };
            pauses.push((attempts.next_ms - now.timestamp_millis()).max(0) / 1000);
            state = Some(attempts);
        }
        assert_eq!(pauses, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        now += TimeDelta::hours(2);
        assert_eq!(ACCOUNT_AND_ADDRESS.one_more(state, now).map(|own| own.tries), Ok(1));
    }
}
