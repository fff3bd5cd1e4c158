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
use crate::login_store::LoginStore;
use crate::mirror::Mirror;
use crate::repository::assertions::AssertionRepository;
use crate::repository::attempts::AttemptRepository;
use crate::repository::audit::{AuditLimits, AuditRepository};
use crate::repository::clients::ClientRepository;
use crate::repository::handoffs::HandoffRepository;
use crate::repository::keys::KeyRepository;
use crate::repository::logins::LoginRepository;
use crate::repository::revocations::RevocationRepository;

/// A change that nobody has told us of is seen this much later at the most.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it is looked whether a key is due.
const KEYS_EVERY: Duration = Duration::from_secs(1);
/// How often it is cleaned up.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// How often it is written down how far the logins in Redis have come: what was changed since is what a Redis that goes back
/// while no replica runs may bring back.
const REMEMBER_EVERY: Duration = Duration::from_secs(1);
/// Logins are looked through at each of so many cleanings: there may be many, and nothing hurries.
const LOGINS_EACH: u32 = 10;
/// Rows stay so much longer than they are needed, since replicas' clocks may differ.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(2);
/// A handoff that has expired stays so long: a job that comes late is told why, and so is who looks for it.
const HANDOFFS_KEPT: TimeDelta = TimeDelta::hours(24);
/// Who does it, in the audit log.
pub(crate) const ITSELF: &str = "the server itself";

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
    let mut away = false;
    loop {
        sleep(LOOK_EVERY).await;
        match mirror.read().await {
            Ok(()) if std::mem::take(&mut away) => info!("the database is back"),
            Ok(()) => {}
            Err(error) if !std::mem::replace(&mut away, true) => {
                warn!(cause = %error, "cannot read the database: going on with what is in memory");
            }
            Err(_) => {}
        }
    }
}

/// The same at the word of another replica.
pub(crate) async fn listen(mirror: Arc<Mirror>) {
    let mut listener = mirror.signal().listener();
    loop {
        listener.heard().await;
        // Whoever looks by himself has something to say about it.
        let _ = mirror.read().await;
    }
}

/// Gives the word to the others. Nobody waits for it.
pub(crate) async fn tell(mirror: Arc<Mirror>) {
    loop {
        mirror.to_tell().await;
        mirror.signal().send().await;
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
    let ring = mirror.key_ring();
    // With another master key it must neither sign beside the others nor take away what it cannot read.
    if ring.unread().is_empty() && keeper.keep(ring.stored(), by).await? {
        mirror.changed().await?;
    }
    Ok(())
}

/// Writes down how far the logins in Redis have come.
pub(crate) async fn remember(store: Arc<LoginStore>) {
    let LoginStore::Redis(logins) = &*store else { return };
    loop {
        sleep(REMEMBER_EVERY).await;
        if let Err(cause) = logins.remember().await {
            warn!(%cause, "could not write down how far Redis has come; trying again");
        }
    }
}

/// What bounds the tables.
pub(crate) struct Cleaning {
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) clients: ClientRepository,
    pub(crate) revocations: RevocationRepository,
    pub(crate) used_assertions: AssertionRepository,
    pub(crate) audit: AuditRepository,
    pub(crate) logins: LoginRepository,
    pub(crate) attempts: AttemptRepository,
    pub(crate) handoffs: HandoffRepository,
    /// How long a refresh token may be exchanged again.
    pub(crate) repeat_s: u32,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_tokens: i64,
    pub(crate) changes_days: i64,
}

impl Cleaning {
    pub(crate) async fn run(self) {
        for round in 0_u32.. {
            let cleaned = match self.once().await {
                Ok(()) if round % LOGINS_EACH == 0 => self.logins().await,
                cleaned => cleaned,
            };
            if let Err(error) = cleaned {
                error!(cause = %error, "could not clean up; trying again in a minute");
            }
            sleep(CLEAN_EVERY).await;
        }
    }

    /// Those that are over, and what may not be told again.
    async fn logins(&self) -> Result<(), DbError> {
        let now = self.clock.now();
        self.attempts.delete_forgotten(now).await?;
        self.handoffs.delete_until((now - HANDOFFS_KEPT).timestamp()).await?;
        let repeatable_since = now - TimeDelta::seconds(self.repeat_s.into());
        self.logins.clean((now - CLOCKS_DIFFER, repeatable_since)).await
    }

    pub(crate) async fn once(&self) -> Result<(), DbError> {
        let now = self.clock.now();
        let now_s = now.timestamp();
        self.limits.forget_idle();
        self.mirror.revocations().drop_expired(now_s);
        // What is still good by another replica's clock stays.
        let long_ago = now - CLOCKS_DIFFER;
        self.revocations.delete_expired(long_ago.timestamp()).await?;
        self.used_assertions.delete_expired(long_ago.timestamp()).await?;
        self.clients.delete_expired_secrets(long_ago).await?;
        let changes_since = TimeDelta::try_days(self.changes_days)
            .and_then(|days| now.checked_sub_signed(days))
            .unwrap_or_default();
        self.audit.delete_beyond(AuditLimits { max_tokens: self.max_tokens, changes_since }).await
    }
}
