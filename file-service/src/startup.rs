//! From settings to a server that listens: the one place that constructs things.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::future::BoxFuture;
use shared::clock::SystemClock;
use shared::db::{self, Db, Migrations, tenancy};
use shared::health::Readiness;
use shared::server::{BoundServer, Listeners, Parts, StartupError};
use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::config::Config;
use crate::domain::{orphans, sweep};
use crate::error::FileError;
use crate::routes;
use crate::state::AppState;
use crate::storage::Storage;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// Its name and version, as its traces and metrics have them.
const SERVICE: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
/// How often the storage is searched for objects that no row knows.
const ORPHAN_INTERVAL: Duration = Duration::from_secs(24 * 3600);

fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

/// Looks at what can be wrong with the settings and shows only at the start; calls nobody.
///
/// # Errors
/// A [`StartupError`] that names the setting.
pub fn check(config: &Config) -> Result<(), StartupError> {
    config.listen().check()?;
    Db::check_address(&config.database_url)?;
    let tls = config.client_tls()?;
    config.traces().check().map_err(StartupError::part("otlp_url"))?;
    let revocations_url = config.revocations_url.as_deref();
    let parts = Parts::new(Readiness::new()).with_client_tls(&tls);
    parts.check_tokens_of(&config.jwks_url, revocations_url, config.expectation())?;
    Storage::open(&config.storage()).map(drop).map_err(StartupError::part("storage_url"))
}

/// Brings the database up to date.
///
/// # Errors
/// When it is away or a migration fails.
pub async fn migrate(config: &Config) -> Result<(), StartupError> {
    Ok(db::migrate(&config.database_url, migrations()).await?)
}

/// A server that listens.
///
/// # Errors
/// When an address is taken, the database is away or the storage cannot be written.
pub async fn bind(config: &Config) -> Result<BoundServer, StartupError> {
    bind_to(Listeners::bind(&config.listen())?, config).await
}

/// The same as [`bind`] on ports that are taken already.
///
/// # Errors
/// As [`bind`].
pub async fn bind_to(listeners: Listeners, config: &Config) -> Result<BoundServer, StartupError> {
    let storage = Storage::open(&config.storage());
    let storage = storage.map_err(StartupError::part("storage_url"))?;
    storage.probe().await.map_err(StartupError::away("storage"))?;
    let (url, connections) = (&config.database_url, config.max_connections.get());
    let db = Db::start(url, connections, migrations(), config.migrate).await?;
    tenancy::check_role(&db).await?;
    let readiness = readiness(&db, &storage);
    let state = AppState::new(&db, (storage, config.limits()), SystemClock::shared());
    let parts = parts(config, readiness)?.with_database(&db)?;
    serve(config, (listeners, parts), state)
}

fn parts(config: &Config, readiness: Readiness) -> Result<Parts, StartupError> {
    let revocations_url = config.revocations_url.as_deref();
    let parts = Parts::new(readiness).with_client_tls(&config.client_tls()?);
    let parts = parts.with_telemetry(SERVICE, &config.traces())?;
    parts.with_tokens_of(&config.jwks_url, revocations_url, config.expectation())
}

fn serve(
    config: &Config,
    (listeners, parts): (Listeners, Parts),
    state: AppState,
) -> Result<BoundServer, StartupError> {
    let state = web::Data::new(state);
    let sweeps = Duration::from_secs(config.sweep_interval_s.get());
    repeat(&state, sweeps, |state| Box::pin(sweep::sweep(state)));
    repeat(&state, ORPHAN_INTERVAL, |state| Box::pin(orphans::collect(state)));
    Ok(listeners.serve(parts, move || routes::routes().app_data(state.clone()))?)
}

/// Now, and again after each pause, for as long as the server is there.
fn repeat<F>(state: &Arc<AppState>, pause: Duration, work: F)
where
    F: for<'s> Fn(&'s AppState) -> BoxFuture<'s, Result<(), FileError>> + Send + 'static,
{
    let state = Arc::downgrade(state);
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::spawn(async move {
        loop {
            ticks.tick().await;
            let Some(state) = state.upgrade() else { return };
            if let Err(error) = work(&state).await {
                warn!(cause = %error, "cannot tidy up the storage now");
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
