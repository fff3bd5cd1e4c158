//! [`Mirror`]: what of the database is in memory, so that a token costs no query and is issued while the database is
//! away. It follows the changes that any replica makes.

pub(crate) mod directory;
pub(crate) mod key_ring;
pub(crate) mod revocation_log;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use shared::Clock;
use shared::cache::signal::Signal;
use shared::db::{Db, DbError};
use tokio::sync::{Mutex, Notify, watch};
use tracing::{error, info};

use crate::domain::key::KeySchedule;
use crate::repository::changes::{Versions, find_versions};
use crate::repository::clients::ClientRepository;
use crate::repository::keys::KeyRepository;
use crate::repository::revocations::RevocationRepository;
use crate::seal::MasterKeys;
use directory::Directory;
use key_ring::KeyRing;
use revocation_log::RevocationLog;

/// A database that was read so recently answers; it is given as much time.
const ANSWERS: Duration = Duration::from_secs(1);

/// See the [module](self).
pub(crate) struct Mirror {
    db: Db,
    clients: ClientRepository,
    keys: KeyRepository,
    revocations: RevocationRepository,
    master_keys: MasterKeys,
    schedule: KeySchedule,
    clock: Arc<dyn Clock>,
    signal: Signal,
    to_tell: Notify,
    directory: ArcSwap<Directory>,
    key_ring: ArcSwap<KeyRing>,
    log: RevocationLog,
    /// Held across a reading, so that callers who arrive meanwhile wait for the next one's result.
    reading: Mutex<Reading>,
    /// When the last reading that succeeded began, in microseconds of the monotonic clock.
    read_at: AtomicU64,
    /// Raised when keys or revocations have changed.
    news: watch::Sender<u64>,
}

/// What is known of the readings so far.
struct Reading {
    versions: Versions,
    /// When the last one that failed began, and why it did.
    failed: Option<(u64, String)>,
}

/// What a mirror is made of.
pub(crate) struct Sources {
    pub(crate) db: Db,
    pub(crate) master_keys: MasterKeys,
    pub(crate) schedule: KeySchedule,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) signal: Signal,
}

impl Mirror {
    /// An empty one; [`Mirror::read`] fills it.
    pub(crate) fn new(sources: Sources) -> Self {
        let Sources { db, master_keys, schedule, clock, signal } = sources;
        Self {
            clients: ClientRepository::new(db.clone()),
            keys: KeyRepository::new(db.clone()),
            revocations: RevocationRepository::new(db.clone()),
            db,
            master_keys,
            schedule,
            clock,
            signal,
            to_tell: Notify::new(),
            directory: ArcSwap::default(),
            key_ring: ArcSwap::default(),
            log: RevocationLog::default(),
            reading: Mutex::new(Reading { versions: Versions::NONE, failed: None }),
            read_at: AtomicU64::new(0),
            news: watch::Sender::new(0),
        }
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    pub(crate) fn key_ring(&self) -> Arc<KeyRing> {
        self.key_ring.load_full()
    }

    pub(crate) fn revocations(&self) -> &RevocationLog {
        &self.log
    }

    pub(crate) fn master_keys(&self) -> &MasterKeys {
        &self.master_keys
    }

    pub(crate) fn schedule(&self) -> &KeySchedule {
        &self.schedule
    }

    pub(crate) fn signal(&self) -> &Signal {
        &self.signal
    }

    /// Changes with each change of keys or revocations.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// How long ago it was like the database.
    pub(crate) fn age(&self) -> Duration {
        let read_at = Duration::from_micros(self.read_at.load(Ordering::Acquire));
        self.clock.monotonic().saturating_sub(read_at)
    }

    /// Makes sure that everything is read that was committed before this call. Many who ask at once share a reading, and
    /// its failure.
    pub(crate) async fn read(&self) -> Result<(), DbError> {
        let asked_at = micros(self.clock.monotonic());
        let mut reading = self.reading.lock().await;
        let begun = reading.versions != Versions::NONE;
        if begun && self.read_at.load(Ordering::Acquire) >= asked_at {
            return Ok(());
        }
        if let Some((_, cause)) = reading.failed.as_ref().filter(|(at, _)| *at >= asked_at) {
            return Err(DbError::Unavailable(cause.clone()));
        }
        let began_at = micros(self.clock.monotonic());
        if let Err(error) = self.read_what_has_changed(&mut reading.versions).await {
            reading.failed = Some((began_at, error.to_string()));
            return Err(error);
        }
        self.read_at.store(began_at, Ordering::Release);
        Ok(())
    }

    /// The same for a caller who waits for his answer: no longer than a second.
    pub(crate) async fn read_soon(&self) -> Result<(), DbError> {
        let late = |_| DbError::Unavailable(format!("no answer within {ANSWERS:?}"));
        tokio::time::timeout(ANSWERS, self.read()).await.map_err(late)?
    }

    /// The same for who can do without: while the database is away nobody waits for it.
    pub(crate) async fn read_if_it_answers(&self) {
        if self.age() < ANSWERS {
            // Whatever comes of it: what is in memory is as good as it can be.
            let _ = self.read_soon().await;
        }
    }

    /// The same after a change of one's own; the other replicas are told meanwhile.
    pub(crate) async fn changed(&self) -> Result<(), DbError> {
        self.to_tell.notify_one();
        self.read().await
    }

    /// Resolves when there is something to tell the others; several changes make one word.
    pub(crate) async fn to_tell(&self) {
        self.to_tell.notified().await;
    }

    /// Each part by itself: that one cannot be read must not hold up the others.
    async fn read_what_has_changed(&self, known: &mut Versions) -> Result<(), DbError> {
        let now = find_versions(&self.db).await?;
        let revocations = self.read_revocations(known, now.revocations).await;
        let keys = self.read_keys(known, now.keys).await;
        let clients = self.read_clients(known, now.clients).await;
        revocations.and(keys).and(clients)
    }

    async fn read_revocations(&self, known: &mut Versions, now: i64) -> Result<(), DbError> {
        if now == known.revocations {
            return Ok(());
        }
        // Somebody may have put back an older database.
        let from_the_beginning = now < known.revocations;
        let after = if from_the_beginning { 0 } else { self.log.last() };
        let new = self.revocations.list_after(after).await?;
        if from_the_beginning {
            self.log.replace(new, now);
        } else {
            self.log.extend(new, now);
        }
        known.revocations = now;
        self.tell();
        Ok(())
    }

    async fn read_clients(&self, known: &mut Versions, now: i64) -> Result<(), DbError> {
        if now == known.clients {
            return Ok(());
        }
        let directory = Directory::new(self.clients.list().await?);
        info!(clients = directory.len(), "read the clients");
        self.directory.store(Arc::new(directory));
        known.clients = now;
        Ok(())
    }

    /// A key that cannot be opened leaves those that are in memory in use: a replica that has not been told of a new master
    /// key goes on signing.
    async fn read_keys(&self, known: &mut Versions, now: i64) -> Result<(), DbError> {
        if now == known.keys {
            return Ok(());
        }
        let stored = self.keys.list().await?;
        let ring = self.key_ring().updated(&stored, (&self.master_keys, self.schedule));
        for kid in ring.unread() {
            error!(
                key.id = kid,
                "cannot open signing key {kid}: it was sealed with another master key"
            );
        }
        self.key_ring.store(Arc::new(ring));
        known.keys = now;
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
