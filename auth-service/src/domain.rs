//! What clients, people, their rights, logins, tokens and keys are, and the rules they obey.

pub mod client;
pub mod clients_file;
pub(crate) mod secret;
pub(crate) mod audiences;
pub(crate) mod assertion;
pub mod policy;
pub(crate) mod grant;
pub(crate) mod exchange;
pub mod purpose;
pub(crate) mod handoff;
pub mod explain;
pub(crate) mod key;
pub(crate) mod audit;
pub mod registry;
pub(crate) mod key_keeper;
pub mod revoking;
pub(crate) mod person;
pub(crate) mod login;
pub(crate) mod refresh_token;
pub(crate) mod attempts;
pub(crate) mod device;
pub(crate) mod social;
