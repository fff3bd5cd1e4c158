//! Orders as rows, and back.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::{Insertable, Queryable, Selectable};
use shared::db::DbError;
use shared::{CompanyId, UserId};

use crate::domain::money::Money;
use crate::domain::order::{Order, OrderId, OrderLine, Settlement};
use crate::domain::request::RequestName;
use crate::repository::schema::{order_items, orders};

#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = orders)]
pub(super) struct OrderRow {
    pub(super) id: String,
    pub(super) company_id: i64,
    pub(super) user_id: i64,
    pub(super) order_no: String,
    pub(super) status: String,
    pub(super) total_minor: i64,
    pub(super) currency: String,
    pub(super) paid_at: Option<NaiveDateTime>,
    pub(super) settled_at: Option<NaiveDateTime>,
    pub(super) settlement_id: Option<String>,
    pub(super) settle_key: Option<String>,
    pub(super) version: i32,
    pub(super) created_at: NaiveDateTime,
}

#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = order_items)]
pub(super) struct ItemRow {
    pub(super) order_id: String,
    pub(super) line: i32,
    pub(super) company_id: i64,
    pub(super) product_id: i64,
    pub(super) product_name: String,
    pub(super) quantity: i32,
    pub(super) unit_price_minor: i64,
}

pub(super) fn money(minor: i64, currency: &str) -> Result<Money, DbError> {
    let currency = currency.parse().map_err(|_| DbError::Corrupt("currency"))?;
    Ok(Money { minor, currency })
}

pub(super) fn stored_id(text: &str) -> Result<OrderId, DbError> {
    OrderId::parse(text).map_err(|_| DbError::Corrupt("order id"))
}

fn stored_name(field: &'static str, text: &str) -> Result<RequestName, DbError> {
    RequestName::parse(field, text).map_err(|_| DbError::Corrupt(field))
}

impl From<&Order> for OrderRow {
    fn from(order: &Order) -> Self {
        let settlement = order.settlement.as_ref();
        Self {
            id: order.id.to_string(),
            company_id: order.company_id.get(),
            user_id: order.user_id.get(),
            order_no: order.order_no.clone(),
            status: order.status.name().to_owned(),
            total_minor: order.total.minor,
            currency: order.total.currency.to_string(),
            paid_at: order.paid_at.map(|at| at.naive_utc()),
            settled_at: settlement.map(|one| one.at.naive_utc()),
            settle_key: settlement.map(|one| one.request.as_str().to_owned()),
            settlement_id: settlement.map(|one| one.id.as_str().to_owned()),
            version: order.version,
            created_at: order.created_at.naive_utc(),
        }
    }
}

pub(super) fn item_rows(order: &Order) -> Vec<ItemRow> {
    let numbered = (1..).zip(&order.lines);
    numbered
        .map(|(line, item)| ItemRow {
            order_id: order.id.to_string(),
            line,
            company_id: order.company_id.get(),
            product_id: item.product_id,
            product_name: item.product_name.clone(),
            quantity: item.quantity,
            unit_price_minor: item.unit_price_minor,
        })
        .collect()
}

impl From<ItemRow> for OrderLine {
    fn from(row: ItemRow) -> Self {
        let ItemRow { product_id, product_name, quantity, unit_price_minor, .. } = row;
        Self { product_id, product_name, quantity, unit_price_minor }
    }
}

/// The orders of these rows, which come sorted by order and line.
pub(super) fn orders_with_items(rows: Vec<(OrderRow, ItemRow)>) -> Result<Vec<Order>, DbError> {
    let mut orders: Vec<(OrderRow, Vec<OrderLine>)> = Vec::new();
    for (row, item) in rows {
        match orders.last_mut() {
            Some((last, lines)) if last.id == row.id => lines.push(item.into()),
            _ => orders.push((row, vec![item.into()])),
        }
    }
    orders.into_iter().map(|(row, lines)| order_of(row, lines)).collect()
}

/// The orders of these rows, each with its items. Items come sorted by line.
pub(super) fn orders_of(rows: Vec<OrderRow>, items: Vec<ItemRow>) -> Result<Vec<Order>, DbError> {
    let mut lines: HashMap<String, Vec<OrderLine>> = HashMap::new();
    for item in items {
        lines.entry(item.order_id.clone()).or_default().push(item.into());
    }
    rows.into_iter()
        .map(|row| {
            let lines = lines.remove(&row.id).unwrap_or_default();
            order_of(row, lines)
        })
        .collect()
}

fn order_of(row: OrderRow, lines: Vec<OrderLine>) -> Result<Order, DbError> {
    let settlement = match (row.settlement_id, row.settle_key, row.settled_at) {
        (Some(id), Some(key), Some(at)) => {
            let (id, request) =
                (stored_name("settlement id", &id)?, stored_name("settle key", &key)?);
            Some(Settlement { id, request, at: at.and_utc() })
        }
        _ => None,
    };
    Ok(Order {
        id: stored_id(&row.id)?,
        company_id: CompanyId::try_from(row.company_id)
            .map_err(|_| DbError::Corrupt("company id"))?,
        user_id: UserId::try_from(row.user_id).map_err(|_| DbError::Corrupt("user id"))?,
        order_no: row.order_no,
        status: row.status.parse().map_err(|_| DbError::Corrupt("order status"))?,
        lines,
        total: money(row.total_minor, &row.currency)?,
        paid_at: row.paid_at.map(|at| at.and_utc()),
        settlement,
        version: row.version,
        created_at: row.created_at.and_utc(),
    })
}
