//! [`with_tenant!`](crate::with_tenant): work on the rows of one company.
//!
//! On PostgreSQL row-level security stands behind the `where` of each query: a transaction says whose it is, and the
//! policies of the tables let it see and write that company's rows, none when it says nothing. A table of companies needs
//! in its migration:
//!
//! ```sql
//! ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
//! -- Also for the role that owns the table: that is what a service connects as.
//! ALTER TABLE orders FORCE ROW LEVEL SECURITY;
//! CREATE POLICY tenant ON orders
//!     USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));
//! ```
//!
//! SQLite has nothing of the kind: there the `where` stands alone.

use diesel::SqliteConnection;
use diesel::connection::AnsiTransactionManager as SyncTransactionManager;
use diesel::result::Error as DieselError;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncPgConnection, RunQueryDsl, TransactionManager,
};
use tracing::{error, warn};

use super::{AsyncSqliteConnection, Db, DbError};
use crate::session::Tenant;
use crate::with_pooled;

/// Does the work in a transaction of the tenant, on whichever database is configured; otherwise as
/// [`with_conn!`](crate::with_conn). An error rolls it back.
///
/// ```
/// use diesel::{ExpressionMethods, QueryDsl};
/// use diesel_async::RunQueryDsl;
/// use shared::db::{Db, DbError};
/// use shared::{Tenant, with_tenant};
/// # diesel::table! { orders (id) { id -> BigInt, company_id -> BigInt } }
///
/// async fn count_orders(db: &Db, tenant: Tenant) -> Result<i64, DbError> {
///     Ok(with_tenant!(db, tenant, |conn| orders::table
///         .filter(orders::company_id.eq(tenant.company_id().get()))
///         .count()
///         .get_result(conn)
///         .await)?)
/// }
/// ```
#[macro_export]
macro_rules! with_tenant {
    ($db:expr, $tenant:expr, |$conn:ident| $body:expr) => {
        $crate::in_scope!($db, $crate::db::tenancy::Scope::One($tenant), |$conn| $body)
    };
}

/// The same for work on the rows of all companies: what goes on by itself, and nothing that a caller asks for.
#[macro_export]
macro_rules! across_tenants {
    ($db:expr, |$conn:ident| $body:expr) => {
        $crate::in_scope!($db, $crate::db::tenancy::Scope::All, |$conn| $body)
    };
}

/// [`with_tenant!`](crate::with_tenant) on the pool of one kind of database, for statements that the other has not.
#[macro_export]
macro_rules! with_tenant_on {
    ($pool:expr, $tenant:expr, |$conn:ident| $body:expr) => {
        $crate::in_pooled_scope!($pool, $crate::db::tenancy::Scope::One($tenant), |$conn| $body)
    };
}

/// What they have in common.
#[doc(hidden)]
#[macro_export]
macro_rules! in_scope {
    ($db:expr, $scope:expr, |$conn:ident| $body:expr) => {
        match $db {
            $crate::db::Db::Postgres(pool) => {
                $crate::in_pooled_scope!(pool, $scope, |$conn| $body)
            }
            $crate::db::Db::Sqlite(pool) => {
                $crate::in_pooled_scope!(pool, $scope, |$conn| $body)
            }
        }
    };
}

/// One arm of it.
#[doc(hidden)]
#[macro_export]
macro_rules! in_pooled_scope {
    ($pool:expr, $scope:expr, |$conn:ident| $body:expr) => {
        $crate::with_pooled!($pool, |$conn| {
            match $crate::db::tenancy::Scoped::begin($conn, $scope).await {
                Ok(()) => {
                    let done = async {
                        let $conn = &mut *$conn;
                        $body
                    };
                    let done = done.await;
                    $crate::db::tenancy::end($conn, done).await
                }
                Err(error) => Err(::core::convert::From::from(error)),
            }
        })
    };
}

/// Whose rows a transaction is about.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    One(Tenant),
    All,
}

/// A connection whose transactions say whose they are.
#[doc(hidden)]
pub trait Scoped {
    fn begin(&mut self, scope: Scope) -> impl Future<Output = Result<(), DieselError>> + Send;
}

impl Scoped for AsyncPgConnection {
    /// In one message. The setting ends with the transaction: the next who gets the connection finds nothing of it.
    async fn begin(&mut self, scope: Scope) -> Result<(), DieselError> {
        let scope = match scope {
            Scope::One(tenant) => tenant.company_id().to_string(),
            Scope::All => "*".to_owned(),
        };
        let begin = format!("BEGIN; SET LOCAL baton.company_id = '{scope}'");
        AnsiTransactionManager::begin_transaction_sql(self, &begin).await
    }
}

impl Scoped for AsyncSqliteConnection {
    /// As one that writes, from the start: one that becomes so after it has read may find that another process was faster.
    async fn begin(&mut self, _: Scope) -> Result<(), DieselError> {
        let begin = |connection: &mut SqliteConnection| {
            SyncTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE")
        };
        self.spawn_blocking(begin).await
    }
}

/// Commits what has succeeded, takes back what has not.
#[doc(hidden)]
pub async fn end<C, T, E>(connection: &mut C, done: Result<T, E>) -> Result<T, E>
where
    C: AsyncConnection,
    E: From<DieselError>,
{
    if done.is_ok() {
        C::TransactionManager::commit_transaction(connection).await?;
    } else if let Err(cause) = C::TransactionManager::rollback_transaction(connection).await {
        // The connection is looked at before anybody else gets it.
        warn!(%cause, "could not roll back");
    }
    done
}

#[derive(diesel::QueryableByName)]
struct Role {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    is_above_policies: bool,
}

const ASK_ROLE: &str = "SELECT rolsuper OR rolbypassrls AS is_above_policies \
     FROM pg_roles WHERE rolname = current_user";

/// Says loudly when row-level security does not hold the role that the service connects as.
///
/// # Errors
/// When the database is away.
pub async fn check_role(db: &Db) -> Result<(), DbError> {
    let Db::Postgres(pool) = db else { return Ok(()) };
    let role: Role = with_pooled!(pool, |conn| diesel::sql_query(ASK_ROLE).get_result(conn).await)?;
    if role.is_above_policies {
        error!(
            "the database role is a superuser or has BYPASSRLS: nothing but the queries themselves keeps companies \
             apart. Connect as a plain role that owns the tables"
        );
    }
    Ok(())
}
