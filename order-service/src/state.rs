//! What a handler may use.

use std::sync::Arc;

use shared::Clock;
use shared::cache::Cache;
use tokio::task::JoinHandle;

use crate::auth_api::AuthApi;
use crate::receipts::Receipts;
use crate::repository::exports::ExportRepository;
use crate::repository::orders::OrderRepository;
use crate::repository::products::ProductRepository;

pub(crate) struct AppState {
    pub(crate) orders: OrderRepository,
    pub(crate) products: ProductRepository,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) exports: ExportRepository,
    /// None: nothing can be handed on.
    pub(crate) auth: Option<AuthApi>,
    pub(crate) cache: Cache,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) _upkeep: Upkeep,
}

/// What goes on by itself; it ends when this is dropped.
pub(crate) struct Upkeep(Vec<JoinHandle<()>>);

impl Upkeep {
    pub(crate) fn new(tasks: Vec<JoinHandle<()>>) -> Self {
        Self(tasks)
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
