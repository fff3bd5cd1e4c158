//! The jobs: a file for each, and the list of them.

pub mod close_dormant_users;
pub mod expire_files;
pub mod export_statements;
pub mod import_orders;
pub mod order_exports;
pub mod settle_orders;
mod spreadsheet;

use crate::cli::Jobs;
use crate::job::Declaration;

/// All jobs.
#[must_use]
pub fn all() -> Jobs {
    Jobs::none()
        .and(import_orders::DECLARATION, import_orders::ImportOrders::new)
        .and(settle_orders::DECLARATION, settle_orders::SettleOrders::new)
        .and(close_dormant_users::DECLARATION, close_dormant_users::CloseDormantUsers::new)
        .and(expire_files::DECLARATION, expire_files::ExpireFiles::new)
        .and(order_exports::DECLARATION, order_exports::OrderExports::new)
        .and(export_statements::DECLARATION, export_statements::ExportStatements::new)
}

/// What they say of themselves.
#[must_use]
pub fn declarations() -> Vec<Declaration> {
    all().declarations()
}
