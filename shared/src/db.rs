//! [`Db`]: PostgreSQL or SQLite behind one query text, with every wait bounded.

mod lent;
mod metrics;
mod migrations;
mod postgres;
mod sqlite;
pub mod tenancy;
#[cfg(feature = "store-tls")]
mod tls;
pub mod together;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Hook, HookError, Metrics, Timeouts};
use diesel::SqliteConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::pooled_connection::deadpool::{BuildError, Pool, PoolError};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

#[doc(hidden)]
pub use lent::Lent;
pub use migrations::{Migrations, migrate};
use postgres::Postgres;

/// How long to wait for a free connection, and how long to make one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the pool may check a connection that was idle.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);
/// After so long without use a connection is asked whether it is still there.
const RESTED: Duration = Duration::from_millis(500);
/// How long all of this may take, for one connection.
const CHECKOUT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long PostgreSQL may take over one statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one transaction may wait for another there.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a transaction may pause between two statements: longer than anybody here waits for its end.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the work on one connection may take, a transaction of many statements included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);
/// What SQLite needs to serve several readers and a writer, and to survive a kill.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;";

/// A SQLite connection whose work is done off the event loop.
pub type AsyncSqliteConnection = SyncConnectionWrapper<SqliteConnection, sqlite::Threads>;

/// A pool of connections to whichever database is configured.
#[derive(Clone)]
pub enum Db {
    /// For more than one machine.
    Postgres(Pool<AsyncPgConnection>),
    /// For one machine: a file. One connection, so that no writer waits for another inside the process.
    Sqlite(Pool<AsyncSqliteConnection>),
}

/// Runs the same query on whichever database is configured; the body is compiled once for each. It gives a `Result`
/// whose error can be made from diesel's; so does the macro.
///
/// A body that takes longer than 8 s is given up and its connection is closed: PostgreSQL's own limit for
/// a statement is kept by the server, and a server that is frozen keeps nothing. So it is where the whole is dropped in the middle,
/// for example by a `select!`.
///
/// The surrounding function returns a `Result` whose error is made `From<DbError>`.
#[macro_export]
macro_rules! with_conn {
    ($db:expr, |$conn:ident| $body:expr) => {
        match $db {
            $crate::db::Db::Postgres(pool) => $crate::with_pooled!(pool, |$conn| $body),
            $crate::db::Db::Sqlite(pool) => $crate::with_pooled!(pool, |$conn| $body),
        }
    };
}

/// One arm of [`with_conn!`].
#[doc(hidden)]
#[macro_export]
macro_rules! with_pooled {
    ($pool:expr, |$conn:ident| $body:expr) => {{
        let mut lent = $crate::db::checkout($pool).await?;
        let work = async {
            match lent.connection() {
                Some($conn) => $body,
                None => Err(::core::convert::From::from($crate::db::no_answer())),
            }
        };
        match $crate::db::within_limit(work).await {
            Some(result) => {
                lent.give_back(result.is_err()).await;
                result
            }
            None => {
                drop(lent);
                Err(::core::convert::From::from($crate::db::no_answer()))
            }
        }
    }};
}

/// A connection of the pool, within 3 s in all: a pool would check one dead connection after the other.
#[doc(hidden)]
pub async fn checkout<C>(pool: &Pool<C>) -> Result<Lent<C>, DbError>
where
    C: PoolableConnection + SimpleAsyncConnection + Send + 'static,
    AsyncDieselConnectionManager<C>:
        deadpool::managed::Manager<Type = C, Error = diesel_async::pooled_connection::PoolError>,
{
    match tokio::time::timeout(CHECKOUT_TIMEOUT, pool.get()).await {
        Ok(connection) => Ok(Lent::new(connection?)),
        Err(_) => Err(DbError::Unavailable("no connection within 3 s".to_owned())),
    }
}

#[doc(hidden)]
pub async fn within_limit<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(ANSWER_TIMEOUT, work).await.ok()
}

#[doc(hidden)]
#[must_use]
pub fn no_answer() -> DieselError {
    let text = Box::new("connection closed: no answer within 8 s".to_owned());
    DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, text)
}

/// What can go wrong below a repository.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database is away, too slow, or has no connection left. Worth another try.
    #[error("the database is away: {0}")]
    Unavailable(String),
    /// The address is not one of a database that we speak to, or of a file that cannot be there.
    #[error("not the address of a database: {0}")]
    Address(String),
    /// A migration failed.
    #[error("cannot migrate the database: {0}")]
    Migration(String),
    /// A stored value breaks a rule of the domain.
    #[error("a stored {0} is not valid")]
    Corrupt(&'static str),
    /// The database refuses the statement.
    #[error("the database refuses: {0}")]
    Query(DieselError),
}

impl DbError {
    /// Whether it is certain that nothing has been changed: the database itself has said no. Of one that has gone away
    /// nobody knows whether it has committed before.
    #[must_use]
    pub fn has_not_happened(&self) -> bool {
        match self {
            Self::Unavailable(said) => {
                ["canceling statement", "deadlock detected"].iter().any(|no| said.contains(no))
            }
            _ => true,
        }
    }
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(kind, info) if is_away(kind, info.message()) => {
                Self::Unavailable(info.message().to_owned())
            }
            DieselError::BrokenTransactionManager => Self::Unavailable(error.to_string()),
            _ => Self::Query(error),
        }
    }
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<BuildError> for DbError {
    fn from(error: BuildError) -> Self {
        Self::Address(error.to_string())
    }
}

/// diesel has no kind for most of what a database says while it goes away, and hands on no SQLSTATE: these are the
/// English texts, so PostgreSQL's `lc_messages` has to be C or English.
fn is_away(kind: &DatabaseErrorKind, message: &str) -> bool {
    let gone = [
        "connection closed",
        "terminating connection",
        "the database system is",
        "canceling statement due to statement timeout",
        "canceling statement due to lock timeout",
        "database is locked",
        "disk I/O error",
        "database or disk is full",
        "attempt to write a readonly database",
        "unable to open database file",
        "error communicating with the server",
        "remaining connection slots",
        // Of two that wait for each other one has to give way; it may come again.
        "deadlock detected",
    ];
    matches!(kind, DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand)
        || gone.iter().any(|text| message.contains(text))
}

/// The address of a database, read.
enum Address {
    Postgres(Postgres),
    Sqlite(PathBuf),
}

impl Address {
    fn parse(url: &str) -> Result<Self, DbError> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Postgres::parse(url).map(Self::Postgres);
        }
        // Not the address itself: it may hold a password.
        Err(DbError::Address("it begins with postgres:// or sqlite://".to_owned()))
    }
}

impl Db {
    /// A pool for `postgres://user:password@host/database` or `sqlite://path/to/file`, with at most so many
    /// connections. They are made when they are needed. With the feature `store-tls` the first may have `sslmode`,
    /// `sslrootcert`, `sslcert` and `sslkey`, for example `?sslmode=verify-full&sslrootcert=/run/tls/ca.crt`.
    ///
    /// # Errors
    /// [`DbError::Address`] when the address is none.
    pub fn open(url: &str, max_connections: usize) -> Result<Self, DbError> {
        match Address::parse(url)? {
            Address::Postgres(postgres) => {
                let url = postgres.url.clone();
                let way: Establish<AsyncPgConnection> = Box::new(move |_| {
                    let postgres = postgres.clone();
                    Box::pin(async move { postgres.establish().await })
                });
                pool((url, way), max_connections, postgres_settings()).map(Self::Postgres)
            }
            Address::Sqlite(path) => {
                let path = path.to_string_lossy().into_owned();
                let way: Establish<AsyncSqliteConnection> =
                    Box::new(|path| AsyncSqliteConnection::establish(path).boxed());
                pool((path, way), 1, SQLITE_SETTINGS.to_owned()).map(Self::Sqlite)
            }
        }
    }

    /// Whether this is the address of a database; nothing is opened.
    ///
    /// # Errors
    /// [`DbError::Address`] when it is none.
    pub fn check_address(url: &str) -> Result<(), DbError> {
        Address::parse(url).map(drop)
    }

    /// The same for a service that starts: brings the database up to date first if it is to `migrate`, and otherwise makes
    /// sure that somebody else has.
    ///
    /// # Errors
    /// As [`migrate`]; [`DbError::Unavailable`] also when migrations are missing and somebody else is to run them.
    pub async fn start(
        url: &str,
        max_connections: usize,
        migrations: Migrations,
        migrate: bool,
    ) -> Result<Self, DbError> {
        if migrate {
            self::migrate(url, migrations).await?;
            let db = Self::open(url, max_connections)?;
            db.ping().await?;
            return Ok(db);
        }
        let db = Self::open(url, max_connections)?;
        migrations::check(&db, &migrations).await?;
        Ok(db)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when there is none.
    pub async fn ping(&self) -> Result<(), DbError> {
        use diesel_async::RunQueryDsl;
        with_conn!(self, |conn| diesel::sql_query("SELECT 1").execute(conn).await)?;
        Ok(())
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Postgres(_) => "Db(PostgreSQL)",
            Self::Sqlite(_) => "Db(SQLite)",
        })
    }
}

fn postgres_settings() -> String {
    let timeout_ms = STATEMENT_TIMEOUT.as_millis();
    let lock_timeout_ms = LOCK_TIMEOUT.as_millis();
    // A process that is frozen in the middle of a transaction would hold its locks for as long.
    let idle_ms = IDLE_TIMEOUT.as_millis();
    format!(
        "SET statement_timeout = {timeout_ms}; SET lock_timeout = {lock_timeout_ms}; \
         SET idle_in_transaction_session_timeout = {idle_ms}; SET TIME ZONE 'UTC';"
    )
}

/// How a connection is made.
type Establish<C> =
    Box<dyn Fn(&str) -> BoxFuture<'_, diesel::ConnectionResult<C>> + Send + Sync + 'static>;

/// A pool whose connections begin with these settings. deadpool waits for ever unless told otherwise.
fn pool<C>(
    (url, way): (String, Establish<C>),
    max_connections: usize,
    settings: String,
) -> Result<Pool<C>, DbError>
where
    C: AsyncConnection + PoolableConnection + SimpleAsyncConnection + Send + 'static,
    AsyncDieselConnectionManager<C>:
        deadpool::managed::Manager<Type = C, Error = diesel_async::pooled_connection::PoolError>,
{
    let mut config = ManagerConfig::<C>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let (settings, made) = (settings.clone(), way(url));
        Box::pin(async move {
            let mut connection = made.await?;
            connection
                .batch_execute(&settings)
                .await
                .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            Ok(connection)
        })
    });
    let manager = AsyncDieselConnectionManager::new_with_config(url, config);
    let timeouts = Timeouts {
        wait: Some(CONNECT_TIMEOUT),
        create: Some(CONNECT_TIMEOUT),
        recycle: Some(CHECK_TIMEOUT),
    };
    let builder = deadpool::managed::Pool::builder(manager)
        .max_size(max_connections)
        .timeouts(timeouts)
        .pre_recycle(Hook::async_fn(|connection, metrics| Box::pin(check(connection, metrics))))
        .runtime(Runtime::Tokio1);
    Ok(builder.build()?)
}

/// One that was used a moment ago is as good as it was, unless the other side has closed it, and that is seen without asking.
/// Who has rested is asked for a sign of life: what is between the two may have forgotten the connection.
async fn check<C>(
    connection: &mut C,
    metrics: &Metrics,
) -> Result<(), HookError<diesel_async::pooled_connection::PoolError>>
where
    C: SimpleAsyncConnection,
{
    if metrics.last_used() < RESTED {
        return Ok(());
    }
    let dead = |cause: String| HookError::message(cause);
    match tokio::time::timeout(CHECK_TIMEOUT, connection.batch_execute("SELECT 1")).await {
        Ok(alive) => alive.map_err(|error| dead(error.to_string())),
        Err(_) => Err(dead("no sign of life".to_owned())),
    }
}
