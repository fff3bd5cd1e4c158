//! Orders that are asked for at once are found by one statement for each company, on PostgreSQL: a transaction that says whose
//! it is takes three turns, whatever is read in it.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::{ExpressionMethods, JoinOnDsl, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use futures_util::future::join_all;
use shared::db::together::{Answering, Gathering, Together};
use shared::db::{Db, DbError};
use shared::{Tenant, with_tenant};
use tracing::warn;

use crate::domain::order::{Order, OrderId};
use crate::error::OrderError;
use crate::repository::rows::{ItemRow, OrderRow, orders_with_items};
use crate::repository::schema::{order_items, orders};

const GATHERING: Gathering = Gathering { at_once: 64, under_way: 2, waiting: 1_024 };

pub(super) struct Finding(Db);

pub(super) type Finds = Together<Finding>;

pub(super) fn start(db: &Db) -> Option<Finds> {
    match db {
        Db::Postgres(_) => Some(Together::start(Finding(db.clone()), GATHERING)),
        Db::Sqlite(_) => None,
    }
}

#[async_trait]
impl Answering for Finding {
    type Question = (Tenant, OrderId);
    /// Or why the database cannot be asked: whoever asks alone would hear the same, a little later.
    type Answer = Result<Option<Order>, DbError>;

    async fn answer(&self, asked: &[Self::Question]) -> Vec<Option<Self::Answer>> {
        let mut ids: HashMap<Tenant, Vec<OrderId>> = HashMap::new();
        for (tenant, id) in asked {
            ids.entry(*tenant).or_default().push(*id);
        }
        let found = ids.iter().map(|(tenant, ids)| self.find_all(*tenant, ids));
        let found: HashMap<Tenant, Found> =
            ids.keys().copied().zip(join_all(found).await).collect();
        let answer = |(tenant, id): &Self::Question| match found.get(tenant)? {
            Found::Orders(orders) => Some(Ok(orders.get(id).cloned())),
            Found::Away(cause) => Some(Err(DbError::Unavailable(cause.clone()))),
            Found::Failed => None,
        };
        asked.iter().map(answer).collect()
    }
}

/// What came of one company's.
enum Found {
    Orders(HashMap<OrderId, Order>),
    Away(String),
    /// Each has to be looked for by itself.
    Failed,
}

impl Finding {
    async fn find_all(&self, tenant: Tenant, ids: &[OrderId]) -> Found {
        match self.try_find_all(tenant, ids).await {
            Ok(orders) => {
                Found::Orders(orders.into_iter().map(|order| (order.id, order)).collect())
            }
            Err(OrderError::Db(DbError::Unavailable(cause))) => Found::Away(cause),
            Err(cause) => {
                warn!(%cause, count = ids.len(), "could not find many at once: trying one by one");
                Found::Failed
            }
        }
    }

    async fn try_find_all(
        &self,
        tenant: Tenant,
        ids: &[OrderId],
    ) -> Result<Vec<Order>, OrderError> {
        let ids: Vec<String> = ids.iter().map(OrderId::to_string).collect();
        with_tenant!(&self.0, tenant, |conn| {
            let rows: Vec<(OrderRow, ItemRow)> = orders::table
                .inner_join(order_items::table.on(order_items::order_id.eq(orders::id)))
                .filter(orders::company_id.eq(tenant.company_id().get()))
                .filter(orders::id.eq_any(&ids))
                .order((orders::id.asc(), order_items::line.asc()))
                .select((OrderRow::as_select(), ItemRow::as_select()))
                .load(conn)
                .await?;
            Ok(orders_with_items(rows)?)
        })
    }
}
