//! Runs, their parts and checkpoints, what is in quarantine; and what the jobs keep for themselves.

pub(crate) mod parts;
pub(crate) mod quarantine;
pub(crate) mod runs;
mod schema;
pub(crate) mod settlements;

use shared::CompanyId;

pub(crate) use settlements::{Settlement, SettlementRepository};

/// How a part is written down that is all companies'.
const ALL: i64 = 0;

/// Whose part it is, as it is written down.
pub(crate) fn id_of(company: Option<CompanyId>) -> i64 {
    company.map_or(ALL, CompanyId::get)
}

/// Whose part it is; None: all companies'.
pub(crate) fn company_of(id: i64) -> Option<CompanyId> {
    CompanyId::try_from(id).ok()
}
