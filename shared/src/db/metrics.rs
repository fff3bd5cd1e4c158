//! How the pool of connections fares.

use prometheus::Registry;

use super::Db;
use crate::exposition::{Exposition, Family};

impl Db {
    /// Shows among these metrics how the pool of connections fares.
    ///
    /// # Errors
    /// When the registry has those of another database already.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let db = self.clone();
        registry.register(Box::new(Exposition::of(move || db.families())?))
    }

    fn families(&self) -> Vec<Family> {
        let status = match self {
            Self::Postgres(pool) => pool.status(),
            Self::Sqlite(pool) => pool.status(),
        };
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let idle = status.size.min(status.available);
        let connections = vec![("idle", number(idle)), ("in_use", number(status.size - idle))];
        let waiting = number(status.waiting);
        vec![
            Family::gauge("db_pool_connections", "Connections to the database, by what they do", 0)
                .by("state", connections),
            Family::gauge(
                "db_pool_max_connections",
                "Connections to the database at the most",
                number(status.max_size),
            ),
            Family::gauge("db_pool_waiting", "Whoever waits for a connection", waiting),
        ]
    }
}
