//! [`Redis`]: the one connection that all calls share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{FromRedisValue, RedisError};
use deadpool_redis::{Config, Connection, Pool, PoolConfig, Runtime, Timeouts};

#[cfg(feature = "store-tls")]
use super::tls::TlsRedis;
use super::{CALL_TIMEOUT, CacheUnavailable};

/// One connection to Redis that all calls share: what many ask at once goes in one packet, and nobody waits for another's
/// answer but those before him.
#[derive(Clone)]
pub struct Redis {
    /// Makes connections.
    way: Way,
    open: Arc<Mutex<Option<MultiplexedConnection>>>,
}

#[derive(Clone)]
enum Way {
    Plain(Pool),
    #[cfg(feature = "store-tls")]
    Tls(Box<TlsRedis>, Arc<tokio::sync::Mutex<()>>),
}

impl Redis {
    pub(super) fn open(url: &str) -> Result<Self, CacheUnavailable> {
        let mut config = Config::from_url(url);
        let timeouts = Timeouts {
            wait: Some(CALL_TIMEOUT),
            create: Some(CALL_TIMEOUT),
            recycle: Some(CALL_TIMEOUT),
        };
        config.pool = Some(PoolConfig { timeouts, ..PoolConfig::default() });
        let pool = config.create_pool(Some(Runtime::Tokio1));
        let pool = pool.map_err(|error| CacheUnavailable(error.to_string()))?;
        Ok(Self { way: Way::Plain(pool), open: Arc::default() })
    }

    #[cfg(feature = "store-tls")]
    pub(super) fn over_tls(redis: TlsRedis) -> Self {
        Self { way: Way::Tls(Box::new(redis), Arc::default()), open: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, CacheUnavailable> {
        if let Some(open) = self.held().clone() {
            return Ok(open);
        }
        match &self.way {
            Way::Plain(pool) => {
                let made = pool.get().await;
                // The pool forgets it: it would ask each time whether it is still there.
                let made = made.map_err(|error| CacheUnavailable(error.to_string()))?;
                let connection = Connection::take(made);
                *self.held() = Some(connection.clone());
                Ok(connection)
            }
            #[cfg(feature = "store-tls")]
            Way::Tls(redis, turn) => self.handshake(redis.clone(), Arc::clone(turn)).await,
        }
    }

    /// One at a time, and to its end: a handshake may take longer than a call waits for it, and the next call finds it done.
    #[cfg(feature = "store-tls")]
    async fn handshake(
        &self,
        redis: Box<TlsRedis>,
        turn: Arc<tokio::sync::Mutex<()>>,
    ) -> Result<MultiplexedConnection, CacheUnavailable> {
        let own = self.clone();
        let connecting = tokio::spawn(async move {
            let _turn = turn.lock().await;
            if let Some(open) = own.held().clone() {
                return Ok(open);
            }
            let connection = tokio::time::timeout(super::HANDSHAKE_TIMEOUT, redis.connect()).await;
            let connection =
                connection.map_err(|_| CacheUnavailable("no handshake".to_owned()))??;
            *own.held() = Some(connection.clone());
            Ok(connection)
        });
        connecting.await.map_err(|error| CacheUnavailable(error.to_string()))?
    }

    /// One exchange within [`CALL_TIMEOUT`]. A connection on which one has failed is not used again: after a fail-over it
    /// would go on answering READONLY for ever.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        question: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, CacheUnavailable> {
        let exchange = async {
            let mut connection = self.connection().await?;
            question(&mut connection).await.map_err(CacheUnavailable::from)
        };
        let answer = tokio::time::timeout(CALL_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(CacheUnavailable("no answer within 100 ms".to_owned())));
        if answer.is_err() {
            *self.held() = None;
        }
        answer
    }
}
