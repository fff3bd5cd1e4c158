//! What can be done with orders: found, placed, paid, cancelled, settled; the import and the catalogue have files of their
//! own.

pub(crate) mod basket;
pub(crate) mod calendar;
pub(crate) mod catalogue;
pub(crate) mod change;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod money;
pub(crate) mod order;
pub(crate) mod placing;
pub(crate) mod product;
pub(crate) mod receipt;
pub(crate) mod request;

use std::sync::Arc;

use shared::idempotency::{IdempotencyKey, KeptAnswer, KeyedRequest};
use shared::{Session, Tenant, Timestamp};

use crate::error::OrderError;
use crate::state::AppState;
use basket::Basket;
use change::{Change, Outcome};
use order::{Order, OrderId, OrderStatus};
use placing::Placing;
use product::PriceList;
use receipt::ReceiptState;
use request::asked_to_place;

pub(crate) async fn find_order(
    state: &AppState,
    tenant: Tenant,
    id: OrderId,
) -> Result<Order, OrderError> {
    state.orders.find(tenant, id).await?.ok_or(OrderError::NoSuchOrder)
}

/// With a key, the same request twice places one order and is answered alike.
pub(crate) async fn place_order(
    state: &AppState,
    session: Session,
    (basket, key): (Basket, Option<IdempotencyKey>),
    answer: impl Fn(&Order) -> KeptAnswer + Send + Sync + 'static,
) -> Result<KeptAnswer, OrderError> {
    let now = state.clock.now();
    let placing = Placing {
        tenant: session.tenant(),
        now,
        keyed: key.map(|key| KeyedRequest::new(&session, key, &[&asked_to_place(&basket)])),
        product_ids: basket.product_ids(),
        make: Box::new(move |prices| {
            let order = priced(&session, &basket, (prices, now))?;
            let answer = answer(&order);
            Ok((order, answer))
        }),
    };
    state.orders.insert(Arc::new(placing)).await
}

fn priced(
    session: &Session,
    basket: &Basket,
    (prices, now): (&PriceList, Timestamp),
) -> Result<Order, OrderError> {
    let (lines, total) = basket.price(prices)?;
    let id = OrderId::generate();
    Ok(Order {
        id,
        company_id: session.company_id(),
        user_id: session.user_id(),
        order_no: id.to_string(),
        status: OrderStatus::Pending,
        lines,
        total,
        paid_at: None,
        settlement: None,
        version: 1,
        // As a database keeps it.
        created_at: Timestamp::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now),
    })
}

/// Pays, cancels or settles.
pub(crate) async fn change_order(
    state: &AppState,
    tenant: Tenant,
    change: &Change,
    answer: impl Fn(&Order) -> KeptAnswer,
) -> Result<Outcome, OrderError> {
    state.orders.change((tenant, state.clock.now()), change, answer).await
}

/// How far the receipt of an order is.
pub(crate) async fn find_receipt(
    state: &AppState,
    tenant: Tenant,
    id: OrderId,
) -> Result<ReceiptState, OrderError> {
    find_order(state, tenant, id).await?;
    Ok(state.receipts.find(tenant, id).await?)
}
