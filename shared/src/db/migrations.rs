//! [`migrate`]: brings the database of a service up to date, one replica at a time.

use std::path::Path;
use std::time::Duration;

use diesel::SqliteConnection;
use diesel::migration::MigrationSource;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use tokio::task::spawn_blocking;

use crate::db::{Address, CONNECT_TIMEOUT, Db, DbError, Postgres, SQLITE_SETTINGS};
use crate::with_conn;

/// Any number, the same for all replicas: only one of them migrates at a time.
const MIGRATION_LOCK: i64 = 0x0062_6174_6f6e;

/// How long a replica waits for another one that migrates, in seconds.
const MIGRATION_WAIT_S: u32 = 300;

/// The migrations of a service, for each database.
pub struct Migrations {
    /// For PostgreSQL.
    pub postgres: EmbeddedMigrations,
    /// For SQLite.
    pub sqlite: EmbeddedMigrations,
}

/// Brings the database of a service up to date. The folder of a SQLite file is made where it is missing.
/// Replicas that do this at the same time wait for each other.
///
/// # Errors
/// [`DbError::Unavailable`] when the database is away, [`DbError::Migration`] when a migration fails.
pub async fn migrate(url: &str, migrations: Migrations) -> Result<(), DbError> {
    let address = Address::parse(url)?;
    let work = match address {
        Address::Postgres(postgres) => {
            let connection = connect(&postgres).await?;
            spawn_blocking(move || migrate_postgres(connection, migrations.postgres))
        }
        Address::Sqlite(path) => spawn_blocking(move || migrate_sqlite(&path, migrations.sqlite)),
    };
    work.await.map_err(|error| DbError::Migration(error.to_string()))?
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// Makes sure that all of these migrations have run. The database may have newer ones: those of the next release, which leave
/// in place what this one uses.
///
/// # Errors
/// [`DbError::Unavailable`] when one has not yet, or the database is away.
pub(super) async fn check(db: &Db, migrations: &Migrations) -> Result<(), DbError> {
    use diesel_async::RunQueryDsl;
    let wanted = match db {
        Db::Postgres(_) => versions::<diesel::pg::Pg>(&migrations.postgres),
        Db::Sqlite(_) => versions::<diesel::sqlite::Sqlite>(&migrations.sqlite),
    }?;
    let ask = "SELECT version FROM __diesel_schema_migrations";
    let applied: Result<Vec<Applied>, DbError> =
        async { Ok(with_conn!(db, |conn| diesel::sql_query(ask).load(conn).await)?) }.await;
    let applied = match applied {
        // There is no such table before the first one has run.
        Err(DbError::Query(_)) => Vec::new(),
        applied => applied?,
    };
    let missing = wanted.iter().find(|wanted| !applied.iter().any(|own| own.version == **wanted));
    missing.map_or(Ok(()), |version| {
        Err(DbError::Unavailable(format!("migration {version} has not run yet, see `migrate`")))
    })
}

fn versions<DB: diesel::backend::Backend>(
    source: &EmbeddedMigrations,
) -> Result<Vec<String>, DbError> {
    let migrations = MigrationSource::<DB>::migrations(source);
    let migrations = migrations.map_err(|error| DbError::Migration(error.to_string()))?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// By itself it would wait for ever for a server that is silent.
async fn connect(postgres: &Postgres) -> Result<AsyncPgConnection, DbError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, postgres.establish()).await {
        Ok(connected) => connected.map_err(|error| DbError::Unavailable(error.to_string())),
        Err(_) => Err(DbError::Unavailable("no connection within 2 s".to_owned())),
    }
}

fn migrate_postgres(
    connection: AsyncPgConnection,
    migrations: EmbeddedMigrations,
) -> Result<(), DbError> {
    use diesel::RunQueryDsl;
    let mut connection = AsyncConnectionWrapper::<AsyncPgConnection>::from(connection);
    diesel::sql_query(format!("SET lock_timeout = '{MIGRATION_WAIT_S}s'"))
        .execute(&mut connection)?;
    // Held until the connection closes.
    diesel::sql_query(format!("SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        .execute(&mut connection)?;
    run_pending(&mut connection, migrations)
}

fn migrate_sqlite(path: &Path, migrations: EmbeddedMigrations) -> Result<(), DbError> {
    use diesel::Connection;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            DbError::Address(format!("cannot make the folder {}: {error}", folder.display()))
        })?;
    }
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())
        .map_err(|error| DbError::Address(format!("{}: {error}", path.display())))?;
    settle(&mut connection)?;
    // It takes the write lock before it looks for what is pending.
    connection.immediate_transaction(|connection| run_pending(connection, migrations))
}

/// SQLite does not wait while another connection switches the same file to WAL, whatever its timeout: it says at once
/// that the file is locked.
fn settle(connection: &mut SqliteConnection) -> Result<(), DbError> {
    use diesel::connection::SimpleConnection;
    for _ in 0..100 {
        match connection.batch_execute(SQLITE_SETTINGS) {
            Err(error) if error.to_string().contains("database is locked") => {
                std::thread::sleep(Duration::from_millis(50));
            }
            settled => return Ok(settled?),
        }
    }
    Ok(connection.batch_execute(SQLITE_SETTINGS)?)
}

fn run_pending<DB: diesel::backend::Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> Result<(), DbError> {
    let ran = harness.run_pending_migrations(migrations);
    let ran = ran.map_err(|error| DbError::Migration(error.to_string()))?;
    for version in &ran {
        tracing::info!(%version, "migrated the database to {version}");
    }
    Ok(())
}
