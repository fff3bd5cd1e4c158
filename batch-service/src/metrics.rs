//! [`BatchMetrics`]: how jobs fare, for whoever watches while they run. A run's own rows say the same for ever.

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use shared::Timestamp;

/// Numbers of all jobs of this process. The only labels are the names of jobs and a few words; `job` is what Prometheus calls
/// whom it asks.
#[derive(Clone, Debug)]
pub(crate) struct BatchMetrics {
    items: IntCounterVec,
    parts: IntCounterVec,
    open: IntGaugeVec,
    running: IntGaugeVec,
    window_end: GaugeVec,
    ended: GaugeVec,
    exit_code: IntGaugeVec,
    took: GaugeVec,
}

impl BatchMetrics {
    /// New ones, among these metrics.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help, labels: &[&str]| {
            let made = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let count = |name, help| {
            let made = IntGaugeVec::new(Opts::new(name, help), &["batch_job"])?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let time = |name, help| {
            let made = GaugeVec::new(Opts::new(name, help), &["batch_job"])?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let by = ["batch_job", "outcome"];
        Ok(Self {
            items: counter("batch_items_total", "Items, by what became of them", &by)?,
            parts: counter("batch_parts_total", "Parts, by what became of them", &by)?,
            open: count("batch_parts_open", "Parts of the run that are not over yet")?,
            running: count("batch_runs_in_work", "Runs that this process works on")?,
            window_end: time("batch_window_end_timestamp_seconds", "End of the window in work")?,
            ended: time("batch_run_ended_timestamp_seconds", "When the last run ended here")?,
            exit_code: count("batch_run_exit_code", "How the last run ended here")?,
            took: time("batch_run_duration_seconds", "How long the last run took here")?,
        })
    }

    /// A job is there, so that its numbers are, too: what is not there cannot be missed.
    pub(crate) fn expect(&self, job: &str) {
        for outcome in ["done", "quarantined"] {
            self.items.with_label_values(&[job, outcome]);
        }
        for outcome in ["done", "failed"] {
            self.parts.with_label_values(&[job, outcome]);
        }
        self.open.with_label_values(&[job]);
        self.running.with_label_values(&[job]);
    }

    pub(crate) fn items(&self, job: &str, (outcome, count): (&str, u64)) {
        self.items.with_label_values(&[job, outcome]).inc_by(count);
    }

    /// A part is over.
    pub(crate) fn part(&self, job: &str, outcome: &str) {
        self.parts.with_label_values(&[job, outcome]).inc();
        self.open.with_label_values(&[job]).dec();
    }

    /// So many parts are to be worked on.
    pub(crate) fn open(&self, job: &str, parts: u64) {
        self.open.with_label_values(&[job]).set(i64::try_from(parts).unwrap_or(i64::MAX));
    }

    pub(crate) fn began(&self, job: &str, window_end: Timestamp) {
        self.running.with_label_values(&[job]).inc();
        self.window_end.with_label_values(&[job]).set(seconds(window_end));
    }

    pub(crate) fn ended(&self, job: &str, (at, took_s): (Timestamp, f64), exit_code: u8) {
        self.running.with_label_values(&[job]).dec();
        self.ended.with_label_values(&[job]).set(seconds(at));
        self.took.with_label_values(&[job]).set(took_s);
        self.exit_code.with_label_values(&[job]).set(exit_code.into());
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn seconds(at: Timestamp) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}
