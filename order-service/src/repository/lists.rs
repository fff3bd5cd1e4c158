//! Pages of orders.

use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::paging::{Page, PageError};
use shared::{Tenant, with_tenant};

use crate::domain::calendar::Day;
use crate::domain::order::{Direction, Order, OrderFilter, OrderId};
use crate::error::OrderError;
use crate::repository::orders::OrderRepository;
use crate::repository::reading::with_items;
use crate::repository::rows::{ItemRow, OrderRow, orders_of};
use crate::repository::schema::{order_items, orders};

/// The orders that the filter lets through; for both databases, each of which has a query of its own.
macro_rules! filtered {
    ($query:expr, $filter:expr) => {{
        let mut query = $query;
        if let Some(status) = $filter.status {
            query = query.filter(orders::status.eq(status.name()));
        }
        if let Some(user) = $filter.user_id {
            query = query.filter(orders::user_id.eq(user.get()));
        }
        if let Some((first, last)) = $filter.paid_on.map(Day::bounds) {
            query = query.filter(orders::paid_at.between(first, last));
        }
        if let Some(from) = $filter.paid_from {
            query = query.filter(orders::paid_at.ge(from.naive_utc()));
        }
        if let Some(to) = $filter.paid_to {
            query = query.filter(orders::paid_at.lt(to.naive_utc()));
        }
        if let Some(settlement) = &$filter.settlement_id {
            query = query.filter(orders::settlement_id.eq(settlement.as_str()));
        }
        // The ids bound what is looked at; the moments are exact.
        if let Some(from) = $filter.placed_from {
            query = query.filter(orders::id.ge(OrderId::floor(from)));
            query = query.filter(orders::created_at.ge(from.naive_utc()));
        }
        if let Some(to) = $filter.placed_to {
            query = query.filter(orders::id.lt(OrderId::ceiling(to)));
            query = query.filter(orders::created_at.lt(to.naive_utc()));
        }
        query
    }};
}

impl OrderRepository {
    /// A page begins after an id, so that it costs the same wherever it is, and new orders shift nothing.
    pub(crate) async fn list(
        &self,
        tenant: Tenant,
        filter: &OrderFilter,
        page: &Page,
    ) -> Result<Vec<Order>, OrderError> {
        let after = page.after.as_deref().map(OrderId::parse).transpose();
        let after = after.map_err(|_| PageError::Cursor)?.map(|id| id.to_string());
        with_tenant!(&self.db, tenant, |conn| {
            let own = orders::company_id.eq(tenant.company_id().get());
            let query = filtered!(orders::table.filter(own).into_boxed(), filter);
            let query = match (filter.direction, after) {
                (Direction::Oldest, after) => {
                    query.filter(orders::id.gt(after.unwrap_or_default())).order(orders::id.asc())
                }
                (Direction::Newest, Some(before)) => {
                    query.filter(orders::id.lt(before)).order(orders::id.desc())
                }
                (Direction::Newest, None) => query.order(orders::id.desc()),
            };
            let query = query.limit(i64::from(page.limit)).select(OrderRow::as_select());
            Ok(with_items!(conn, tenant, query.load(conn).await?)?)
        })
    }
}
