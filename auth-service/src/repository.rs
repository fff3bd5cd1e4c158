//! Clients and keys in the database: a file for each table.

pub(crate) mod clients;
pub(crate) mod keys;
mod schema;
