//! What clients, their rights, tokens and keys are, and the rules they obey.

pub mod client;
pub(crate) mod grant;
pub(crate) mod key;
pub mod policy;
