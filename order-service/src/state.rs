//! What a handler may use.

use std::sync::Arc;

use shared::Clock;
use shared::cache::Cache;

use crate::repository::orders::OrderRepository;
use crate::repository::products::ProductRepository;

pub(crate) struct AppState {
    pub(crate) orders: OrderRepository,
    pub(crate) products: ProductRepository,
    pub(crate) cache: Cache,
    pub(crate) clock: Arc<dyn Clock>,
}
