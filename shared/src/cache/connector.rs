//! [`Connector`]: makes connections to Redis, and [`RedisPool`] keeps some.

use std::fmt;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, RecycleResult, Timeouts};
use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{AsyncConnectionConfig, Client, RedisError, cmd};

use super::CacheUnavailable;
#[cfg(feature = "store-tls")]
use super::tls::TlsRedis;
#[cfg(feature = "store-tls")]
use crate::tls::ClientFiles;

/// Connections to Redis, for what is more than a cache; made when they are needed.
pub type RedisPool = managed::Pool<Connector>;

/// Where Redis is, and how it is spoken to. Clones share what they trust.
#[derive(Clone)]
pub struct Connector(Way);

#[derive(Clone)]
enum Way {
    Plain(Client),
    #[cfg(feature = "store-tls")]
    Tls(Box<TlsRedis>),
}

impl Connector {
    /// Redis at `redis://host:port`; with the feature `store-tls` also at `rediss://host:port`, known by the system's roots.
    ///
    /// # Errors
    /// When the address is neither.
    pub fn open(url: &str) -> Result<Self, CacheUnavailable> {
        #[cfg(feature = "store-tls")]
        if url.starts_with("rediss://") {
            return Self::open_with_tls(url, &ClientFiles::default());
        }
        if !url.starts_with("redis://") {
            return Err(CacheUnavailable(
                "the address begins with redis:// or rediss://, or is memory://".to_owned(),
            ));
        }
        Ok(Self(Way::Plain(Client::open(url)?)))
    }

    /// The same, which knows Redis by these roots, too, and shows it this certificate, if the address begins with
    /// `rediss://`.
    ///
    /// # Errors
    /// When the address is neither, or a file cannot be used.
    #[cfg(feature = "store-tls")]
    pub fn open_with_tls(url: &str, files: &ClientFiles) -> Result<Self, CacheUnavailable> {
        match TlsRedis::open(url, files)? {
            Some(redis) => Ok(Self(Way::Tls(Box::new(redis)))),
            None => Self::open(url),
        }
    }

    /// A pool of such connections; each step takes no longer than this.
    ///
    /// # Errors
    /// Never in practice: a runtime is there.
    pub fn pool(self, timeout: Duration) -> Result<RedisPool, CacheUnavailable> {
        let wait = Some(timeout);
        let builder = RedisPool::builder(self)
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .runtime(Runtime::Tokio1);
        builder.build().map_err(|error| CacheUnavailable(error.to_string()))
    }

    pub(super) async fn connect(
        &self,
        timeout: Duration,
    ) -> Result<MultiplexedConnection, RedisError> {
        match &self.0 {
            Way::Plain(client) => {
                let config = AsyncConnectionConfig::new().set_connection_timeout(Some(timeout));
                client.get_multiplexed_async_connection_with_config(&config).await
            }
            #[cfg(feature = "store-tls")]
            Way::Tls(redis) => within(timeout, redis.connect()).await,
        }
    }

    /// One that is told what is published.
    pub(super) async fn listen(&self) -> Result<PubSub, RedisError> {
        match &self.0 {
            Way::Plain(client) => client.get_async_pubsub().await,
            #[cfg(feature = "store-tls")]
            Way::Tls(redis) => redis.listen().await,
        }
    }
}

#[cfg(feature = "store-tls")]
async fn within<T>(
    timeout: Duration,
    connecting: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    let late = |_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    tokio::time::timeout(timeout, connecting).await.unwrap_or_else(late)
}

impl managed::Manager for Connector {
    type Type = MultiplexedConnection;
    type Error = RedisError;

    /// The pool has a limit of its own.
    async fn create(&self) -> Result<MultiplexedConnection, RedisError> {
        self.connect(Duration::from_secs(60)).await
    }

    /// Asks for a sign of life, which has to be the one for this question.
    async fn recycle(
        &self,
        connection: &mut MultiplexedConnection,
        metrics: &Metrics,
    ) -> RecycleResult<RedisError> {
        let asked = metrics.recycle_count.to_string();
        let answered: String = cmd("PING").arg(&asked).query_async(connection).await?;
        if answered == asked {
            return Ok(());
        }
        Err(managed::RecycleError::message("the answer to another question"))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connector")
    }
}
