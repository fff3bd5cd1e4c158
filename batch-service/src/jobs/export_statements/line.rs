//! [`Line`]: a line of an export: an item of an order.

use shared::Timestamp;

use crate::order_api::Order;

/// The names of the columns, in both formats.
pub(super) const HEADING: [&str; 11] = [
    "order_id",
    "order_no",
    "user_id",
    "status",
    "product",
    "quantity",
    "unit_price_minor",
    "amount_minor",
    "currency",
    "paid_at",
    "settlement_id",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'o> {
    pub(super) order_id: &'o str,
    pub(super) order_no: &'o str,
    pub(super) user_id: i64,
    pub(super) status: &'o str,
    pub(super) product: &'o str,
    pub(super) quantity: i32,
    /// In the smallest unit of the currency.
    pub(super) unit_price_minor: i64,
    pub(super) amount_minor: i64,
    pub(super) currency: &'o str,
    /// Every order here has been paid.
    pub(super) paid_at: Option<Timestamp>,
    pub(super) settlement_id: Option<&'o str>,
}

pub(super) fn lines(order: &Order) -> impl Iterator<Item = Line<'_>> {
    order.items.iter().map(|item| Line {
        order_id: &order.id,
        order_no: &order.order_no,
        user_id: order.user_id.get(),
        status: &order.status,
        product: &item.product,
        quantity: item.quantity,
        unit_price_minor: item.unit_price_minor,
        // order-service has multiplied them before, and taken the order in only because the product fits.
        amount_minor: item.unit_price_minor.saturating_mul(i64::from(item.quantity)),
        currency: &order.currency,
        paid_at: order.paid_at,
        settlement_id: order.settlement_id.as_deref(),
    })
}
