//! [`Post`]: takes letters in, and sees to it that they leave. Nobody who hands one in waits for the mail server.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use lettre::message::Mailbox;
use shared::db::DbError;
use shared::{Clock, Timestamp};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::mail::mailbox::MailboxFolder;
use crate::mail::smtp::Smtp;
use crate::mail::{Mail, SendError};
use crate::repository::mail_outbox::MailRepository;

/// How often it is looked for mail that nobody has told us of, or whose turn has come again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many are under way at once.
const AT_ONCE: i64 = 8;
/// No other replica takes a mail up while one tries to send it: longer than that may take.
const CLAIM: TimeDelta = TimeDelta::seconds(60);
/// The longest pause after a failure, in seconds.
const LONGEST_PAUSE_S: i64 = 300;

/// How mail leaves.
pub(crate) enum Way {
    Smtp(Smtp),
    Folder(MailboxFolder),
    /// Neither is configured: it stays until it expires.
    Nowhere,
}

pub(crate) struct Post {
    outbox: MailRepository,
    way: Way,
    from: Mailbox,
    clock: Arc<dyn Clock>,
    wake: Notify,
}

impl Post {
    pub(crate) fn new(
        outbox: MailRepository,
        (way, from): (Way, Mailbox),
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { outbox, way, from, clock, wake: Notify::new() }
    }

    /// The folder, if mail goes there.
    pub(crate) fn folder(&self) -> Option<&MailboxFolder> {
        match &self.way {
            Way::Folder(folder) => Some(folder),
            Way::Smtp(_) | Way::Nowhere => None,
        }
    }

    /// Writes it down; it leaves by itself.
    pub(crate) async fn send(&self, mail: &Mail) -> Result<(), DbError> {
        self.outbox.insert(mail).await?;
        self.wake();
        Ok(())
    }

    /// Something has been written down beside a change.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Sends what is there, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut away = false;
        loop {
            match self.deliver_due().await {
                // There may be more.
                Ok(true) => continue,
                Ok(false) if std::mem::take(&mut away) => info!("the outbox of mail is back"),
                Ok(false) => {}
                Err(error) if !std::mem::replace(&mut away, true) => {
                    warn!(cause = %error, "cannot read the outbox of mail; trying again");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Sends those whose turn it is; whether there were as many as go at once.
    async fn deliver_due(&self) -> Result<bool, DbError> {
        if matches!(self.way, Way::Nowhere) {
            return Ok(false);
        }
        let due = self.outbox.list_due(self.clock.now(), AT_ONCE).await?;
        let full = i64::try_from(due.len()).is_ok_and(|count| count == AT_ONCE);
        let delivered = join_all(due.iter().map(|mail| self.deliver(mail))).await;
        delivered.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(full)
    }

    async fn deliver(&self, mail: &Mail) -> Result<(), DbError> {
        let now = self.clock.now();
        if !self.outbox.claim(mail, (now, now + CLAIM)).await? {
            return Ok(());
        }
        let sent = match &self.way {
            Way::Smtp(smtp) => smtp.send(mail, &self.from).await,
            Way::Folder(folder) => folder.keep(mail, &self.from).await,
            Way::Nowhere => return Ok(()),
        };
        match sent {
            Ok(()) => {
                info!(mail.id, "sent mail {}", mail.id);
                self.outbox.delete(&mail.id).await
            }
            Err(SendError::Malformed(cause)) => {
                error!(mail.id, cause, "dropped mail {} that cannot be put together", mail.id);
                self.outbox.delete(&mail.id).await
            }
            Err(SendError::Away(cause)) => {
                let pause_s = pause_s(mail.attempts);
                warn!(mail.id, cause, pause_s, "could not send mail {}; trying again", mail.id);
                self.outbox.postpone(&mail.id, self.in_seconds(pause_s)).await
            }
        }
    }

    fn in_seconds(&self, seconds: i64) -> Timestamp {
        self.clock.now() + TimeDelta::seconds(seconds)
    }

    /// Removes what is good for nothing any more.
    pub(crate) async fn drop_expired(&self) -> Result<(), DbError> {
        let dropped = self.outbox.delete_expired(self.clock.now()).await?;
        if dropped > 0 {
            warn!(dropped, "dropped {dropped} mails that could not be sent in time");
        }
        Ok(())
    }
}

/// 1, 2, 4 and so on.
fn pause_s(attempts: i32) -> i64 {
    let doubled = u32::try_from(attempts).unwrap_or_default().min(16);
    (1_i64 << doubled).min(LONGEST_PAUSE_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_five_minutes() {
        let pauses: Vec<i64> = [0, 1, 2, 3, 8, 9, 100, i32::MAX].map(pause_s).into();
        assert_eq!(pauses, [1, 2, 4, 8, 256, 300, 300, 300]);
    }
}
