//! [`Snapshot`]: the last good keys in a file, for a start while the issuer is away.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::{info, warn};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::token::remote_keys::held::{Held, Published};
use crate::token::remote_keys::pace::as_ms;

/// How far in the future a snapshot may lie: clocks are set back by a little now and then.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(1);
/// The largest file that we read: an answer with its frame.
const MAX_FILE_BYTES: u64 = 1024 * 1024 + 4096;
/// How long reading may take; a network disk may hang.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// A snapshot of unchanged keys is written again after this part of their usable time, or it would grow too old.
const REWRITES: u32 = 8;

const NEVER: u64 = u64::MAX;

pub(super) struct Snapshot {
    path: PathBuf,
    read: AtomicBool,
    /// When it was last written, in milliseconds of the monotonic clock.
    written: AtomicU64,
    /// Held across a write.
    writing: Mutex<()>,
    broken: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Content {
    /// Whose keys they are.
    url: String,
    fetched_at: Timestamp,
    jwks: Value,
}

impl Snapshot {
    pub(super) fn new(path: PathBuf) -> Self {
        let flag = || AtomicBool::new(false);
        let writing = Mutex::default();
        Self { path, read: flag(), written: NEVER.into(), writing, broken: flag() }
    }

    /// The keys and when they were fetched, if the file is good. It is not read a second time.
    pub(super) async fn read_once(
        self: &Arc<Self>,
        url: &str,
        wall: Timestamp,
        usable_for: Duration,
    ) -> Option<(Published, Timestamp)> {
        if self.read.swap(true, Ordering::Relaxed) {
            return None;
        }
        let snapshot = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || read_capped(&snapshot.path));
        let bytes = match tokio::time::timeout(READ_TIMEOUT, reading).await {
            Ok(Ok(Ok(bytes))) => Ok(bytes),
            Ok(Ok(Err(error))) if error.kind() == ErrorKind::NotFound => return None,
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(_)) | Err(_) => Err("reading takes too long".to_owned()),
        };
        let path = self.path.display();
        match bytes.and_then(|bytes| Content::parse(&bytes)?.keys(url, wall, usable_for)) {
            Ok(keys) => {
                info!(%path, fetched_at = %keys.1, "use the issuer's keys of the snapshot");
                Some(keys)
            }
            Err(cause) => {
                warn!(%path, cause, "the snapshot of the issuer's keys is of no use");
                None
            }
        }
    }

    pub(super) fn is_stale(&self, now: Duration, usable_for: Duration) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        written == NEVER || as_ms(now).saturating_sub(written) >= as_ms(usable_for / REWRITES)
    }

    /// Writes what is held by the time that it is this writer's turn: of two writers the later one must not write the
    /// earlier set.
    pub(super) async fn write(
        self: Arc<Self>,
        url: String,
        now: Duration,
        held: impl Fn() -> Option<Arc<Held>> + Send + 'static,
    ) {
        let snapshot = Arc::clone(&self);
        let writing = tokio::task::spawn_blocking(move || {
            let _alone = snapshot.writing.lock().unwrap_or_else(PoisonError::into_inner);
            held().map_or(Ok(()), |held| replace(&snapshot.path, &Content::of(url, &held)))
        });
        match writing.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => self.note_written(now),
            Err(cause) if !self.broken.swap(true, Ordering::Relaxed) => {
                let path = self.path.display();
                warn!(%path, %cause, "cannot write a snapshot of the issuer's keys");
            }
            Err(_) => {}
        }
    }

    fn note_written(&self, now: Duration) {
        self.written.store(as_ms(now), Ordering::Relaxed);
        if self.broken.swap(false, Ordering::Relaxed) {
            info!(path = %self.path.display(), "the snapshot of the issuer's keys is written again");
        }
    }
}

impl Content {
    fn of(url: String, held: &Held) -> Vec<u8> {
        let jwks = json!(held.published.to_jwks());
        json!(Self { url, fetched_at: held.fetched_at, jwks }).to_string().into_bytes()
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    fn keys(
        self,
        url: &str,
        wall: Timestamp,
        usable_for: Duration,
    ) -> Result<(Published, Timestamp), String> {
        if self.url != url {
            return Err("it is of another issuer".to_owned());
        }
        let age = wall - self.fetched_at;
        if age < -MAX_AHEAD {
            return Err("it is from the future".to_owned());
        }
        if age.to_std().is_ok_and(|age| age >= usable_for) {
            return Err("it is too old".to_owned());
        }
        let published = Published::parse(self.jwks.to_string().as_bytes());
        Ok((published.map_err(|error| error.to_string())?, self.fetched_at))
    }
}

fn read_capped(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// There is always the old file or the new one, never half of one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", Uuid::new_v4()));
    let replaced = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    // Else a machine that loses power may keep the name and lose what is in the file.
    file.sync_all()
}
