//! Orders and products in the database: a file for each noun.

pub(crate) mod imports;
pub(crate) mod orders;
pub(crate) mod products;
mod rows;
mod schema;
