//! HTTP in, HTTP out: a file for each endpoint.

pub(crate) mod form;
pub(crate) mod keys;
pub(crate) mod metadata;
pub(crate) mod token;
