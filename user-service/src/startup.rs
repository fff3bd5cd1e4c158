//! From settings to a server that listens: the one place that constructs things.

mod parts;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::Routes;
use shared::db::{self, Db, Migrations};
use shared::health::Readiness;
use shared::server::{BoundServer, Listeners, Parts, StartupError};
use shared::tls::ClientTls;
use tracing::warn;

use crate::config::Config;
use crate::routes;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// Its name and version, as its traces and metrics have them.
const SERVICE: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

pub(crate) fn migrations() -> Migrations {
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
/// When an address is taken, the database is away, or a setting cannot be used.
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
    let parts = parts(config, readiness, &tls)?;
    serve((listeners, parts), config, &db)
}

fn parts(config: &Config, readiness: Readiness, tls: &ClientTls) -> Result<Parts, StartupError> {
    let revocations_url = config.revocations_url.as_deref();
    let parts = Parts::new(readiness).with_client_tls(tls);
    let parts = parts.with_telemetry(SERVICE, &config.traces())?;
    parts.with_tokens_of(&config.jwks_url, revocations_url, config.expectation())
}

fn serve(
    (listeners, parts): (Listeners, Parts),
    config: &Config,
    db: &Db,
) -> Result<BoundServer, StartupError> {
    let parts = parts.with_database(db)?;
    let state = web::Data::new(parts::state(config, db, &parts)?);
    let shows_mail = state.post.folder().is_some() && listeners.address.ip().is_loopback();
    if state.post.folder().is_some() && !shows_mail {
        warn!("mail is kept in a folder; /mailbox would show it to others and is not there");
    }
    let routes = move || table(shows_mail).app_data(state.clone());
    Ok(listeners.serve(parts, routes)?)
}

fn table(shows_mail: bool) -> Routes {
    let routes = routes::routes();
    if shows_mail { routes::with_mailbox(routes) } else { routes }
}
