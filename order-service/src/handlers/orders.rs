//! Orders: place, list, find, cancel.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use shared::paging::Page;
use shared::{ApiError, ApiResponse, CompanyId, Session, Timestamp, UserId};

use crate::domain;
use crate::domain::basket::{Basket, BasketItem};
use crate::domain::calendar::Day;
use crate::domain::order::{Order, OrderFilter, OrderId, OrderLine};
use crate::domain::request::RequestName;
use crate::error::BadField;
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
            id: order.id.to_string(),
            company_id: order.company_id,
            user_id: order.user_id,
            order_no: order.order_no,
            status: order.status.name(),
            items: order.lines.into_iter().map(ItemView::from).collect(),
            total_minor: order.total.minor,
            currency: order.total.currency.to_string(),
            paid_at: order.paid_at,
            settled_at: order.settlement.as_ref().map(|one| one.at),
            settlement_id: order.settlement.map(|one| one.id.as_str().to_owned()),
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
    /// In UTC.
    paid_on: Option<String>,
    settlement_id: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<OrderFilter, BadField> {
        let name = |text| RequestName::parse("settlementId", text);
        Ok(OrderFilter {
            status: self.status.as_deref().map(str::parse).transpose()?,
            paid_on: self.paid_on.as_deref().map(|text| Day::parse("paidOn", text)).transpose()?,
            settlement_id: self.settlement_id.as_deref().map(name).transpose()?,
        })
    }
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
    let page = Page::parse(query.cursor.as_deref(), query.limit)?;
    let orders = state.orders.list(session.company_id(), &query.filter()?, &page).await?;
    let last = orders.last().map(|order| order.id.to_string());
    let next_cursor = page.next_cursor(orders.len(), last);
    let orders = orders.into_iter().map(OrderView::from).collect();
    Ok(ApiResponse::ok(OrderList { orders, next_cursor }))
}

pub(crate) async fn find_order(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<ApiResponse<OrderView>, ApiError> {
    let order = domain::find_order(&state, session.company_id(), OrderId::parse(&id)?).await?;
    Ok(ApiResponse::ok(order.into()))
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
    let name = idempotency_key(&request)?;
    let order = domain::place_order(&state, &session, &basket, name).await?;
    Ok(ApiResponse::created(order.into()))
}

/// The request's name, if it has one.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<RequestName>, BadField> {
    let mut values = request.headers().get_all("idempotency-key");
    let Some(value) = values.next() else { return Ok(None) };
    // What is not text, or there several times, is no name.
    let text = value.to_str().ok().filter(|_| values.next().is_none()).unwrap_or_default();
    RequestName::parse("Idempotency-Key", text).map(Some)
}

pub(crate) async fn cancel_order(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
    _body: Bytes,
) -> Result<ApiResponse<OrderView>, ApiError> {
    let order = domain::cancel_order(&state, session.company_id(), OrderId::parse(&id)?).await?;
    Ok(ApiResponse::ok(order.into()))
}
