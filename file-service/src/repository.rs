//! What file-service knows, in the database. Every method asks for the company: there is no way to read across
//! companies but for what goes on by itself.

mod schema;
pub(crate) mod expired_files;
pub(crate) mod files;
pub(crate) mod loose_objects;
pub(crate) mod uploads;
pub(crate) mod upload_sweep;
pub(crate) mod usage;

use shared::db::DbError;

use crate::error::FileError;

/// As the databases have it: they know no unsigned numbers.
fn signed(size_bytes: u64) -> Result<i64, FileError> {
    Ok(i64::try_from(size_bytes).map_err(|_| DbError::Corrupt("size"))?)
}

fn unsigned(size_bytes: i64) -> Result<u64, FileError> {
    Ok(u64::try_from(size_bytes).map_err(|_| DbError::Corrupt("size"))?)
}
