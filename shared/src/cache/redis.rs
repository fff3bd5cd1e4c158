//! [`Redis`]: the one connection that all calls share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{FromRedisValue, RedisError};
use tokio::sync::OwnedMutexGuard;

use super::{CALL_TIMEOUT, CacheUnavailable, Connector};

/// How long Redis may take to connect, TLS included. No call waits for it longer than for anything else.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// One connection to Redis that all calls share: what many ask at once goes in one packet, and nobody waits for another's
/// answer but those before him.
#[derive(Clone)]
pub struct Redis {
    connector: Connector,
    open: Arc<Mutex<Option<MultiplexedConnection>>>,
    /// Held while a connection is made: of many who need one, one makes it.
    connecting: Arc<tokio::sync::Mutex<()>>,
}

impl Redis {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, open: Arc::default(), connecting: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, CacheUnavailable> {
        if let Some(open) = self.held().clone() {
            return Ok(open);
        }
        let Ok(turn) = Arc::clone(&self.connecting).try_lock_owned() else {
            drop(self.connecting.lock().await);
            return self.held().clone().ok_or_else(|| CacheUnavailable("no connection".to_owned()));
        };
        // In a task of its own: a handshake may take longer than a call waits, and the next call finds it done.
        let connecting = tokio::spawn(self.clone().connect(turn));
        connecting.await.map_err(|error| CacheUnavailable(error.to_string()))?
    }

    async fn connect(
        self,
        _turn: OwnedMutexGuard<()>,
    ) -> Result<MultiplexedConnection, CacheUnavailable> {
        if let Some(open) = self.held().clone() {
            return Ok(open);
        }
        let connection = self.connector.connect(CONNECT_TIMEOUT).await?;
        *self.held() = Some(connection.clone());
        Ok(connection)
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
