//! From settings to a server that listens: the one place that constructs things.

mod parts;
mod people;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::Clock;
use shared::cache::Cache;
use shared::clock::SystemClock;
use shared::db::{self, Db, Migrations};
use shared::server::{BoundServer, Listeners, StartupError};

use crate::authentication::trusted_issuer;
use crate::config::Config;
use crate::{routes, social};

pub(crate) use parts::{key_schedule, master_keys};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

/// Looks at what can be wrong with the settings and shows only at the start; calls nobody.
///
/// # Errors
/// A [`StartupError`] that names the setting.
pub fn check(config: &Config) -> Result<(), StartupError> {
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let tls = config.client_tls()?;
    config.listen().check()?;
    Db::check_address(&config.database_url)?;
    config.traces().check().map_err(StartupError::part("otlp_url"))?;
    master_keys(config)?;
    let address = config.listen.to_socket_addrs().ok().and_then(|mut all| all.next());
    let issuer = address.map(|address| issuer(config, address)).transpose()?;
    let cache = Cache::open_with_tls(&config.cache_url, &config.cache_files(), Arc::clone(&clock));
    cache.map_err(StartupError::part("cache_url"))?;
    trusted_issuer::open_all(&config.trusted_issuers, (&clock, &tls))?;
    parts::declared_clients(config)?;
    social::declared(config, &issuer.unwrap_or_default(), (&clock, &tls)).map(drop)
}

/// Brings the database up to date.
///
/// # Errors
/// When it is away or a migration fails.
pub async fn migrate(config: &Config) -> Result<(), StartupError> {
    Ok(db::migrate(&config.database_url, migrations()).await?)
}

/// The database, brought up to date if the settings say so.
pub(crate) async fn open_database(config: &Config) -> Result<Db, StartupError> {
    let (url, connections) = (&config.database_url, config.max_connections.get());
    Ok(Db::start(url, connections, migrations(), config.migrate).await?)
}

/// A server that listens.
///
/// # Errors
/// When an address is taken, the database is away, the master key is not the one that sealed the keys, or the file of
/// clients cannot be used.
pub async fn bind(config: &Config) -> Result<BoundServer, StartupError> {
    bind_to(listen(config)?, config).await
}

/// Takes the ports of these settings. For who has to know them before the rest: whoever calls waits until it is there.
///
/// # Errors
/// When an address is taken.
pub fn listen(config: &Config) -> Result<Listeners, StartupError> {
    Ok(Listeners::bind(&config.listen())?)
}

/// The same as [`bind`] on ports that are taken already.
///
/// # Errors
/// As [`bind`].
pub async fn bind_to(listeners: Listeners, config: &Config) -> Result<BoundServer, StartupError> {
    let master_keys = master_keys(config)?;
    let issuer = issuer(config, listeners.address)?;
    let db = open_database(config).await?;
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let tls = config.client_tls()?;
    let made = parts::make(config, parts::Given { db, issuer, clock, master_keys, tls }).await?;
    let parts::Made { state, parts, audit } = made;
    let state = web::Data::new(state);
    let server = listeners.serve(parts, move || routes::routes().app_data(state.clone()))?;
    Ok(server.finally(move || Box::pin(async move { audit.flush().await })))
}

/// Others reach this server at the address that it listens on only if they are on the same machine.
fn issuer(config: &Config, address: SocketAddr) -> Result<String, StartupError> {
    match &config.issuer {
        Some(issuer) if !issuer.is_empty() => Ok(issuer.clone()),
        None if address.ip().is_loopback() => {
            let scheme = if config.listen().tls.is_on() { "https" } else { "http" };
            Ok(format!("{scheme}://{address}"))
        }
        _ => {
            let cause = "set it to the URL at which clients reach this server".to_owned();
            Err(StartupError::Part { part: "issuer", cause })
        }
    }
}
