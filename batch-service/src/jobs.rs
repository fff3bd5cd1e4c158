//! The jobs: a file for each, and the list of them.

pub mod close_dormant_users;
pub mod expire_files;
pub mod export_statements;
pub mod import_orders;
pub mod settle_orders;

use std::sync::Arc;

use shared::server::StartupError;

use crate::job::{Declaration, SharedJob};
use crate::startup::Batch;

/// All jobs.
///
/// # Errors
/// When one of them cannot be put together.
pub fn all(batch: &Batch) -> Result<Vec<SharedJob>, StartupError> {
    Ok(vec![
        Arc::new(import_orders::ImportOrders::new(batch)?),
        Arc::new(settle_orders::SettleOrders::new(batch)?),
        Arc::new(close_dormant_users::CloseDormantUsers::new(batch)?),
        Arc::new(expire_files::ExpireFiles::new(batch)?),
        Arc::new(export_statements::ExportStatements::new(batch)?),
    ])
}

/// What they say of themselves.
#[must_use]
pub fn declarations() -> Vec<Declaration> {
    vec![
        import_orders::DECLARATION,
        settle_orders::DECLARATION,
        close_dormant_users::DECLARATION,
        expire_files::DECLARATION,
        export_statements::DECLARATION,
    ]
}
