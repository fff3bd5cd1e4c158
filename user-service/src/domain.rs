//! What users are and the rules they obey.

pub(crate) mod user;
