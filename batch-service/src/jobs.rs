//! The jobs: a file for each, and the list of them.

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
    ])
}

/// What they say of themselves.
#[must_use]
pub fn declarations() -> Vec<Declaration> {
    vec![import_orders::DECLARATION, settle_orders::DECLARATION]
}
