//! Clients, keys, revocations and what else is kept, in the database: a file for each table.

/// Notes in the transaction of a change that there is something new to read, and gives the number of the change. It
/// comes first: it takes the lock under which the rest is written.
macro_rules! note_change {
    ($conn:expr, $name:expr) => {
        diesel::update(crate::repository::schema::changes::table.find($name))
            .set(
                crate::repository::schema::changes::version
                    .eq(crate::repository::schema::changes::version + 1),
            )
            .returning(crate::repository::schema::changes::version)
            .get_result::<i64>($conn)
    };
}

/// Holds up every change of revocations until the end of the transaction, without being one.
macro_rules! lock_revocations {
    ($conn:expr) => {
        diesel::update(
            crate::repository::schema::changes::table.find(crate::repository::changes::REVOCATIONS),
        )
        .set(
            crate::repository::schema::changes::version
                .eq(crate::repository::schema::changes::version),
        )
        .execute($conn)
    };
}

/// Writes a row of the audit log in the transaction of a change.
macro_rules! note_audit {
    ($conn:expr, $event:expr) => {
        diesel::insert_into(crate::repository::schema::audit::table)
            .values(crate::repository::audit::NewAuditRow::from($event))
            .execute($conn)
    };
}

pub(crate) mod assertions;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod clients;
pub(crate) mod eras;
pub(crate) mod handoffs;
pub(crate) mod keys;
pub(crate) mod logins;
pub(crate) mod revocations;
mod schema;

/// What can be read. A row that a newer release has written, or somebody by hand, must not hold up all the others.
fn sound<T>(rows: impl Iterator<Item = Result<T, shared::db::DbError>>) -> Vec<T> {
    rows.filter_map(|row| row.inspect_err(|error| tracing::error!(cause = %error, "left out")).ok())
        .collect()
}

/// Rows of a bulk insert, at the most: a statement takes 65,535 values and no more.
const ROWS_AT_ONCE: usize = 500;
