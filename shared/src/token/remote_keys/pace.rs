//! [`Pace`]: when the issuer may be asked, and when it should be.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The shortest time between two fetches for unknown key ids, however many arrive.
const COOLDOWN: Duration = Duration::from_secs(10);
/// The same while there are no keys at all: nothing can be verified, so we ask sooner.
const COOLDOWN_WITHOUT_KEYS: Duration = Duration::from_secs(1);
/// No set is fetched again in the background before this age, whatever the issuer says.
const MIN_AGE: Duration = Duration::from_secs(30);
/// At this age it is fetched again, whatever the issuer says.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);
/// The pause of the background after a failure, doubled at each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How much of a pause is left to chance.
const JITTER: f64 = 0.2;

const NEVER: u64 = u64::MAX;

/// Times are milliseconds of the monotonic clock.
pub(super) struct Pace {
    /// When the last fetch ended.
    asked: AtomicU64,
    /// When the next fetch in the background is due.
    due: AtomicU64,
    /// In a row.
    failures: AtomicU32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { asked: NEVER.into(), due: NEVER.into(), failures: AtomicU32::new(0) }
    }
}

impl Pace {
    /// Whether the issuer may be asked for a key that we do not have.
    pub(super) fn may_ask(&self, now: Duration, has_keys: bool) -> bool {
        let pause = if has_keys { COOLDOWN } else { COOLDOWN_WITHOUT_KEYS };
        let asked = self.asked.load(Ordering::Acquire);
        asked == NEVER || as_ms(now).saturating_sub(asked) >= as_ms(pause)
    }

    /// Whether a fetch is due. True for one caller only, who has to start it; if it comes to nothing, another one
    /// gets the next turn after a pause.
    pub(super) fn take_turn(&self, now: Duration) -> bool {
        let (due, now) = (self.due.load(Ordering::Relaxed), as_ms(now));
        let next = now.saturating_add(as_ms(FIRST_PAUSE));
        let order = Ordering::Relaxed;
        now >= due && self.due.compare_exchange(due, next, order, order).is_ok()
    }

    pub(super) fn succeeded(&self, now: Duration, lifetime: Duration) {
        self.failures.store(0, Ordering::Relaxed);
        self.ended(now, lifetime.clamp(MIN_AGE, MAX_AGE));
    }

    pub(super) fn failed(&self, now: Duration) {
        let earlier = self.failures.fetch_add(1, Ordering::Relaxed).min(8);
        self.ended(now, (FIRST_PAUSE * (1 << earlier)).min(LONGEST_PAUSE));
    }

    fn ended(&self, now: Duration, pause: Duration) {
        self.due.store(as_ms(now + with_jitter(pause)), Ordering::Relaxed);
        self.asked.store(as_ms(now), Ordering::Release);
    }
}

/// So that services which started together do not ask together.
fn with_jitter(pause: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, and nothing worse.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let chance = f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX);
    pause - pause.mul_f64(JITTER * chance)
}

pub(super) fn as_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER)
}
