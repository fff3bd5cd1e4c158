//! [`Entry`]: what is known under one key.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::future::{BoxFuture, Shared};
use reqwest::header::HeaderValue;

use crate::client::token_source::{IssuedToken, TokenFetchError};

/// A token is renewed this long before it expires, or a fifth of its lifetime before, whichever is less.
const RENEWAL_MARGIN: Duration = Duration::from_secs(30);
/// No token is kept longer, whatever the server says.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3600);
/// A token that has not been used for so long, or for half its life, is not renewed.
const LATELY: Duration = Duration::from_secs(300);
/// A token that is rejected sooner than this after it has replaced a rejected one is not the one to blame.
const REJECTED_TOO_SOON: Duration = Duration::from_secs(10);
/// After a failed fetch the next one waits: this long at first, doubled at each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest such wait, unless the server asks for more by `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The same after a refusal: asking again does not help until somebody has set up the client otherwise.
const FIRST_REFUSAL_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_REFUSAL_PAUSE: Duration = Duration::from_secs(30);

/// So many bits of a stamp count uses; the others are good for five hundred years.
const USES_BITS: u32 = 20;

thread_local! {
    static USES: Cell<u64> = const { Cell::new(0) };
}

const SCHEME: &str = "Bearer ";

pub(super) type FetchResult = Result<Arc<Held>, TokenFetchError>;
pub(super) type Flight = Shared<BoxFuture<'static, FetchResult>>;

/// A token and its times, by the monotonic clock: a machine whose wall clock is set does not keep dead tokens.
pub(super) struct Held {
    /// `Bearer` and the token: written once, sent often.
    pub(super) header: HeaderValue,
    pub(super) fetched_at: Duration,
    pub(super) renew_at: Duration,
    pub(super) expires_at: Duration,
    /// Of unknown lifetime: for those who waited for it, and nobody else.
    pub(super) single_use: bool,
    lately: Duration,
    replaces_rejected: bool,
}

impl Held {
    /// The lifetime counts from when the token was asked for: it may have been on its way for a while.
    pub(super) fn new(
        issued: &IssuedToken,
        asked_at: Duration,
        now: Duration,
    ) -> Result<Self, TokenFetchError> {
        let text = format!("{SCHEME}{}", issued.token.expose());
        let no_header = |_| TokenFetchError::Nonsense("the token is no header value".to_owned());
        let mut header = HeaderValue::from_str(&text).map_err(no_header)?;
        header.set_sensitive(true);
        let lifetime = issued.lifetime.min(LONGEST_LIFETIME);
        let (expires_at, margin) = (asked_at + lifetime, RENEWAL_MARGIN.min(lifetime / 5));
        let single_use = lifetime.is_zero();
        if !single_use && now >= expires_at {
            let cause = "its token had expired before it came".to_owned();
            return Err(TokenFetchError::Unavailable { cause, retry_after: None });
        }
        Ok(Self {
            header,
            fetched_at: now,
            // Tokens that were fetched together are not renewed together.
            renew_at: expires_at - margin + (margin / 2).mul_f64(fastrand::f64()),
            expires_at,
            single_use,
            lately: LATELY.min(lifetime / 2),
            replaces_rejected: false,
        })
    }

    pub(super) fn is_good_at(&self, now: Duration) -> bool {
        now < self.expires_at
    }
}

/// The token in an `Authorization` header of ours.
pub(super) fn token_in(header: &HeaderValue) -> &str {
    // It was made of a text; this is the quickest way back.
    let text = std::str::from_utf8(header.as_bytes()).ok();
    text.and_then(|text| text.strip_prefix(SCHEME)).unwrap_or_default()
}

#[derive(Default)]
pub(super) struct Entry {
    /// Written while the state is locked, read by every call without a lock.
    held: ArcSwapOption<Held>,
    /// When it was used last, see [`stamp`].
    last_used: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The one fetch under way, which all who wait share.
    pub(super) flight: Option<Flight>,
    /// It is in the cache no more; whoever still has it looks for its successor.
    pub(super) evicted: bool,
    failures: u32,
    /// Before this time nothing is fetched; whoever needs a token gets the last error.
    pause: Option<(Duration, TokenFetchError)>,
    /// The last token was rejected, and no other has come yet.
    rejected: bool,
}

impl Entry {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn touch(&self, now: Duration) {
        self.last_used.store(stamp(now), Ordering::Relaxed);
    }

    /// The smaller, the longer ago.
    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    pub(super) fn good_at(&self, now: Duration) -> Option<Arc<Held>> {
        self.held.load_full().filter(|held| held.is_good_at(now))
    }

    /// For the one call that needs nothing but a token that is there.
    pub(super) fn read<T>(&self, now: Duration, read: impl FnOnce(&Held) -> T) -> Option<T> {
        let held = self.held.load();
        held.as_ref().filter(|held| held.is_good_at(now)).map(|held| read(held))
    }

    /// To be renewed although nobody is asking just now.
    pub(super) fn is_due_at(&self, now: Duration) -> bool {
        self.read(now, |held| now >= held.renew_at && self.unused_for(now) <= held.lately)
            == Some(true)
    }

    /// Nothing in it is of use, and nobody has asked for long.
    pub(super) fn is_stale_at(&self, now: Duration) -> bool {
        self.unused_for(now) > LATELY && self.read(now, |_| ()).is_none()
    }

    fn unused_for(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.last_used() >> USES_BITS))
    }

    /// Whether it may be taken out of the cache; then it is marked. One whose token is being fetched may not: a
    /// second fetch for the same key would begin.
    pub(super) fn evict(&self) -> bool {
        let mut state = self.state();
        state.evicted = state.flight.is_none();
        state.evicted
    }
}

impl State {
    pub(super) fn paused_at(&self, now: Duration) -> Option<TokenFetchError> {
        self.pause.as_ref().filter(|(until, _)| now < *until).map(|(_, error)| error.clone())
    }

    pub(super) fn last_failure(&self) -> Option<TokenFetchError> {
        self.pause.as_ref().map(|(_, error)| error.clone())
    }

    pub(super) fn keep(&mut self, entry: &Entry, mut held: Held) -> Arc<Held> {
        held.replaces_rejected = std::mem::take(&mut self.rejected);
        (self.failures, self.pause) = (0, None);
        let held = Arc::new(held);
        if !held.single_use {
            entry.held.store(Some(Arc::clone(&held)));
        }
        held
    }

    pub(super) fn pause_after(&mut self, now: Duration, error: &TokenFetchError) -> Duration {
        let pause = match error {
            // Where the client itself is refused, the gate sees to it that nobody asks for longer.
            TokenFetchError::Refused { .. } | TokenFetchError::Handoff(_)
                if !error.refuses_the_client() =>
            {
                growing(FIRST_REFUSAL_PAUSE, self.failures, LONGEST_REFUSAL_PAUSE)
            }
            _ => pause_after(self.failures),
        };
        self.failures = self.failures.saturating_add(1);
        self.pause = Some((now + pause, error.clone()));
        pause
    }

    /// Whether the token was dropped; none when it is no longer the one that is held.
    pub(super) fn reject(&mut self, entry: &Entry, rejected: &str, now: Duration) -> Option<bool> {
        let held = entry.held.load_full()?;
        if token_in(&held.header) != rejected {
            return None;
        }
        if held.replaces_rejected && now < held.fetched_at + REJECTED_TOO_SOON {
            return Some(false);
        }
        entry.held.store(None);
        self.rejected = true;
        Some(true)
    }
}

/// The pause after so many failures before this one.
pub(super) fn pause_after(failures: u32) -> Duration {
    growing(FIRST_PAUSE, failures, LONGEST_PAUSE)
}

/// Between half and all of a pause that doubles each time: those who failed together do not come back together.
fn growing(first: Duration, failures: u32, longest: Duration) -> Duration {
    let pause = first.saturating_mul(1 << failures.min(10)).min(longest);
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Milliseconds of the monotonic clock, and the uses by this thread below them: which of two came later is known also
/// within a millisecond, without a counter that all threads would have to write to at every call.
fn stamp(now: Duration) -> u64 {
    let uses = USES.get().wrapping_add(1);
    USES.set(uses);
    let ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    (ms << USES_BITS) | (uses & ((1 << USES_BITS) - 1))
}
