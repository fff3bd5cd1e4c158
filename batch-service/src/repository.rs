//! Runs, their parts and checkpoints, what is in quarantine; and what the jobs keep for themselves.

pub(crate) mod parts;
pub(crate) mod quarantine;
pub(crate) mod runs;
mod schema;
pub(crate) mod settlements;

pub(crate) use settlements::{Settlement, SettlementRepository};
