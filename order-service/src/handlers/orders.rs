//! Orders: place, list, find.

use actix_web::http::header::{ETAG, EntityTag, TryIntoHeaderValue};
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use shared::idempotency::{KeptAnswer, MaybeKey};
use shared::paging::Page;
use shared::{ApiError, ApiResponse, CompanyId, Session, Timestamp, UserId};
use utoipa::{IntoParams, ToSchema};

use crate::domain;
use crate::domain::basket::{Basket, BasketItem};
use crate::domain::calendar::{Day, moment};
use crate::domain::order::{Direction, Order, OrderFilter, OrderId, OrderLine, OrderStatus};
use crate::domain::request::RequestName;
use crate::error::BadField;
use crate::state::AppState;

/// An order, as its company sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderView {
    #[schema(format = "uuid")]
    id: String,
    company_id: CompanyId,
    user_id: UserId,
    #[schema(max_length = 200, examples("N1UhsBXs"))]
    order_no: String,
    #[schema(value_type = OrderStatus)]
    status: &'static str,
    items: Vec<ItemView>,
    /// In the smallest unit of the currency.
    #[schema(minimum = 0, examples(9000))]
    total_minor: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", examples("KRW"))]
    currency: String,
    #[schema(value_type = Option<DateTime>, required)]
    paid_at: Option<Timestamp>,
    #[schema(value_type = Option<DateTime>, required)]
    settled_at: Option<Timestamp>,
    #[schema(required, max_length = 255, examples("S-100-2026-07-18-1"))]
    settlement_id: Option<String>,
    /// Rises with each change; the same as in `ETag`.
    #[schema(minimum = 1)]
    version: i32,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OrderItem)]
#[serde(rename_all = "camelCase")]
struct ItemView {
    #[schema(minimum = 1)]
    product_id: i64,
    #[schema(examples("A4 paper"))]
    product: String,
    #[schema(minimum = 1, maximum = 100_000)]
    quantity: i32,
    #[schema(minimum = 0, examples(4500))]
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
            version: order.version,
            created_at: order.created_at,
        }
    }
}

/// `cursor` and `limit` page, `order` is `oldest` or `newest` first; the rest filters.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// The most orders of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Which come first.
    #[param(value_type = Option<Direction>, inline)]
    order: Option<String>,
    #[param(value_type = Option<OrderStatus>)]
    status: Option<String>,
    user_id: Option<UserId>,
    /// Placed at this moment (RFC 3339) or later; a day is its first moment in UTC.
    #[param(example = "2026-07-18")]
    placed_from: Option<String>,
    /// Placed before this moment.
    placed_to: Option<String>,
    /// Paid on this day in UTC.
    #[param(format = "date")]
    paid_on: Option<String>,
    /// Paid at this moment or later.
    paid_from: Option<String>,
    /// Paid before this moment.
    paid_to: Option<String>,
    /// Settled by this statement.
    #[param(max_length = 255)]
    settlement_id: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<OrderFilter, BadField> {
        let name = |text| RequestName::parse("settlementId", text);
        let moment = |field, text: &Option<String>| {
            text.as_deref().map(|text| moment(field, text)).transpose()
        };
        Ok(OrderFilter {
            direction: self.order.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            user_id: self.user_id,
            placed_from: moment("placedFrom", &self.placed_from)?,
            placed_to: moment("placedTo", &self.placed_to)?,
            status: self.status.as_deref().map(str::parse).transpose()?,
            paid_from: moment("paidFrom", &self.paid_from)?,
            paid_to: moment("paidTo", &self.paid_to)?,
            paid_on: self.paid_on.as_deref().map(|text| Day::parse("paidOn", text)).transpose()?,
            settlement_id: self.settlement_id.as_deref().map(name).transpose()?,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderList {
    orders: Vec<OrderView>,
    /// Where the next page begins; null on the last one.
    #[schema(required, examples("MDE5YzFkNTI"))]
    next_cursor: Option<String>,
}

pub(crate) async fn list_orders(
    state: Data<AppState>,
    session: Session,
    query: Query<ListQuery>,
) -> Result<ApiResponse<OrderList>, ApiError> {
    let page = Page::parse(query.cursor.as_deref(), query.limit)?;
    let orders = state.orders.list(session.tenant(), &query.filter()?, &page).await?;
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
    let order = domain::find_order(&state, session.tenant(), OrderId::parse(&id)?).await?;
    Ok(shown(ApiResponse::ok, &order))
}

/// With its version as `ETag`, by which a change can be made to hold for what was seen.
pub(super) fn shown(
    answer: fn(OrderView) -> ApiResponse<OrderView>,
    order: &Order,
) -> ApiResponse<OrderView> {
    let answer = answer(OrderView::from(order.clone()));
    match EntityTag::new_strong(order.version.to_string()).try_into_value() {
        Ok(tag) => answer.with_header(ETAG, tag),
        Err(_) => answer,
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewOrder)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceBody {
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<PlaceItem>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewOrderItem)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlaceItem {
    #[schema(minimum = 1)]
    product_id: i64,
    #[schema(minimum = 1, maximum = 100_000)]
    quantity: i32,
}

pub(crate) async fn place_order(
    state: Data<AppState>,
    session: Session,
    key: MaybeKey,
    body: Json<PlaceBody>,
) -> Result<KeptAnswer, ApiError> {
    let items = body.into_inner().items.into_iter();
    let items =
        items.map(|item| BasketItem { product_id: item.product_id, quantity: item.quantity });
    let basket = Basket::new(items.collect())?;
    let answer = |order: &Order| shown(ApiResponse::created, order).kept();
    Ok(domain::place_order(&state, session, (basket, key.into_inner()), answer).await?)
}
