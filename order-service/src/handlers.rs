//! HTTP in, HTTP out: a file for each noun.

pub(crate) mod changes;
pub(crate) mod exports;
pub(crate) mod imports;
pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod settlements;
