//! From settings to a server that listens: the one place that constructs things.

mod parts;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::db::{self, Db, Migrations, tenancy};
use shared::health::Readiness;
use shared::server::{BoundServer, Listeners, Parts, StartupError};
use shared::tls::ClientTls;

use crate::config::Config;
use crate::routes;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// Its name and version, as its traces and metrics have them.
const SERVICE: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

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
    parts::check(config, &parts)
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
/// When an address is taken or the database is away.
pub async fn bind(config: &Config) -> Result<BoundServer, StartupError> {
    bind_to(Listeners::bind(&config.listen())?, config).await
}

/// The same as [`bind`] on ports that are taken already.
///
/// # Errors
/// As [`bind`].
pub async fn bind_to(listeners: Listeners, config: &Config) -> Result<BoundServer, StartupError> {
    let tls = config.client_tls()?;
    let (url, connections) = (&config.database_url, config.max_connections.get());
    let db = Db::start(url, connections, migrations(), config.migrate).await?;
    let readiness = Readiness::new().needs_database(&db);
    tenancy::check_role(&db).await?;
    let parts = tokens(config, readiness, &tls)?.with_database(&db)?;
    let state = web::Data::new(self::parts::state(config, &db, &parts)?);
    Ok(listeners.serve(parts, move || routes::routes().app_data(state.clone()))?)
}

fn tokens(config: &Config, readiness: Readiness, tls: &ClientTls) -> Result<Parts, StartupError> {
    let revocations_url = config.revocations_url.as_deref();
    let parts = Parts::new(readiness).with_client_tls(tls);
    let parts = parts.with_telemetry(SERVICE, &config.traces())?;
    parts.with_tokens_of(&config.jwks_url, revocations_url, config.expectation())
}
