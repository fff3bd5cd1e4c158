//! [`Receipt`]: what file-service is to keep of a payment.

use serde::Serialize;
use shared::{Session, Timestamp, TraceContext};

use crate::domain::order::{Order, OrderId, OrderLine};

/// A receipt that is to be written, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReceiptOrder {
    pub(crate) session: Session,
    /// The trace of the payment: what is written later belongs to it.
    pub(crate) trace: Option<TraceContext>,
}

/// One that has not been written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingReceipt {
    pub(crate) order_id: OrderId,
    pub(crate) order: ReceiptOrder,
    pub(crate) attempts: i32,
}

/// How far the receipt of an order is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReceiptState {
    /// The order was not paid here.
    None,
    Pending,
    Written {
        file_id: String,
    },
}

/// A receipt, as it is written: it says what was paid, by whom, for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    order_id: String,
    order_no: String,
    company_id: i64,
    user_id: i64,
    paid_by_user_id: i64,
    paid_at: Option<Timestamp>,
    items: Vec<ReceiptLine>,
    total_minor: i64,
    currency: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptLine {
    product: String,
    quantity: i32,
    unit_price_minor: i64,
}

impl Receipt {
    /// The same for the same payment, whenever it is written.
    pub(crate) fn new(order: &Order, payer: &Session) -> Self {
        Self {
            order_id: order.id.to_string(),
            order_no: order.order_no.clone(),
            company_id: order.company_id.get(),
            user_id: order.user_id.get(),
            paid_by_user_id: payer.user_id().get(),
            paid_at: order.paid_at,
            items: order.lines.iter().map(ReceiptLine::from).collect(),
            total_minor: order.total.minor,
            currency: order.total.currency.to_string(),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        // Numbers and texts can always be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl From<&OrderLine> for ReceiptLine {
    fn from(line: &OrderLine) -> Self {
        Self {
            product: line.product_name.clone(),
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
        }
    }
}
