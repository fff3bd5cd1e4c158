//! Orders that were placed and paid elsewhere and are taken over. The same orders twice change nothing.

use std::collections::{HashMap, HashSet};

use shared::db::DbError;
use shared::{CompanyId, Tenant, Timestamp, UserId};

use crate::domain::calendar::recordable;
use crate::domain::catalogue::forget_catalogue;
use crate::domain::money::{Currency, Money};
use crate::domain::order::{MAX_QUANTITY, Order, OrderId, OrderLine, OrderStatus};
use crate::domain::product::ProductId;
use crate::error::{BadField, OrderError};
use crate::state::AppState;

/// The most orders in one import.
const MAX_IMPORT: usize = 500;
const MAX_NAME_CHARS: usize = 200;

/// The fields of an order as they came in.
pub(crate) struct RawOrder {
    pub(crate) order_no: String,
    pub(crate) user_id: UserId,
    pub(crate) product: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price_minor: i64,
    pub(crate) currency: String,
    pub(crate) paid_at: Timestamp,
}

/// One paid order of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaidOrder {
    order_no: String,
    user_id: UserId,
    pub(crate) product: String,
    quantity: i32,
    pub(crate) unit_price: Money,
    total: Money,
    paid_at: Timestamp,
}

/// What an import did with one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportOutcome {
    Created,
    /// It was there already, just like this.
    Known,
    /// There is another order of this number.
    Different,
    Refused(BadField),
}

/// Takes over the orders that are not there yet: all of them or, after a failure, none. The outcomes are in the order of
/// what was offered.
pub(crate) async fn import_orders(
    state: &AppState,
    tenant: Tenant,
    offered: Vec<RawOrder>,
) -> Result<Vec<ImportOutcome>, OrderError> {
    if offered.len() > MAX_IMPORT {
        return Err(OrderError::TooManyOrders);
    }
    let offered: Vec<_> = offered.into_iter().map(PaidOrder::try_from).collect();
    let orders = with_products(state, tenant, offered).await?;
    let good: Vec<&Order> = orders.iter().flatten().collect();
    let created = state.orders.insert_missing(tenant, &good).await?;
    let rest = good.iter().filter(|order| !created.contains(&order.id));
    let numbers: Vec<&str> = rest.map(|order| order.order_no.as_str()).collect();
    let known = state.orders.list_by_order_nos(tenant, &numbers).await?;
    let known = known.into_iter().map(|order| (order.order_no.clone(), order)).collect();
    let outcome = |order| match order {
        Ok(order) => outcome(&order, &created, &known),
        Err(bad) => ImportOutcome::Refused(bad),
    };
    Ok(orders.into_iter().map(outcome).collect())
}

/// The orders, after making sure that their products exist.
async fn with_products(
    state: &AppState,
    tenant: Tenant,
    offered: Vec<Result<PaidOrder, BadField>>,
) -> Result<Vec<Result<Order, BadField>>, OrderError> {
    let now = state.clock.now();
    let good: Vec<&PaidOrder> = offered.iter().flatten().collect();
    let products = state.products.insert_missing(tenant, &good, now).await?;
    forget_catalogue(state).await;
    let mut orders = Vec::with_capacity(offered.len());
    for paid in offered {
        orders.push(match paid {
            Ok(paid) => {
                let product_id = products.get(&paid.product).copied();
                let product_id = product_id.ok_or(DbError::Corrupt("product name"))?;
                Ok(paid.into_order(tenant.company_id(), product_id, now))
            }
            Err(bad) => Err(bad),
        });
    }
    Ok(orders)
}

fn outcome(
    order: &Order,
    created: &HashSet<OrderId>,
    known: &HashMap<String, Order>,
) -> ImportOutcome {
    match known.get(&order.order_no) {
        _ if created.contains(&order.id) => ImportOutcome::Created,
        Some(known) if order.repeats(known) => ImportOutcome::Known,
        _ => ImportOutcome::Different,
    }
}

impl TryFrom<RawOrder> for PaidOrder {
    type Error = BadField;

    fn try_from(raw: RawOrder) -> Result<Self, BadField> {
        if !is_name(&raw.order_no) {
            return Err(BadField("orderNo", "1 to 200 characters, no controls"));
        }
        if !is_name(&raw.product) {
            return Err(BadField("product", "1 to 200 characters, no controls"));
        }
        if !(1..=MAX_QUANTITY).contains(&raw.quantity) {
            return Err(BadField("quantity", "1 to 100000"));
        }
        if raw.unit_price_minor < 0 {
            return Err(BadField("unitPriceMinor", "0 or more"));
        }
        let currency: Currency =
            raw.currency.parse().map_err(|_| BadField("currency", "ISO 4217"))?;
        let unit_price = Money { minor: raw.unit_price_minor, currency };
        let total = unit_price.times(raw.quantity);
        Ok(Self {
            order_no: raw.order_no,
            user_id: raw.user_id,
            product: raw.product,
            quantity: raw.quantity,
            unit_price,
            total: total.ok_or(BadField("unitPriceMinor", "a sum that can be written down"))?,
            paid_at: recordable("paidAt", raw.paid_at)?,
        })
    }
}

impl PaidOrder {
    fn into_order(self, company_id: CompanyId, product_id: ProductId, now: Timestamp) -> Order {
        let (product_name, quantity) = (self.product, self.quantity);
        let unit_price_minor = self.unit_price.minor;
        Order {
            id: OrderId::generate(),
            company_id,
            user_id: self.user_id,
            order_no: self.order_no,
            status: OrderStatus::Paid,
            lines: vec![OrderLine { product_id, product_name, quantity, unit_price_minor }],
            total: self.total,
            paid_at: Some(self.paid_at),
            settlement: None,
            version: 1,
            created_at: now,
        }
    }
}

fn is_name(text: &str) -> bool {
    let length = text.chars().count();
    (1..=MAX_NAME_CHARS).contains(&length) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawOrder {
        RawOrder {
            order_no: "가".repeat(200),
            user_id: UserId::MIN,
            product: "펜".to_owned(),
            quantity: 2,
            unit_price_minor: 150,
            currency: "KRW".to_owned(),
            paid_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_order_that_breaks_a_rule_is_refused_with_the_name_of_its_field() {
        type Change = fn(&mut RawOrder);
        assert!(PaidOrder::try_from(raw()).is_ok());
        let table: [(Change, &str); 12] = [
            (|raw| raw.order_no.clear(), "orderNo"),
            (|raw| raw.order_no.push('가'), "orderNo"),
            (|raw| raw.order_no = "A\0".to_owned(), "orderNo"),
            (|raw| raw.product.clear(), "product"),
            (|raw| raw.product.push('\n'), "product"),
            (|raw| raw.quantity = 0, "quantity"),
            (|raw| raw.quantity = MAX_QUANTITY + 1, "quantity"),
            (|raw| raw.unit_price_minor = -1, "unitPriceMinor"),
            (|raw| raw.unit_price_minor = i64::MAX, "unitPriceMinor"),
            (|raw| raw.currency = "WON".to_owned(), "currency"),
            (|raw| raw.currency = "krw".to_owned(), "currency"),
            (|raw| raw.paid_at = Timestamp::MIN_UTC, "paidAt"),
        ];
        for (change, field) in table {
            let mut raw = raw();
            change(&mut raw);
            let refused = PaidOrder::try_from(raw).err();
            assert_eq!(refused.map(|BadField(field, _)| field), Some(field));
        }
    }
}
