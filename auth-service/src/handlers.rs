//! HTTP in, HTTP out: a file for each endpoint.

pub(crate) mod admin;
mod asking;
pub(crate) mod feed;
pub(crate) mod form;
pub(crate) mod introspect;
pub(crate) mod keys;
pub(crate) mod metadata;
pub(crate) mod revoke;
pub(crate) mod token;
pub(crate) mod tokens;
