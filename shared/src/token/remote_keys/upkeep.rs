//! [`Inner`]: how the set is fetched, kept and given up.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};
use url::Url;

use crate::clock::Clock;
use crate::token::key_set::{KeysUnavailable, VerifyingKey};
use crate::token::remote_keys::answer::{Answer, fetch};
use crate::token::remote_keys::counts::{Counters, KeyCounts};
use crate::token::remote_keys::held::Held;
use crate::token::remote_keys::pace::{Pace, as_ms};
use crate::token::remote_keys::snapshot::Snapshot;
use crate::token::remote_keys::unknown::UnknownKids;

/// How long keys are used after the last fetch that succeeded.
const USABLE_FOR: Duration = Duration::from_secs(24 * 3600);

pub(super) struct Inner {
    http: reqwest::Client,
    url: Url,
    /// The URL without user and password, for logs and for the snapshot.
    shown_url: String,
    clock: Arc<dyn Clock>,
    usable_for_ms: AtomicU64,
    snapshot: OnceLock<Arc<Snapshot>>,
    held: ArcSwapOption<Held>,
    generation: AtomicU64,
    pace: Pace,
    unknown: UnknownKids,
    /// Held across a fetch, so that callers who arrive meanwhile wait for its result.
    fetching: Arc<AsyncMutex<()>>,
    away: AtomicBool,
    /// Why the last fetch failed.
    failure: Mutex<String>,
    counters: Counters,
}

/// What came of the wish to ask the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It has answered with its keys.
    Answered,
    Failed,
    /// It was asked too short a time ago.
    Refused,
}

impl Inner {
    pub(super) fn new(http: reqwest::Client, url: Url, clock: Arc<dyn Clock>) -> Self {
        Self {
            http,
            shown_url: without_password(url.clone()),
            url,
            clock,
            usable_for_ms: AtomicU64::new(as_ms(USABLE_FOR)),
            snapshot: OnceLock::new(),
            held: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            pace: Pace::default(),
            unknown: UnknownKids::default(),
            fetching: Arc::default(),
            away: AtomicBool::new(false),
            failure: Mutex::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn shown_url(&self) -> &str {
        &self.shown_url
    }

    pub(super) fn set_usable_for(&self, time: Duration) {
        self.usable_for_ms.store(as_ms(time), Ordering::Relaxed);
    }

    pub(super) fn set_snapshot(&self, path: PathBuf) {
        // The first one stays, as is documented.
        let _ = self.snapshot.set(Arc::new(Snapshot::new(path)));
    }

    /// On the way of every request: takes no lock and allocates nothing, but for the one call that begins a refresh.
    pub(super) fn find_now(self: &Arc<Self>, kid: &str) -> Option<Arc<VerifyingKey>> {
        let now = self.clock.monotonic();
        self.refresh_if_due(now);
        let held = self.held.load();
        let held = held.as_ref().filter(|held| self.is_usable(held, now))?;
        held.published.keys.find(kid)
    }

    pub(super) fn usable(&self) -> Option<Arc<Held>> {
        let now = self.clock.monotonic();
        self.held.load_full().filter(|held| self.is_usable(held, now))
    }

    /// Whoever asks for it alone uses the keys, too: he has kept what came of them.
    pub(super) fn generation(self: &Arc<Self>) -> u64 {
        let now = self.clock.monotonic();
        self.refresh_if_due(now);
        // Nobody may have looked since the keys passed their time.
        if let Some(held) = self.held.load().as_ref() {
            self.is_usable(held, now);
        }
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn unavailable(&self) -> KeysUnavailable {
        KeysUnavailable(self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Whether the issuer was asked for this id just before and has no such key.
    pub(super) fn is_known_to_be_missing(&self, kid: &str) -> bool {
        let missing = self.unknown.contains(kid, self.clock.monotonic());
        if missing {
            Counters::add(&self.counters.refused_as_unknown);
        }
        missing
    }

    pub(super) fn remember_missing(&self, kid: &str) {
        self.unknown.insert(kid, self.clock.monotonic());
    }

    pub(super) fn count_refusal(&self) {
        Counters::add(&self.counters.refused_by_limit);
    }

    pub(super) fn counts(&self) -> KeyCounts {
        let now = self.clock.monotonic();
        let age = self.held.load().as_ref().map(|held| held.age_at(now));
        self.counters.counts(age)
    }

    /// Waits for the fetch under way, or fetches if that is allowed.
    pub(super) async fn ask(self: &Arc<Self>) -> Asked {
        if !self.may_ask() {
            return Asked::Refused;
        }
        let before = self.counters.successes();
        let alone = Arc::clone(&self.fetching).lock_owned().await;
        if self.may_ask() {
            // What came of it is in `held` and the counters, also when the task was cut off.
            let _ = self.fetch_alone(&Handle::current(), alone).await;
        }
        if self.counters.successes() > before { Asked::Answered } else { Asked::Failed }
    }

    /// Fetches, unless that has begun since or was done less than a second ago; says whether it has succeeded.
    pub(super) async fn ask_anew(self: &Arc<Self>) -> bool {
        let begun = self.counters.fetches();
        let alone = Arc::clone(&self.fetching).lock_owned().await;
        if self.counters.fetches() == begun {
            // As if there were no keys: those that there are may be the wrong ones.
            if !self.pace.may_ask(self.clock.monotonic(), false) {
                return false;
            }
            let _ = self.fetch_alone(&Handle::current(), alone).await;
        }
        !self.away.load(Ordering::Relaxed)
    }

    pub(super) fn etag(&self) -> Option<String> {
        let held = self.held.load();
        Some(held.as_ref()?.etag.as_ref()?.to_str().ok()?.to_owned())
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn may_ask(&self) -> bool {
        self.pace.may_ask(self.clock.monotonic(), self.usable().is_some())
    }

    fn is_usable(&self, held: &Held, now: Duration) -> bool {
        let usable = held.age_at(now) < self.usable_for();
        if !usable && held.pass_away() {
            self.generation.fetch_add(1, Ordering::AcqRel);
            warn!(jwks.url = self.shown_url, "the issuer's keys are too old to be used any longer");
        }
        usable
    }

    fn usable_for(&self) -> Duration {
        Duration::from_millis(self.usable_for_ms.load(Ordering::Relaxed))
    }

    fn refresh_if_due(self: &Arc<Self>, now: Duration) {
        if self.pace.take_turn(now) {
            self.refresh_in_background();
        }
    }

    fn refresh_in_background(self: &Arc<Self>) {
        // A thread without a runtime cannot fetch; the next call inside one will.
        let Ok(runtime) = Handle::try_current() else { return };
        if let Ok(alone) = Arc::clone(&self.fetching).try_lock_owned() {
            drop(self.fetch_alone(&runtime, alone));
        }
    }

    /// The fetch runs in a task of its own: whoever gives up waiting does not cancel it for the others.
    fn fetch_alone(
        self: &Arc<Self>,
        runtime: &Handle,
        alone: OwnedMutexGuard<()>,
    ) -> JoinHandle<()> {
        let inner = Arc::clone(self);
        runtime.spawn(async move {
            inner.fetch_and_keep().await;
            drop(alone);
        })
    }

    async fn fetch_and_keep(self: &Arc<Self>) {
        Counters::add(&self.counters.fetches);
        let old = self.held.load_full();
        match fetch(&self.http, &self.url, old.as_deref()).await {
            Ok(answer) => self.keep(answer, old.as_deref()),
            Err(cause) => self.do_without(cause).await,
        }
    }

    fn keep(self: &Arc<Self>, answer: Answer, old: Option<&Held>) {
        let now = self.clock.monotonic();
        let changed = old.is_none_or(|old| !old.published.is_same(&answer.published));
        let lost = old.is_some_and(|old| old.published.has_more_than(&answer.published));
        if answer.not_modified {
            Counters::add(&self.counters.not_modified);
        }
        let lifetime = answer.lifetime.min(self.usable_for() / 2);
        self.held.store(Some(Arc::new(Held::fetched(answer, now, self.clock.now()))));
        if lost {
            // After the set: whoever sees the new number must not find the old key any more.
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        if changed {
            self.unknown.clear();
        }
        Counters::add(&self.counters.successes);
        // After the set: whoever is refused a fetch from now on has to find what this one brought.
        self.pace.succeeded(now, lifetime);
        self.log_success(changed);
        self.write_snapshot(changed, now);
    }

    fn log_success(&self, changed: bool) {
        if self.away.swap(false, Ordering::Relaxed) {
            info!(jwks.url = self.shown_url, "the issuer is back");
        }
        if changed {
            info!(jwks.url = self.shown_url, "fetched new keys of the issuer");
        }
    }

    async fn do_without(&self, cause: String) {
        if self.held.load().is_none() {
            self.read_snapshot().await;
        }
        if self.away.swap(true, Ordering::Relaxed) {
            debug!(jwks.url = self.shown_url, cause, "the issuer is still away");
        } else {
            warn!(
                jwks.url = self.shown_url,
                cause, "could not fetch the issuer's keys; the last good ones stay"
            );
        }
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = cause;
        Counters::add(&self.counters.failures);
        // At the end: a slow fetch must not use up the pause, or all who waited would fetch one after the other.
        self.pace.failed(self.clock.monotonic());
    }

    async fn read_snapshot(&self) {
        let Some(snapshot) = self.snapshot.get() else { return };
        let (now, wall) = (self.clock.monotonic(), self.clock.now());
        let (url, usable_for) = (self.shown_url(), self.usable_for());
        if let Some((published, fetched_at)) = snapshot.read_once(url, wall, usable_for).await {
            let held = Held::from_snapshot(published, now, (fetched_at, wall));
            self.held.store(Some(Arc::new(held)));
        }
    }

    /// In the background: nobody who needs a key waits for the disk.
    fn write_snapshot(self: &Arc<Self>, changed: bool, now: Duration) {
        let Some(snapshot) = self.snapshot.get() else { return };
        if !changed && !snapshot.is_stale(now, self.usable_for()) {
            return;
        }
        let (inner, snapshot) = (Arc::clone(self), Arc::clone(snapshot));
        let url = self.shown_url.clone();
        drop(tokio::spawn(snapshot.write(url, now, move || inner.held.load_full())));
    }
}

pub(crate) fn without_password(mut url: Url) -> String {
    // Only a URL without a host refuses, and has none.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.to_string()
}
