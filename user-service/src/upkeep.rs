//! [`Upkeep`]: what goes on by itself: mail leaves, auth-service is told, closed accounts are erased.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use shared::Clock;
use shared::db::DbError;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::mail::post::Post;
use crate::repository::accounts::AccountRepository;

const ERASE_EVERY: Duration = Duration::from_secs(60);
/// A code outlives its five minutes by so much at the most.
const DROP_EVERY: Duration = Duration::from_secs(10);

/// The tasks; they end when this is dropped.
pub(crate) struct Upkeep(Vec<JoinHandle<()>>);

impl Upkeep {
    pub(crate) fn new(tasks: Vec<JoinHandle<()>>) -> Self {
        Self(tasks)
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Erases what is personal of accounts that have been closed for long enough.
pub(crate) struct Erasing {
    pub(crate) accounts: AccountRepository,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) after_days: u32,
}

impl Erasing {
    pub(crate) async fn run(self) {
        loop {
            match self.once().await {
                Ok(0) => {}
                Ok(erased) => info!(erased, "erased {erased} closed accounts"),
                Err(error) => warn!(cause = %error, "could not erase closed accounts yet"),
            }
            sleep(ERASE_EVERY).await;
        }
    }

    pub(crate) async fn once(&self) -> Result<usize, DbError> {
        let now = self.clock.now();
        let long_ago = now.checked_sub_signed(TimeDelta::days(i64::from(self.after_days)));
        match long_ago {
            Some(long_ago) => self.accounts.erase(long_ago, now).await,
            None => Ok(0),
        }
    }
}

/// Removes mail that could not be sent in time.
pub(crate) async fn drop_expired_mail(post: Arc<Post>) {
    loop {
        sleep(DROP_EVERY).await;
        if let Err(error) = post.drop_expired().await {
            warn!(cause = %error, "could not clean the outbox of mail up yet");
        }
    }
}
