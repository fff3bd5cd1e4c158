//! Taking back what was counted too much.

use deadpool_redis::redis::{self, Cmd};

use crate::cache::{Cache, CacheUnavailable, MemoryCache};

/// A counter that is not there any more stays away, and one of nothing goes: its time begins anew with the next count.
const UNCOUNT: &str = r"
local sum = tonumber(redis.call('GET', KEYS[1]) or 0)
if sum > 1 then
    redis.call('DECR', KEYS[1])
else
    redis.call('DEL', KEYS[1])
end
return 0
";

impl Cache {
    /// Takes one count back, in one step. The counter lives as long as it would have.
    ///
    /// # Errors
    /// As [`Cache::find`].
    pub async fn uncount(&self, key: &str) -> Result<(), CacheUnavailable> {
        match self {
            Self::Redis(redis) => {
                let script = script(key);
                redis.ask(async |conn| script.query_async::<u8>(conn).await).await.map(|_| ())
            }
            Self::Memory(map) => {
                map.uncount(key);
                Ok(())
            }
        }
    }
}

fn script(key: &str) -> Cmd {
    let mut script = redis::cmd("EVAL");
    script.arg(UNCOUNT).arg(1).arg(key);
    script
}

impl MemoryCache {
    fn uncount(&self, key: &str) {
        self.with(|values, now| {
            let sum: u64 = values.live(key, now).and_then(|sum| sum.parse().ok()).unwrap_or(0);
            match values.map.get_mut(key) {
                Some((value, _)) if sum > 1 => *value = (sum - 1).to_string(),
                _ => drop(values.map.remove(key)),
            }
        });
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::testing::StoppedClock;

    #[tokio::test]
    async fn what_is_taken_back_was_never_counted() -> Result<(), CacheUnavailable> {
        let clock = StoppedClock::at(0);
        let cache = Cache::open("memory://", Arc::new(clock.clone()))?;
        let ttl = Duration::from_secs(10);
        cache.uncount("n").await?;
        assert_eq!(cache.count("n", ttl).await?, 1);
        assert_eq!(cache.count("n", ttl).await?, 2);
        clock.advance(Duration::from_secs(6));
        cache.uncount("n").await?;
        assert_eq!(cache.count("n", ttl).await?, 2);
        clock.advance(Duration::from_secs(4));
        assert_eq!(cache.count("n", ttl).await?, 1, "it has lived no longer for it");
        cache.uncount("n").await?;
        clock.advance(Duration::from_secs(6));
        assert_eq!(cache.count("n", ttl).await?, 1);
        clock.advance(Duration::from_secs(6));
        assert_eq!(cache.count("n", ttl).await?, 2, "and a new one lives its own time");
        Ok(())
    }
}
