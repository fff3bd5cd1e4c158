//! What can be done with orders: found, placed, cancelled, settled; the import and the catalogue have files of their own.

pub(crate) mod basket;
pub(crate) mod calendar;
pub(crate) mod catalogue;
pub(crate) mod import;
pub(crate) mod money;
pub(crate) mod order;
pub(crate) mod product;
pub(crate) mod request;

use shared::{CompanyId, Session};

use crate::error::OrderError;
use crate::state::AppState;
use basket::Basket;
use order::{Order, OrderId, OrderStatus, Settlement};
use request::{NamedRequest, RequestName};

pub(crate) async fn find_order(
    state: &AppState,
    company: CompanyId,
    id: OrderId,
) -> Result<Order, OrderError> {
    state.orders.find(company, id).await?.ok_or(OrderError::NoSuchOrder)
}

/// With a name, the same request twice places one order.
pub(crate) async fn place_order(
    state: &AppState,
    session: &Session,
    basket: &Basket,
    name: Option<RequestName>,
) -> Result<Order, OrderError> {
    let request = name.map(|name| NamedRequest::to_place(name, session.user_id(), basket));
    let order = price(state, session, basket).await?;
    let id = state.orders.insert(&order, request.as_ref()).await?;
    find_order(state, session.company_id(), id).await
}

async fn price(state: &AppState, session: &Session, basket: &Basket) -> Result<Order, OrderError> {
    let ids = basket.product_ids();
    let products = state.products.list_by_ids(&ids).await?;
    let prices = state.products.list_prices(session.company_id(), &ids).await?;
    let (lines, total) = basket.price(&products, &prices)?;
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
        created_at: state.clock.now(),
    })
}

pub(crate) async fn cancel_order(
    state: &AppState,
    company: CompanyId,
    id: OrderId,
) -> Result<Order, OrderError> {
    let cancelled = state.orders.cancel(company, id).await?;
    let order = find_order(state, company, id).await?;
    // Cancelled before is cancelled: the same request twice is answered alike.
    if cancelled || order.status == OrderStatus::Cancelled {
        Ok(order)
    } else {
        Err(OrderError::WrongState)
    }
}

/// Puts a paid order on a statement: the one that `statement` names, asked for by the request that `request` names.
pub(crate) async fn settle_order(
    state: &AppState,
    company: CompanyId,
    id: OrderId,
    (statement, request): (RequestName, RequestName),
) -> Result<Order, OrderError> {
    let settlement = Settlement { id: statement, request, at: state.clock.now() };
    let settled = state.orders.settle(company, id, &settlement).await?;
    let order = find_order(state, company, id).await?;
    if !settled {
        order.check_settled_by(&settlement)?;
    }
    Ok(order)
}
