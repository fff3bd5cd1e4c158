//! What has become of the steps that were to be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::Registry;

use crate::exposition::{Exposition, Family};

#[derive(Debug, Default)]
pub(super) struct Counts {
    sent: AtomicU64,
    no_room: AtomicU64,
    not_taken: AtomicU64,
}

impl Counts {
    pub(super) fn sent(&self, count: usize) {
        add(&self.sent, count);
    }

    pub(super) fn no_room(&self) {
        add(&self.no_room, 1);
    }

    pub(super) fn not_taken(&self, count: usize) {
        add(&self.not_taken, count);
    }

    /// Dropped so far, for whatever reason.
    pub(super) fn dropped(&self) -> u64 {
        self.no_room.load(Ordering::Relaxed) + self.not_taken.load(Ordering::Relaxed)
    }

    pub(super) fn register(self: &Arc<Self>, registry: &Registry) -> Result<(), prometheus::Error> {
        let counts = Arc::clone(self);
        registry.register(Box::new(Exposition::of(move || vec![counts.family()])?))
    }

    fn family(&self) -> Family {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let name = "trace_spans_total";
        let help =
            "Steps of traces: sent, dropped since too many waited, or not taken by the collector";
        Family::counter(name, help, 0).by(
            "outcome",
            vec![
                ("sent", read(&self.sent)),
                ("no_room", read(&self.no_room)),
                ("not_taken", read(&self.not_taken)),
            ],
        )
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed);
}
