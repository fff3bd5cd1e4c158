//! How often each part has changed: one look tells a replica what it has to read again.

use diesel::QueryDsl;
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::with_conn;

use crate::repository::schema::changes;

pub(crate) const CLIENTS: &str = "clients";
pub(crate) const KEYS: &str = "keys";
pub(crate) const REVOCATIONS: &str = "revocations";

/// The numbers of the last changes; -1 before anything has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) clients: i64,
    pub(crate) keys: i64,
    pub(crate) revocations: i64,
}

impl Versions {
    pub(crate) const NONE: Self = Self { clients: -1, keys: -1, revocations: -1 };
}

pub(crate) async fn find_versions(db: &Db) -> Result<Versions, DbError> {
    let rows: Vec<(String, i64)> = with_conn!(db, |conn| changes::table
        .select((changes::name, changes::version))
        .load(conn)
        .await)?;
    let version = |name: &str| {
        let found = rows.iter().find(|(own, _)| own == name);
        found.map(|(_, version)| *version).ok_or(DbError::Corrupt("number of a change"))
    };
    Ok(Versions {
        clients: version(CLIENTS)?,
        keys: version(KEYS)?,
        revocations: version(REVOCATIONS)?,
    })
}
