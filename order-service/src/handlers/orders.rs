//! Orders: place, list, find, cancel.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Data, Json, Path, Query};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared::paging::Page;
use shared::{ApiError, ApiResponse, CompanyId, Session, Timestamp, UserId};
use uuid::Uuid;

use crate::domain::order::{Basket, BasketItem, Order, OrderLine, OrderStatus, RequestName};
use crate::error::OrderError;
use crate::repository::orders::{NamedRequest, OrderFilter, storable};
use crate::state::AppState;

/// An order, as its company sees it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderView {
    id: String,
    company_id: CompanyId,
    user_id: UserId,
    order_no: String,
    status: &'static str,
    items: Vec<ItemView>,
    total_minor: i64,
    currency: String,
    paid_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    settlement_id: Option<String>,
    created_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemView {
    product_id: i64,
    product: String,
    quantity: i32,
    unit_price_minor: i64,
}

impl From<OrderLine> for ItemView {
    fn from(line: OrderLine) -> Self {
        let OrderLine { product_id, product_name, quantity, unit_price_minor } = line;
        Self { product_id, product: product_name, quantity, unit_price_minor }
    }
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        Self {
            id: order.id,
            company_id: order.company_id,
            user_id: order.user_id,
            order_no: order.order_no,
            status: order.status.name(),
            items: order.lines.into_iter().map(ItemView::from).collect(),
            total_minor: order.total.minor,
            currency: order.total.currency.to_string(),
            paid_at: order.paid_at,
            settled_at: order.settlement.as_ref().map(|settlement| settlement.at),
            settlement_id: order.settlement.map(|settlement| settlement.id),
            created_at: order.created_at,
        }
    }
}

/// `cursor` and `limit` page; the rest filters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListQuery {
    cursor: Option<String>,
    limit: Option<u32>,
    status: Option<String>,
    paid_on: Option<NaiveDate>,
    settlement_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderList {
    orders: Vec<OrderView>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

pub(crate) async fn list_orders(
    state: Data<AppState>,
    session: Session,
    query: Query<ListQuery>,
) -> Result<ApiResponse<OrderList>, ApiError> {
    let query = query.into_inner();
    let page = Page::parse(query.cursor.as_deref(), query.limit)?;
    let filter = OrderFilter {
        status: query.status.as_deref().map(str::parse).transpose()?,
        paid_on: query.paid_on,
        settlement_id: query.settlement_id,
    };
    let orders = state.orders.list(session.company_id(), &filter, &page).await?;
    let next_cursor = page.next_cursor(orders.len(), orders.last().map(|order| order.id.clone()));
    let orders = orders.into_iter().map(OrderView::from).collect();
    Ok(ApiResponse::ok(OrderList { orders, next_cursor }))
}

pub(crate) async fn find_order(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<ApiResponse<OrderView>, ApiError> {
    Ok(ApiResponse::ok(existing(&state, &session, &id).await?.into()))
}

pub(super) async fn existing(
    state: &AppState,
    session: &Session,
    id: &str,
) -> Result<Order, OrderError> {
    let order = state.orders.find(session.company_id(), id).await?;
    order.ok_or(OrderError::NoSuchOrder)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceBody {
    items: Vec<PlaceItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlaceItem {
    product_id: i64,
    quantity: i32,
}

pub(crate) async fn place_order(
    state: Data<AppState>,
    session: Session,
    request: HttpRequest,
    body: Json<PlaceBody>,
) -> Result<ApiResponse<OrderView>, ApiError> {
    let items = body.into_inner().items.into_iter();
    let items =
        items.map(|item| BasketItem { product_id: item.product_id, quantity: item.quantity });
    let basket = Basket::new(items.collect())?;
    let named = idempotency_key(&request)?.map(|key| named(key, &session, &basket));
    let order = price(&state, &session, &basket).await?;
    let id = state.orders.insert(&order, named.as_ref()).await?;
    let placed = existing(&state, &session, &id).await?;
    Ok(ApiResponse::created(placed.into()))
}

async fn price(state: &AppState, session: &Session, basket: &Basket) -> Result<Order, OrderError> {
    let ids: Vec<i64> = basket.items.iter().map(|item| item.product_id).collect();
    let products = state.products.list_by_ids(&ids).await?;
    let products = products.into_iter().map(|product| (product.id, product)).collect();
    let own = state.products.list_prices(session.company_id()).await?;
    let own: HashMap<_, _> = own.into_iter().map(|price| (price.product_id, price)).collect();
    let (lines, total) = basket.price(&products, &own)?;
    let id = Uuid::now_v7().to_string();
    Ok(Order {
        order_no: id.clone(),
        id,
        company_id: session.company_id(),
        user_id: session.user_id(),
        status: OrderStatus::Pending,
        lines,
        total,
        paid_at: None,
        settlement: None,
        version: 1,
        created_at: storable(state.clock.now()),
    })
}

/// The request's name, if it has one.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<RequestName>, OrderError> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    RequestName::parse("Idempotency-Key", text).map(Some)
}

/// Who asks belongs to what is asked: another user's request under the same name is another request.
fn named(key: RequestName, session: &Session, basket: &Basket) -> NamedRequest {
    let mut text = format!("place {}", session.user_id());
    for BasketItem { product_id, quantity } in &basket.items {
        text.push_str(&format!(" {product_id}x{quantity}"));
    }
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    NamedRequest { key, sha256: URL_SAFE_NO_PAD.encode(hash.as_ref()) }
}

pub(crate) async fn cancel_order(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
    _body: Bytes,
) -> Result<ApiResponse<OrderView>, ApiError> {
    let cancelled = state.orders.cancel(session.company_id(), &id).await?;
    let order = existing(&state, &session, &id).await?;
    // Cancelled before is cancelled: the same request twice is answered alike.
    if cancelled || order.status == OrderStatus::Cancelled {
        Ok(ApiResponse::ok(order.into()))
    } else {
        Err(OrderError::WrongState.into())
    }
}
