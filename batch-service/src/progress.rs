//! How far a run is: a bar on a terminal, JSON lines otherwise, both on standard error.

use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use shared::Clock;

use crate::metrics::BatchMetrics;

/// A line so often: enough to see that it moves, little enough to keep.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far a run is.
pub(crate) struct Progress {
    job: &'static str,
    run: i64,
    clock: Arc<dyn Clock>,
    began: Duration,
    items: AtomicU64,
    parts: AtomicU64,
    all_parts: AtomicU64,
    last_line: Mutex<Duration>,
    bar: Option<ProgressBar>,
    metrics: BatchMetrics,
}

impl Progress {
    /// On a terminal a bar, otherwise JSON lines.
    pub(crate) fn new(
        job: &'static str,
        run: i64,
        (clock, metrics): (Arc<dyn Clock>, BatchMetrics),
    ) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        if let Some(bar) = &bar {
            let template = "{prefix} [{bar:30}] {pos}/{len} parts  {msg}  {eta} left";
            let plain = ProgressStyle::default_bar();
            bar.set_style(ProgressStyle::with_template(template).unwrap_or(plain));
            bar.set_prefix(format!("{job} run {run}"));
        }
        let began = clock.monotonic();
        Self {
            job,
            run,
            clock,
            began,
            items: AtomicU64::new(0),
            parts: AtomicU64::new(0),
            all_parts: AtomicU64::new(0),
            last_line: Mutex::new(began),
            bar,
            metrics,
        }
    }

    /// There are so many parts to be done.
    pub(crate) fn begin(&self, parts: u64) {
        self.all_parts.store(parts, Ordering::Relaxed);
        self.metrics.open(self.job, parts);
        if let Some(bar) = &self.bar {
            bar.set_length(parts);
        }
    }

    /// How many parts there are to be done.
    pub(crate) fn all_parts(&self) -> u64 {
        self.all_parts.load(Ordering::Relaxed)
    }

    /// So many items more are in quarantine.
    pub(crate) fn quarantined(&self, count: u64) {
        self.metrics.items(self.job, ("quarantined", count));
    }

    /// A part has failed.
    pub(crate) fn part_failed(&self) {
        self.metrics.part(self.job, "failed");
    }

    /// So many items more are processed.
    pub(crate) fn items(&self, count: u64) {
        self.items.fetch_add(count, Ordering::Relaxed);
        self.metrics.items(self.job, ("done", count));
        if let Some(bar) = &self.bar {
            let (items, rate) = self.rate();
            bar.set_message(format!("{items} items, {rate:.0}/s"));
        }
        self.line_now_and_then();
    }

    /// A part is done.
    pub(crate) fn part_done(&self) {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.metrics.part(self.job, "done");
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// The bar goes away; the last line tells what there was.
    pub(crate) fn finish(&self) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => self.line(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate is shown, not counted with")]
    fn rate(&self) -> (u64, f64) {
        let items = self.items.load(Ordering::Relaxed);
        let took = self.clock.monotonic().saturating_sub(self.began);
        (items, items as f64 / took.as_secs_f64().max(0.001))
    }

    fn line_now_and_then(&self) {
        if self.bar.is_some() {
            return;
        }
        let now = self.clock.monotonic();
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(*last) >= LINE_EVERY {
            *last = now;
            drop(last);
            self.line();
        }
    }

    fn line(&self) {
        let (items, rate) = self.rate();
        let (parts, all) = (self.parts.load(Ordering::Relaxed), &self.all_parts);
        let line = json!({
            "event": "progress", "job": self.job, "run": self.run, "items": items,
            "itemsPerS": rate.round(), "parts": parts, "of": all.load(Ordering::Relaxed),
        });
        eprintln!("{line}");
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Progress({} {})", self.job, self.run)
    }
}
