//! [`Upkeep`]: what goes on by itself: following the changes of other replicas, rotating keys, cleaning up.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use shared::Clock;
use shared::db::DbError;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::domain::key_keeper::KeyKeeper;
use crate::domain::registry::By;
use crate::error::CommandError;
use crate::limits::Limits;
use crate::mirror::Mirror;
use crate::repository::assertions::AssertionRepository;
use crate::repository::audit::{AuditLimits, AuditRepository};
use crate::repository::clients::ClientRepository;
use crate::repository::keys::KeyRepository;
use crate::repository::revocations::RevocationRepository;

/// A change that nobody has told us of is seen this much later at the most.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it is looked whether a key is due.
const KEYS_EVERY: Duration = Duration::from_secs(1);
/// How often it is cleaned up.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// Who does it, in the audit log.
pub(crate) const ITSELF: &str = "auth-service";

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

/// Follows the changes of all replicas.
pub(crate) async fn follow(mirror: Arc<Mirror>) {
    let mut listener = mirror.signal().listener();
    let mut away = false;
    loop {
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = listener.heard() => {}
        }
        match mirror.read().await {
            Ok(()) if std::mem::take(&mut away) => info!("the database is back"),
            Ok(()) => {}
            Err(error) if !std::mem::replace(&mut away, true) => {
                warn!(cause = %error, "the database is away: going on with what is in memory");
            }
            Err(_) => {}
        }
    }
}

/// Makes and removes keys when it is time.
pub(crate) async fn rotate(mirror: Arc<Mirror>, keys: KeyRepository, clock: Arc<dyn Clock>) {
    loop {
        sleep(KEYS_EVERY).await;
        if let Err(cause) = rotate_once(&mirror, &keys, &*clock).await {
            warn!(%cause, "could not look after the signing keys; trying again");
        }
    }
}

/// Does what is due now.
pub(crate) async fn rotate_once(
    mirror: &Mirror,
    keys: &KeyRepository,
    clock: &dyn Clock,
) -> Result<(), CommandError> {
    let (master_keys, schedule) = (mirror.master_keys(), mirror.schedule());
    let keeper = KeyKeeper { keys, master_keys, schedule };
    let by = By { actor: ITSELF, now: clock.now() };
    if keeper.keep(mirror.key_ring().times(), by).await? {
        mirror.changed().await?;
    }
    Ok(())
}

/// What bounds the tables.
pub(crate) struct Cleaning {
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) clients: ClientRepository,
    pub(crate) revocations: RevocationRepository,
    pub(crate) used_assertions: AssertionRepository,
    pub(crate) audit: AuditRepository,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_tokens: i64,
    pub(crate) changes_days: i64,
}

impl Cleaning {
    pub(crate) async fn run(self) {
        loop {
            if let Err(error) = self.once().await {
                error!(cause = %error, "could not clean up; trying again in a minute");
            }
            sleep(CLEAN_EVERY).await;
        }
    }

    pub(crate) async fn once(&self) -> Result<(), DbError> {
        let now = self.clock.now();
        let now_s = now.timestamp();
        self.limits.forget_idle();
        self.mirror.revocations().drop_expired(now_s);
        self.revocations.delete_expired(now_s).await?;
        self.used_assertions.delete_expired(now_s).await?;
        self.clients.delete_expired_secrets(now).await?;
        let changes_since = TimeDelta::try_days(self.changes_days)
            .and_then(|days| now.checked_sub_signed(days))
            .unwrap_or_default();
        self.audit.delete_beyond(AuditLimits { max_tokens: self.max_tokens, changes_since }).await
    }
}
