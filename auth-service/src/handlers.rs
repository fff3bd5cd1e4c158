//! HTTP in, HTTP out: a file for each endpoint.

pub(crate) mod admin;
mod asking;
pub(crate) mod feed;
pub(crate) mod form;
pub(crate) mod forward;
pub(crate) mod handing_on;
pub(crate) mod handoffs;
pub(crate) mod introspect;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod metadata;
pub(crate) mod page;
pub(crate) mod people;
pub(crate) mod revoke;
mod same_site;
pub(crate) mod sessions;
pub(crate) mod social;
pub(crate) mod token;
pub(crate) mod tokens;
