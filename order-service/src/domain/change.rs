//! [`Change`]: how an order goes from one state to the next.

use shared::Timestamp;
use shared::idempotency::{KeptAnswer, KeyedRequest};

use crate::domain::order::{Order, OrderId, OrderStatus, Settlement};
use crate::domain::receipt::ReceiptOrder;
use crate::error::OrderError;

/// What is to become of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    Pay { at: Timestamp, receipt: ReceiptOrder },
    Cancel,
    Settle(Settlement),
}

impl Transition {
    pub(crate) fn target(&self) -> OrderStatus {
        match self {
            Self::Pay { .. } => OrderStatus::Paid,
            Self::Cancel => OrderStatus::Cancelled,
            Self::Settle(_) => OrderStatus::Settled,
        }
    }
}

/// What an `If-Match` demands (RFC 9110 section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    None,
    /// One of these versions; none of them is one that can be met.
    Versions(Vec<i32>),
}

impl Precondition {
    fn holds(&self, version: i32) -> bool {
        match self {
            Self::None => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// A change that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: OrderId,
    pub(crate) transition: Transition,
    pub(crate) precondition: Precondition,
    /// The request's name: sent twice, it has the effect of once.
    pub(crate) keyed: Option<KeyedRequest>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) answer: KeptAnswer,
    /// By this very request; else it was so before.
    pub(crate) happened: bool,
}

impl Change {
    /// For an order that could not be changed: fine if this is what it has become before, and else why not.
    pub(crate) fn check_done(&self, order: &Order) -> Result<(), OrderError> {
        match &self.transition {
            Transition::Settle(asked) if order.settlement.is_some() => {
                order.check_settled_by(asked)
            }
            _ if !self.precondition.holds(order.version) => Err(OrderError::Changed),
            transition if order.status == transition.target() => Ok(()),
            _ => Err(OrderError::WrongState),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precondition_without_a_version_that_could_be_met_never_holds() {
        assert!(Precondition::None.holds(1));
        assert!(Precondition::Versions(vec![2, 1]).holds(1));
        assert!(!Precondition::Versions(vec![2]).holds(1));
        assert!(!Precondition::Versions(Vec::new()).holds(1));
    }
}
