//! [`Follower`]: the one task of a feed, and what it has learnt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tracing::{debug, info, warn};
use url::Url;

use super::answer::{Answer, Asking, WAIT};
use super::counts::{Counters, FeedCounts};
use crate::exposition::Family;
use crate::token::remote_keys::{RemoteKeys, without_password};
use crate::token::revocation::{Revocation, Revocations};

/// The pause after the first failure, doubled at each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The shortest time between two requests that bring nothing new: an issuer need not know how to wait.
const QUIET: Duration = Duration::from_millis(100);
/// How long what has been revoked may wait for a fetch of keys. The fetch itself goes on.
const KEYS_WAIT: Duration = Duration::from_secs(1);

/// While new keys could not be fetched, since others were only just before: then they can be again.
const UNTIL_KEYS: Duration = Duration::from_secs(1);

const NEVER: u64 = u64::MAX;

pub(super) struct Follower {
    asking: Asking,
    pub(super) shown_url: String,
    pub(super) revocations: Revocations,
    made_at: Duration,
    /// When the last request was begun that was answered well, in microseconds of the monotonic clock.
    fresh_as_of: AtomicU64,
    running: AtomicBool,
    counters: Counters,
}

/// How far the feed has been read.
#[derive(Default)]
struct Place {
    next: i64,
    /// The new set, while it comes: the issuer has begun anew.
    anew: Option<Vec<Revocation>>,
    /// The key set that the issuer has spoken of last, and that we have seen to.
    keys: Option<String>,
    /// There are others by now, and we have not got them yet.
    keys_are_due: bool,
    failures: u32,
    away: bool,
    has_warned_of_unknown: bool,
}

impl Follower {
    pub(super) fn new(keys: RemoteKeys, issuer: String, url: Url) -> Self {
        Self {
            shown_url: without_password(url.clone()),
            made_at: keys.clock().monotonic(),
            asking: Asking { url, issuer, keys },
            revocations: Revocations::new(),
            fresh_as_of: NEVER.into(),
            running: AtomicBool::new(false),
            counters: Counters::default(),
        }
    }

    /// Asked at every request.
    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.running.store(true, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    pub(super) fn staleness(&self) -> Option<Duration> {
        let since = self.fresh_as_of.load(Ordering::Acquire);
        (since != NEVER).then(|| self.now().saturating_sub(Duration::from_micros(since)))
    }

    pub(super) fn counts(&self) -> FeedCounts {
        self.counters.counts(self.revocations.len(), self.staleness())
    }

    pub(super) fn families(&self) -> Vec<Family> {
        self.counts().families(self.now().saturating_sub(self.made_at))
    }

    /// By the monotonic clock.
    fn now(&self) -> Duration {
        self.asking.keys.clock().monotonic()
    }

    /// Asks once; gives the pause until the next time.
    async fn step(&self, place: &mut Place) -> Duration {
        let begun = self.now();
        // What has changed between the last answer and this question would be heard of at the end of the wait only.
        let (keys, wait) = match place.keys_are_due {
            true => (None, UNTIL_KEYS),
            false => (place.keys.as_deref(), WAIT),
        };
        let answer = match self.asking.ask(place.next, keys, wait).await {
            Ok(answer) => self.take(place, answer),
            Err(cause) => Err(cause),
        };
        match answer {
            Ok(taken) => {
                self.answered(place, &taken, begun);
                self.see_to_keys(place, taken.keys).await;
                let took = self.now().saturating_sub(begun);
                if taken.brought_news { Duration::ZERO } else { QUIET.saturating_sub(took) }
            }
            Err(cause) => self.failed(place, &cause),
        }
    }

    fn take(&self, place: &mut Place, mut answer: Answer) -> Result<Taken, String> {
        let (entries, unknown) = answer.entries()?;
        let lost = answer.next < answer.after;
        let begins_anew = answer.after != place.next || lost;
        if answer.more && !begins_anew && answer.next == place.next {
            return Err("the answer does not get on".to_owned());
        }
        self.note_unknown(place, unknown);
        if begins_anew {
            Counters::add(&self.counters.resets, 1);
            warn!(feed.url = self.shown_url, "the issuer has begun its revocations anew");
            place.anew = Some(Vec::new());
        }
        let brought_news = !begins_anew && entries.len() + unknown > 0;
        if let Some(anew) = &mut place.anew {
            anew.extend(entries.iter().cloned());
        }
        entries.into_iter().for_each(|entry| self.revocations.insert(entry));
        let complete = !answer.more && !lost;
        if let Some(anew) = place.anew.take_if(|_| complete) {
            self.revocations.replace(anew);
        }
        // An issuer that has not noticed has sent nothing of what it still has.
        place.next = if lost { 0 } else { answer.next };
        Ok(Taken { brought_news, complete, keys: answer.keys })
    }

    fn note_unknown(&self, place: &mut Place, unknown: usize) {
        Counters::add(&self.counters.unknown, u64::try_from(unknown).unwrap_or(u64::MAX));
        if unknown > 0 && !std::mem::replace(&mut place.has_warned_of_unknown, true) {
            warn!(
                feed.url = self.shown_url,
                "the issuer revokes in ways that this version does not know: update it"
            );
        }
    }

    fn answered(&self, place: &mut Place, taken: &Taken, begun: Duration) {
        place.failures = 0;
        Counters::add(&self.counters.answers, 1);
        // Only now: our clock agrees with the issuer's. One that was set ahead must not make us forget.
        self.revocations.drop_expired(self.asking.keys.clock().now().timestamp());
        if taken.complete {
            let begun = u64::try_from(begun.as_micros()).unwrap_or(NEVER);
            // After the entries: whoever sees this time has to find them.
            self.fresh_as_of.store(begun, Ordering::Release);
        }
        if std::mem::take(&mut place.away) {
            info!(feed.url = self.shown_url, "the issuer's revocations are back");
        }
    }

    fn failed(&self, place: &mut Place, cause: &str) -> Duration {
        Counters::add(&self.counters.failures, 1);
        if std::mem::replace(&mut place.away, true) {
            debug!(feed.url = self.shown_url, cause, "the issuer's revocations are still away");
        } else {
            warn!(
                feed.url = self.shown_url,
                cause, "could not ask for the issuer's revocations; those that are known stay"
            );
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << place.failures.min(10)).min(LONGEST_PAUSE);
        place.failures = place.failures.saturating_add(1);
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Has the issuer's keys fetched when it has changed them. What cannot be done now is done after the next answer.
    async fn see_to_keys(&self, place: &mut Place, published: String) {
        if published.is_empty() || place.keys.as_ref() == Some(&published) {
            return;
        }
        let held = self.asking.keys.etag();
        let known = match &held {
            Some(held) => *held == published,
            // Without entity tags only a change can be told.
            None => place.keys.is_none(),
        };
        let fetched = known || {
            let fetch = self.asking.keys.fetch_anew();
            tokio::time::timeout(KEYS_WAIT, fetch).await.unwrap_or(false)
        };
        place.keys_are_due = !fetched;
        if fetched {
            place.keys = Some(published);
        }
    }
}

/// What came of an answer.
struct Taken {
    brought_news: bool,
    /// There is no more for now.
    complete: bool,
    keys: String,
}

/// Says so when it ends, however it ends.
pub(super) struct Running(Arc<Follower>);

impl Running {
    pub(super) async fn follow(self) {
        let mut place = Place::default();
        loop {
            let pause = self.0.step(&mut place).await;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Relaxed);
    }
}
