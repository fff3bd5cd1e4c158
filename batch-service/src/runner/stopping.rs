//! [`Stop`]: how a run is told to end before it is done.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Why a run ends before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// SIGTERM or SIGINT.
    Signal,
    /// `stop` was said to the run.
    Operator,
    /// Another process has taken over a part.
    Fenced,
    /// Nothing gets through, or something is wrong that every further item would meet.
    Given,
}

/// Tells a run to end. Clones tell the same run.
#[derive(Clone, Debug)]
pub struct Stop {
    said: Arc<watch::Sender<Option<StopReason>>>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { said: Arc::new(watch::Sender::new(None)) }
    }
}

impl Stop {
    /// Ends the run: nothing more is begun. The first reason stays.
    pub fn request(&self, reason: StopReason) {
        self.said.send_if_modified(|said| {
            let first = said.is_none();
            said.get_or_insert(reason);
            first
        });
    }

    /// Why the run ends, if it does.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        *self.said.borrow()
    }

    /// Waits until the run is to end.
    pub async fn requested(&self) -> StopReason {
        let mut heard = self.said.subscribe();
        let said = heard.wait_for(Option::is_some).await.map(|said| *said);
        match said {
            Ok(Some(reason)) => reason,
            // The sender is held by ourselves.
            _ => std::future::pending().await,
        }
    }

    /// Waits until the run is to end, and then for what is under way.
    pub(super) async fn overdue(&self, grace: Duration) {
        self.requested().await;
        tokio::time::sleep(grace).await;
    }
}
