//! [`Cache`]: Redis, or the same calls on an in-process map.

mod connector;
mod redis;
pub mod signal;
mod take_if;
#[cfg(feature = "store-tls")]
mod tls;
mod uncount;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::{AsyncCommands, Pipeline, RedisError, cmd, pipe};

use crate::clock::Clock;
#[cfg(feature = "store-tls")]
use crate::tls::ClientFiles;
pub use connector::{Connector, RedisPool};
pub use redis::Redis;
pub use take_if::TakeIf;

/// How long one call may take, waiting for a connection included. A cache that is slower than what it
/// saves is no cache.
const CALL_TIMEOUT: Duration = Duration::from_millis(100);
/// The in-process map drops what has expired when it has grown to this size, and at each doubling.
const SWEEP_AT: usize = 10_000;

/// Short-lived values that all replicas share.
#[derive(Clone)]
pub enum Cache {
    /// For more than one process.
    Redis(Redis),
    /// For one process.
    Memory(MemoryCache),
}

/// The cache gives no answer. What it holds can be had elsewhere or not at all; it is never the truth.
#[derive(Debug, thiserror::Error)]
#[error("the cache is away: {0}")]
pub struct CacheUnavailable(String);

impl From<RedisError> for CacheUnavailable {
    fn from(error: RedisError) -> Self {
        Self(error.to_string())
    }
}

impl Cache {
    /// The cache at `redis://host:port`, or `memory://` for the in-process one. With the feature `store-tls` also
    /// `rediss://host:port`, for Redis over TLS.
    ///
    /// # Errors
    /// When the address is neither.
    pub fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, CacheUnavailable> {
        if url == "memory://" {
            return Ok(Self::Memory(MemoryCache::new(clock)));
        }
        Connector::open(url).map(|connector| Self::Redis(Redis::new(connector)))
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
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CacheUnavailable> {
        if !url.starts_with("rediss://") {
            return Self::open(url, clock);
        }
        let connector = Connector::open_with_tls(url, files)?;
        Ok(Self::Redis(Redis::new(connector)))
    }

    /// The value under the key, if it has not expired.
    ///
    /// # Errors
    /// [`CacheUnavailable`] when Redis does not answer within 100 ms.
    pub async fn find(&self, key: &str) -> Result<Option<String>, CacheUnavailable> {
        match self {
            Self::Redis(redis) => redis.ask(async |conn| conn.get(key).await).await,
            Self::Memory(map) => Ok(map.find(key)),
        }
    }

    /// Keeps the value for `ttl`.
    ///
    /// # Errors
    /// As [`Cache::find`].
    pub async fn insert(
        &self,
        key: &str,
        value: &str,
        ttl: Duration,
    ) -> Result<(), CacheUnavailable> {
        let ttl_ms = milliseconds(ttl);
        match self {
            Self::Redis(redis) => {
                redis.ask(async |conn| conn.pset_ex(key, value, ttl_ms).await).await
            }
            Self::Memory(map) => {
                map.insert(key, value, ttl);
                Ok(())
            }
        }
    }

    /// Gives the value and removes it, in one step: of many who ask at once, one gets it.
    ///
    /// # Errors
    /// As [`Cache::find`].
    pub async fn take(&self, key: &str) -> Result<Option<String>, CacheUnavailable> {
        match self {
            Self::Redis(redis) => redis.ask(async |conn| conn.get_del(key).await).await,
            Self::Memory(map) => Ok(map.take(key)),
        }
    }

    /// Removes the value if it is the `expected` one, in one step: of many who name it at once, one gets it. Who has named
    /// another one `max_wrong` times has it removed, whoever they were.
    ///
    /// # Errors
    /// As [`Cache::find`].
    pub async fn take_if(
        &self,
        key: &str,
        expected: &str,
        max_wrong: u32,
    ) -> Result<TakeIf, CacheUnavailable> {
        match self {
            Self::Redis(redis) => {
                let script = take_if::script(key, expected, max_wrong);
                let answer = redis.ask(async |conn| script.query_async(conn).await).await?;
                Ok(TakeIf::read(answer))
            }
            Self::Memory(map) => Ok(map.take_if(key, expected, max_wrong)),
        }
    }

    /// Removes the value.
    ///
    /// # Errors
    /// As [`Cache::find`].
    pub async fn delete(&self, key: &str) -> Result<(), CacheUnavailable> {
        self.take(key).await.map(|_| ())
    }

    /// Adds one to a counter and gives the sum, in one step. A new counter lives for `ttl`; later counts do
    /// not prolong it.
    ///
    /// # Errors
    /// As [`Cache::find`].
    pub async fn count(&self, key: &str, ttl: Duration) -> Result<u64, CacheUnavailable> {
        match self {
            Self::Redis(redis) => {
                let pipeline = counting(key, milliseconds(ttl));
                let sums: (u64,) = redis.ask(async |conn| pipeline.query_async(conn).await).await?;
                Ok(sums.0)
            }
            Self::Memory(map) => Ok(map.count(key, ttl)),
        }
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// As [`Cache::find`].
    pub async fn ping(&self) -> Result<(), CacheUnavailable> {
        self.find("ping").await.map(|_| ())
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Redis(_) => "Cache(Redis)",
            Self::Memory(_) => "Cache(in-process)",
        })
    }
}

fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn counting(key: &str, ttl_ms: u64) -> Pipeline {
    let mut pipeline = pipe();
    let start = cmd("SET").arg(key).arg(0).arg("PX").arg(ttl_ms).arg("NX").to_owned();
    pipeline.atomic().add_command(start).ignore().incr(key, 1);
    pipeline
}

/// A map in this process whose values expire.
#[derive(Clone)]
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    values: Arc<Mutex<Values>>,
}

#[derive(Default)]
struct Values {
    map: HashMap<String, (String, Duration)>,
    sweep_at: usize,
}

impl MemoryCache {
    /// An empty map.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, values: Arc::default() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Values, Duration) -> T) -> T {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut values, self.clock.monotonic())
    }

    fn find(&self, key: &str) -> Option<String> {
        self.with(|values, now| values.live(key, now).cloned())
    }

    fn insert(&self, key: &str, value: &str, ttl: Duration) {
        self.with(|values, now| values.put(key, (value.to_owned(), now + ttl), now));
    }

    fn take(&self, key: &str) -> Option<String> {
        self.with(|values, now| {
            let (value, expires) = values.map.remove(key)?;
            (now < expires).then_some(value)
        })
    }

    fn count(&self, key: &str, ttl: Duration) -> u64 {
        self.with(|values, now| {
            let expires = values.map.get(key).map(|(_, expires)| *expires);
            let expires = expires.filter(|expires| now < *expires).unwrap_or(now + ttl);
            let sum = values.live(key, now).and_then(|sum| sum.parse().ok()).unwrap_or(0) + 1;
            values.put(key, (sum.to_string(), expires), now);
            sum
        })
    }
}

impl Values {
    fn live(&self, key: &str, now: Duration) -> Option<&String> {
        self.map.get(key).filter(|(_, expires)| now < *expires).map(|(value, _)| value)
    }

    fn put(&mut self, key: &str, value: (String, Duration), now: Duration) {
        if self.map.len() >= self.sweep_at.max(SWEEP_AT) {
            self.map.retain(|_, (_, expires)| now < *expires);
            self.sweep_at = self.map.len() * 2;
        }
        self.map.insert(key.to_owned(), value);
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::StoppedClock;

    #[tokio::test]
    async fn the_map_forgets_what_has_expired_and_counts_within_one_window()
    -> Result<(), CacheUnavailable> {
        let clock = StoppedClock::at(0);
        let cache = Cache::open("memory://", Arc::new(clock.clone()))?;
        cache.insert("a", "1", Duration::from_secs(10)).await?;
        assert_eq!(cache.count("n", Duration::from_secs(10)).await?, 1);
        clock.advance(Duration::from_secs(6));
        assert_eq!(cache.find("a").await?.as_deref(), Some("1"));
        assert_eq!(cache.count("n", Duration::from_secs(10)).await?, 2);
        clock.advance(Duration::from_secs(4));
        assert_eq!(cache.find("a").await?, None);
        assert_eq!(cache.count("n", Duration::from_secs(10)).await?, 1);
        Ok(())
    }

    #[tokio::test]
    async fn a_value_is_taken_once() -> Result<(), CacheUnavailable> {
        let cache = Cache::open("memory://", Arc::new(StoppedClock::at(0)))?;
        cache.insert("a", "1", Duration::from_secs(10)).await?;
        assert_eq!(cache.take("a").await?.as_deref(), Some("1"));
        assert_eq!(cache.take("a").await?, None);
        Ok(())
    }

    #[test]
    fn an_address_of_something_else_is_refused() {
        assert!(Cache::open("memcached://x", Arc::new(StoppedClock::at(0))).is_err());
    }
}
