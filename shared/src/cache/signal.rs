//! [`Signal`]: a word to the other replicas that something has changed. It carries nothing and may get lost: who listens
//! looks by himself, too, now and then.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{self, RedisError};
use futures_util::StreamExt;
use tokio::sync::{Mutex, Notify};
use tracing::{debug, warn};

use crate::cache::{CacheUnavailable, Connector};
#[cfg(feature = "store-tls")]
use crate::tls::ClientFiles;

/// How long Redis may take to connect, or to take a word.
const TIMEOUT: Duration = Duration::from_millis(500);
/// After a connection is lost, the next one is tried so much later.
const PAUSE: Duration = Duration::from_millis(500);

/// Wakes those who listen on the same channel: in other processes through Redis, in this one without.
#[derive(Clone)]
pub struct Signal(Arc<Way>);

enum Way {
    Redis(Box<Redis>),
    Memory(Notify),
}

struct Redis {
    connector: Connector,
    channel: String,
    sender: Mutex<Option<MultiplexedConnection>>,
}

impl Signal {
    /// A channel at `redis://host:port`, or within this process for `memory://`. Nothing is connected yet.
    ///
    /// # Errors
    /// When the address is neither.
    pub fn open(url: &str, channel: &str) -> Result<Self, CacheUnavailable> {
        if url == "memory://" {
            return Ok(Self(Arc::new(Way::Memory(Notify::new()))));
        }
        Ok(Self::over(Connector::open(url)?, channel))
    }

    /// The same, which knows Redis by these roots, too, and shows it this certificate, if the address begins with
    /// `rediss://`.
    ///
    /// # Errors
    /// When the address is neither, or a file cannot be used.
    #[cfg(feature = "store-tls")]
    pub fn open_with_tls(
        url: &str,
        files: &ClientFiles,
        channel: &str,
    ) -> Result<Self, CacheUnavailable> {
        if !url.starts_with("rediss://") {
            return Self::open(url, channel);
        }
        Ok(Self::over(Connector::open_with_tls(url, files)?, channel))
    }

    fn over(connector: Connector, channel: &str) -> Self {
        let (channel, sender) = (channel.to_owned(), Mutex::default());
        Self(Arc::new(Way::Redis(Box::new(Redis { connector, channel, sender }))))
    }

    /// Gives the word. That Redis is away is no failure of who calls: the others will see by themselves.
    pub async fn send(&self) {
        match &*self.0 {
            Way::Memory(notify) => notify.notify_waiters(),
            Way::Redis(redis) => {
                let Redis { connector, channel, sender } = &**redis;
                let sent = tokio::time::timeout(TIMEOUT, publish(connector, channel, sender)).await;
                let failure = match sent {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "no answer".to_owned(),
                };
                warn!(channel, cause = failure, "could not tell the other replicas of a change");
            }
        }
    }

    /// Listens from the first [`Listener::heard`] on.
    #[must_use]
    pub fn listener(&self) -> Listener {
        Listener { signal: self.clone(), subscribed: None }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match &*self.0 {
            Way::Redis(_) => "Signal(Redis)",
            Way::Memory(_) => "Signal(in-process)",
        })
    }
}

async fn publish(
    connector: &Connector,
    channel: &str,
    sender: &Mutex<Option<MultiplexedConnection>>,
) -> Result<(), RedisError> {
    let mut sender = sender.lock().await;
    // It goes back when it has done its work: one on which something failed, or took too long, is not used again.
    let mut connection = match sender.take() {
        Some(connection) => connection,
        None => connector.connect(TIMEOUT).await?,
    };
    redis::cmd("PUBLISH").arg(channel).arg("").exec_async(&mut connection).await?;
    *sender = Some(connection);
    Ok(())
}

/// Hears what [`Signal::send`] sends.
pub struct Listener {
    signal: Signal,
    subscribed: Option<PubSub>,
}

impl Listener {
    /// Resolves at the next word; also after each new connection, for a word may have been missed before. While Redis
    /// is away it waits and tries again. Dropping the future loses nothing but the word itself.
    pub async fn heard(&mut self) {
        match &*self.signal.0 {
            Way::Memory(notify) => notify.notified().await,
            Way::Redis(redis) => loop {
                let Redis { connector, channel, .. } = &**redis;
                if let Some(subscribed) = &mut self.subscribed {
                    if subscribed.on_message().next().await.is_some() {
                        return;
                    }
                    self.subscribed = None;
                    warn!(channel, "the connection on which changes are heard of is lost");
                }
                match tokio::time::timeout(TIMEOUT, subscribe(connector, channel)).await {
                    Ok(Ok(subscribed)) => {
                        self.subscribed = Some(subscribed);
                        return;
                    }
                    Ok(Err(error)) => debug!(channel, cause = %error, "cannot listen for changes"),
                    Err(_) => debug!(channel, "cannot listen for changes: no answer"),
                }
                tokio::time::sleep(PAUSE).await;
            },
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Listener")
    }
}

async fn subscribe(connector: &Connector, channel: &str) -> Result<PubSub, RedisError> {
    let mut subscribed = connector.listen().await?;
    subscribed.subscribe(channel).await?;
    Ok(subscribed)
}
