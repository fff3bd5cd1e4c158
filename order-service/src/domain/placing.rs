//! [`Placing`]: an order that is about to be placed.

use std::fmt;

use shared::idempotency::{KeptAnswer, KeyedRequest};
use shared::{Tenant, Timestamp};

use crate::domain::order::Order;
use crate::domain::product::{PriceList, ProductId};
use crate::error::OrderError;

/// The order at these prices, and what is answered.
pub(crate) type Make =
    Box<dyn Fn(&PriceList) -> Result<(Order, KeptAnswer), OrderError> + Send + Sync>;

/// What there is before anybody has looked at a price.
pub(crate) struct Placing {
    pub(crate) tenant: Tenant,
    pub(crate) now: Timestamp,
    /// The request's name: sent twice, it has the effect of once.
    pub(crate) keyed: Option<KeyedRequest>,
    pub(crate) product_ids: Vec<ProductId>,
    pub(crate) make: Make,
}

impl fmt::Debug for Placing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Placing({:?}, {:?})", self.tenant, self.product_ids)
    }
}
