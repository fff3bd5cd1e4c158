//! Orders and products in the database: a file for each noun.

mod changes;
pub(crate) mod exports;
mod finding;
pub(crate) mod imports;
mod lists;
pub(crate) mod orders;
mod placing;
pub(crate) mod products;
mod reading;
pub(crate) mod receipts;
mod rows;
mod schema;
