//! [`Upkeep`]: renews tokens that are in use when nobody is asking just then, and removes those that nobody uses.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::Inner;
use crate::client::token_source::TokenRequest;

/// The one task of a cache; it ends with it.
pub(super) struct Upkeep {
    every: Duration,
    task: Mutex<Option<AbortHandle>>,
}

impl Upkeep {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, task: Mutex::default() }
    }

    /// Starts the task if it does not run: it may have ended with the runtime that it was started in.
    pub(super) fn start(&self, inner: &Arc<Inner>) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            let (inner, renewals) = (Arc::downgrade(inner), Arc::clone(&inner.renewals));
            *task = Some(tokio::spawn(run(inner, renewals, self.every)).abort_handle());
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

async fn run(inner: Weak<Inner>, renewals: Arc<Semaphore>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(due) = inner.upgrade().map(|inner| inner.sweep()) else { return };
        for request in due {
            // While it waits for its turn it does not keep the cache alive.
            let Ok(permit) = Arc::clone(&renewals).acquire_owned().await else { return };
            let Some(inner) = inner.upgrade() else { return };
            inner.renew(&request, permit);
        }
    }
}

impl Inner {
    /// Removes what is of no use any more; gives back what is to be renewed.
    fn sweep(&self) -> Vec<TokenRequest> {
        let now = self.clock.monotonic();
        for ((), request) in self.entries.select(|entry| entry.is_stale_at(now).then_some(())) {
            self.entries.remove(&request);
        }
        let due = self.entries.select(|entry| entry.is_due_at(now).then_some(()));
        // What was handed on may be used so many times: not where nobody needs it just now.
        let due = due.into_iter().map(|((), request)| request);
        due.filter(|request| request.handoff().is_none()).collect()
    }
}
