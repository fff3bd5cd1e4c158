//! How far a job is: a bar on a terminal, JSON lines otherwise, both on standard error.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use shared::CompanyId;

/// Shows how far a job is.
#[derive(Clone, Debug)]
pub struct Progress {
    job: &'static str,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// On a terminal a bar, otherwise JSON lines.
    #[must_use]
    pub fn new(job: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(ProgressBar::no_length);
        if let Some(bar) = &bar {
            let template = "{msg:<28} [{bar:30}] {pos}/{len}  {eta} left";
            let plain = ProgressStyle::default_bar();
            bar.set_style(ProgressStyle::with_template(template).unwrap_or(plain));
        }
        Self { job, bar }
    }

    /// Work for one company begins, with so many steps.
    pub(crate) fn company(&self, company: CompanyId, total: usize) -> Steps {
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} company {company}", self.job));
            bar.set_length(total);
            bar.set_position(0);
        }
        let steps =
            Steps { progress: self.clone(), company, total, done: Arc::new(AtomicU64::new(0)) };
        steps.line(0);
        steps
    }

    /// The job has ended: the bar goes away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The steps of the work for one company.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    progress: Progress,
    company: CompanyId,
    total: u64,
    done: Arc<AtomicU64>,
}

impl Steps {
    /// One more is done.
    pub(crate) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.progress.bar {
            bar.set_position(done);
        }
        // A line at each tenth: enough to see that it moves, little enough to keep.
        let tenth = (self.total / 10).max(1);
        if done == self.total || done.is_multiple_of(tenth) {
            self.line(done);
        }
    }

    fn line(&self, done: u64) {
        if self.progress.bar.is_none() {
            let (job, company, total) = (self.progress.job, self.company, self.total);
            let line = json!({"event": "progress", "job": job, "company": company,
                              "done": done, "total": total});
            eprintln!("{line}");
        }
    }
}
