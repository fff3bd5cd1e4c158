//! The leases of the parts that a process holds: renewed as long as it lives, so that what is not renewed belongs to one that
//! does not, or is paused. If it goes on after all, it finds out here, or at its next checkpoint.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use shared::Timestamp;
use tracing::{error, warn};

use super::Runner;
use super::stopping::{Stop, StopReason};
use crate::repository::parts::Lease;

/// The parts in the hands of this process.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<BTreeSet<i64>>);

impl Held {
    pub(super) fn add(&self, id: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    pub(super) fn remove(&self, id: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    pub(super) fn ids(&self) -> Vec<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

impl Runner {
    pub(super) fn lease(&self) -> Lease<'_> {
        let now = self.clock.now();
        let lease = TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::MAX);
        let until = now.checked_add_signed(lease).unwrap_or(Timestamp::MAX_UTC);
        Lease { owner: &self.owner, now, until }
    }

    /// Renews three times within a lease, and looks whether the run is to stop. It never ends by itself.
    pub(super) async fn keep_leases(&self, run: i64, (held, stop): (&Held, &Stop)) -> Infallible {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            let before = held.ids();
            match self.parts.renew(&before, self.lease()).await {
                Ok(ours) => self.look_for_lost(run, (&before, &ours), stop).await,
                // Its database may be back for the next; until then nobody else can take them over either.
                Err(error) => warn!(run, cause = %error, "cannot renew leases"),
            }
            if self.runs.is_to_stop(run).await.unwrap_or(false) {
                stop.request(StopReason::Operator);
            }
        }
    }

    async fn look_for_lost(&self, run: i64, (before, ours): (&[i64], &[i64]), stop: &Stop) {
        let missing: Vec<i64> = before.iter().filter(|id| !ours.contains(id)).copied().collect();
        if missing.is_empty() {
            return;
        }
        // What is over has been given up, perhaps just now and by ourselves.
        let count = self.parts.count_lost(&missing, &self.owner).await.unwrap_or_default();
        if count > 0 {
            error!(run, count, "fenced: another process has taken over {count} parts");
            stop.request(StopReason::Fenced);
        }
    }
}
