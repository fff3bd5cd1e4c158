//! What orders and products are and the rules they obey.

pub(crate) mod import;
pub(crate) mod money;
pub(crate) mod order;
pub(crate) mod product;
