//! From settings to a server that listens: the one place that constructs things.

mod parts;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::db::{self, Db, Migrations, tenancy};
use shared::health::Readiness;
use shared::server::{self, BoundServer, Parts, StartupError};

use crate::config::Config;
use crate::routes;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

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
/// When an address is taken or the database is away.
pub async fn bind(config: &Config) -> Result<BoundServer, StartupError> {
    let migrations = config.migrate.then(migrations);
    let db = Db::start(&config.database_url, config.max_connections.get(), migrations).await;
    let db = db.map_err(StartupError::part("database"))?;
    let readiness = Readiness::new().needs_database(&db);
    tenancy::check_role(&db).await.map_err(StartupError::part("database"))?;
    serve(config, tokens(config, readiness)?, &db)
}

fn tokens(config: &Config, readiness: Readiness) -> Result<Parts, StartupError> {
    let revocations_url = config.revocations_url.as_deref();
    Parts::new(readiness).with_tokens_of(&config.jwks_url, revocations_url, config.expectation())
}

fn serve(config: &Config, parts: Parts, db: &Db) -> Result<BoundServer, StartupError> {
    let state = web::Data::new(self::parts::state(config, db)?);
    let bound =
        server::bind(&config.listen(), parts, move || routes::routes().app_data(state.clone()));
    Ok(bound?)
}
