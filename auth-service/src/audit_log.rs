//! [`AuditLog`]: writes down grants and refusals behind the back of who asked, many rows at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shared::db::DbError;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::domain::audit::AuditEvent;
use crate::repository::audit::AuditRepository;

/// Rows that wait to be written, at the most: what a database that is away for minutes makes pile up.
const WAITING: usize = 100_000;
/// Rows that are written at once, at the most.
const AT_ONCE: usize = 1_000;
/// After the database has refused, it is tried again so much later.
const PAUSE: Duration = Duration::from_millis(500);
/// At the end, this long at the most.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

enum Message {
    Write(AuditEvent),
    Flush(oneshot::Sender<()>),
}

/// Takes events in. When more wait than can be held, the rest is in the log only, and counted.
pub(crate) struct AuditLog {
    sender: mpsc::Sender<Message>,
    grants: bool,
    lost: AtomicU64,
}

impl AuditLog {
    /// The log, and the task that writes it until nobody has anything to say any more; `grants`: whether those get rows,
    /// too.
    pub(crate) fn start(repository: AuditRepository, grants: bool) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write(repository, receiver));
        Self { sender, grants, lost: AtomicU64::new(0) }
    }

    pub(crate) fn granted(&self, event: impl FnOnce() -> AuditEvent) {
        if self.grants {
            self.write(event());
        }
    }

    pub(crate) fn write(&self, event: AuditEvent) {
        if self.sender.try_send(Message::Write(event)).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                error!(lost, "the audit log cannot be written: {lost} rows are in this log only");
            }
        }
    }

    /// Waits until what was taken in before is written, 5 s at the most.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        let flush = async {
            // There is nobody to wait for when the writer has gone.
            if self.sender.send(Message::Flush(done)).await.is_ok() {
                let _ = written.await;
            }
        };
        if tokio::time::timeout(FLUSH_TIMEOUT, flush).await.is_err() {
            error!(
                "the last rows of the audit log could not be written: they are in this log only"
            );
        }
    }
}

async fn write(repository: AuditRepository, mut receiver: mpsc::Receiver<Message>) {
    let mut messages = Vec::with_capacity(AT_ONCE);
    while receiver.recv_many(&mut messages, AT_ONCE).await > 0 {
        let (mut events, mut flushed) = (Vec::with_capacity(messages.len()), Vec::new());
        for message in messages.drain(..) {
            match message {
                Message::Write(event) => events.push(event),
                Message::Flush(done) => flushed.push(done),
            }
        }
        insert(&repository, &events, &receiver).await;
        for done in flushed {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }
}

/// While the database is away the others wait in line; what it refuses is left out, and said.
async fn insert(
    repository: &AuditRepository,
    events: &[AuditEvent],
    receiver: &mpsc::Receiver<Message>,
) {
    let mut warned = false;
    loop {
        match repository.insert(events).await {
            Ok(()) => return,
            Err(DbError::Unavailable(cause)) if !receiver.is_closed() => {
                if !std::mem::replace(&mut warned, true) {
                    warn!(cause, waiting = events.len(), "could not write the audit log");
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(_) => return insert_one_by_one(repository, events).await,
        }
    }
}

async fn insert_one_by_one(repository: &AuditRepository, events: &[AuditEvent]) {
    for event in events {
        if let Err(error) = repository.insert(std::slice::from_ref(event)).await {
            error!(cause = %error, event = event.event, "a row of the audit log is in this log only");
        }
    }
}
