//! From settings to a server that listens: the one place that constructs things.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::clock::SystemClock;
use shared::db::{self, Db, Migrations, tenancy};
use shared::health::Readiness;
use shared::server::{self, BoundServer, Parts, StartupError};
use tracing::warn;

use crate::config::Config;
use crate::domain;
use crate::domain::recent::RecentFiles;
use crate::repository::FileRepository;
use crate::repository::loose_objects::LooseObjectRepository;
use crate::routes;
use crate::state::AppState;
use crate::storage::Storage;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// How often loose objects are swept up.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

/// Brings the database up to date.
///
/// # Errors
/// When it is away or a migration fails.
pub async fn migrate(config: &Config) -> Result<(), StartupError> {
    let migrated = db::migrate(&config.database_url, migrations()).await;
    migrated.map_err(StartupError::part("database"))
}

/// A server that listens.
///
/// # Errors
/// When an address is taken, the database is away or the storage cannot be written.
pub async fn bind(config: &Config) -> Result<BoundServer, StartupError> {
    let storage = Storage::open(&config.storage_url);
    let storage = storage.map_err(StartupError::part("storage_url"))?;
    storage.probe().await.map_err(StartupError::part("storage"))?;
    let migrations = config.migrate.then(migrations);
    let db = Db::start(&config.database_url, config.max_connections.get(), migrations).await;
    let db = db.map_err(StartupError::part("database"))?;
    tenancy::check_role(&db).await.map_err(StartupError::part("database"))?;
    let readiness = readiness(&db, &storage);
    let state = AppState {
        files: FileRepository::new(db.clone()),
        recent_files: RecentFiles::new(SystemClock::shared()),
        loose_objects: LooseObjectRepository::new(db),
        storage,
        limits: config.limits(),
        clock: SystemClock::shared(),
    };
    serve(config, parts(config, readiness)?, state)
}

fn parts(config: &Config, readiness: Readiness) -> Result<Parts, StartupError> {
    let revocations_url = config.revocations_url.as_deref();
    Parts::new(readiness).with_tokens_of(&config.jwks_url, revocations_url, config.expectation())
}

fn serve(config: &Config, parts: Parts, state: AppState) -> Result<BoundServer, StartupError> {
    let state = web::Data::new(state);
    keep_sweeping(&state);
    let bound =
        server::bind(&config.listen(), parts, move || routes::routes().app_data(state.clone()));
    Ok(bound?)
}

/// For as long as the server is there.
fn keep_sweeping(state: &Arc<AppState>) {
    let state = Arc::downgrade(state);
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    tokio::spawn(async move {
        loop {
            ticks.tick().await;
            let Some(state) = state.upgrade() else { return };
            if let Err(error) = domain::sweep(&state).await {
                warn!(cause = %error, "cannot sweep up loose objects");
            }
        }
    });
}

fn readiness(db: &Db, storage: &Storage) -> Readiness {
    let storage = storage.clone();
    Readiness::new().needs_database(db).needs("storage", move || {
        let storage = storage.clone();
        Box::pin(async move { storage.probe().await.map_err(|error| error.to_string()) })
    })
}
