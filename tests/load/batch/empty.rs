//! What the runner costs by itself: items for which nothing is to be done, on either database.

use std::time::Instant;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::job::{Runs, Size};
use crate::harness::{Failure, Settings, median};
use crate::servers::Servers;

/// One round, for each database.
const ROUND: Size = Size { companies: 25, orders: 2_000 };

/// Microseconds for an item.
pub struct Empty {
    pub sqlite_us: f64,
    pub postgres_us: f64,
}

struct Bench {
    runtime: Runtime,
    sqlite: Runs,
    postgres: Runs,
    _folder: TempDir,
    _servers: Servers,
}

pub fn measure(settings: &Settings) -> Result<Empty, Failure> {
    let bench = Bench::start()?;
    bench.item_us(&bench.sqlite, "first")?;
    bench.item_us(&bench.postgres, "first")?;
    let (started, mut sqlite, mut postgres) = (Instant::now(), Vec::new(), Vec::new());
    while settings.goes_on(started, sqlite.len()) {
        let name = sqlite.len().to_string();
        sqlite.push(bench.item_us(&bench.sqlite, &name)?);
        postgres.push(bench.item_us(&bench.postgres, &name)?);
    }
    Ok(Empty { sqlite_us: median(sqlite), postgres_us: median(postgres) })
}

impl Bench {
    fn start() -> Result<Self, Failure> {
        let (runtime, servers, folder) = (Runtime::new()?, Servers::start()?, tempfile::tempdir()?);
        let sqlite = format!("sqlite://{}", folder.path().join("batch.db").display());
        let (sqlite, postgres) = runtime.block_on(async {
            let postgres = servers.create_durable_database("batch").await?;
            let sqlite = Runs::start(&sqlite, None).await?;
            Ok::<_, Failure>((sqlite, Runs::start(&postgres, None).await?))
        })?;
        Ok(Self { runtime, sqlite, postgres, _folder: folder, _servers: servers })
    }

    fn item_us(&self, runs: &Runs, name: &str) -> Result<f64, Failure> {
        let seconds = self.runtime.block_on(runs.timed(name, ROUND))?;
        Ok(seconds * 1e6 / ROUND.items())
    }
}
