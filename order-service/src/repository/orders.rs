//! Orders. Every method that reads or changes one asks for the tenant: there is no way across companies.

use std::sync::Arc;

use diesel::sql_types::Bool;
use diesel::{
    BoolExpressionMethods, ExpressionMethods, IntoSql, JoinOnDsl, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::idempotency::{Claim, IdempotentConnection, KeptAnswer};
use shared::{CompanyId, Tenant, Timestamp, across_tenants, with_tenant};

use crate::domain::calendar::Stretch;
use crate::domain::change::{Change, Outcome};
use crate::domain::order::{Order, OrderId, OrderStatus};
use crate::domain::placing::Placing;
use crate::error::OrderError;
use crate::repository::changes::{NewReceiptRow, NewState, versions};
use crate::repository::finding::{self, Finds};
use crate::repository::placing::{self, Places};
use crate::repository::products::{PriceRow, ProductRow, price_list};
use crate::repository::reading::{find_order, find_prices};
use crate::repository::rows::{ItemRow, OrderRow, item_rows, orders_with_items};
use crate::repository::schema::{company_prices, order_items, orders, products, receipts};

#[derive(Clone, Debug)]
pub(crate) struct OrderRepository {
    pub(super) db: Db,
    finds: Option<Finds>,
    places: Option<Places>,
}

impl OrderRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { finds: finding::start(&db), places: placing::start(&db), db }
    }

    pub(crate) async fn find(
        &self,
        tenant: Tenant,
        id: OrderId,
    ) -> Result<Option<Order>, OrderError> {
        let found = match &self.finds {
            Some(together) => together.ask((tenant, id)).await,
            None => None,
        };
        match found {
            Some(order) => Ok(order?),
            None => with_tenant!(&self.db, tenant, |conn| Ok(find_order!(conn, tenant, id)?)),
        }
    }

    /// Companies that have orders paid then, whether settled or not.
    pub(crate) async fn list_companies_paid(
        &self,
        (first, last): Stretch,
    ) -> Result<Vec<CompanyId>, OrderError> {
        let ids: Vec<i64> = across_tenants!(&self.db, |conn| orders::table
            .filter(orders::paid_at.between(first, last))
            .select(orders::company_id)
            .distinct()
            .order(orders::company_id.asc())
            .load(conn)
            .await)?;
        let companies = ids.into_iter().map(CompanyId::try_from).collect::<Result<_, _>>();
        Ok(companies.map_err(|_| DbError::Corrupt("company id"))?)
    }

    /// Adds the order that is made of what its products cost the company. With a name, the same request twice has the
    /// effect of once: the second gets the answer of the first.
    pub(crate) async fn insert(&self, placing: Arc<Placing>) -> Result<KeptAnswer, OrderError> {
        let placed = match &self.places {
            Some(together) => together.ask(Arc::clone(&placing)).await,
            None => None,
        };
        match placed {
            Some(answer) => answer,
            None => self.insert_alone(&placing).await,
        }
    }

    async fn insert_alone(&self, placing: &Placing) -> Result<KeptAnswer, OrderError> {
        let Placing { tenant, now, keyed, .. } = placing;
        with_tenant!(&self.db, *tenant, |conn| {
            if let Some(request) = keyed
                && let Claim::Replay(before) = conn.claim(request, *now, None).await?
            {
                return Ok(before);
            }
            let prices = price_list(find_prices!(conn, tenant, &placing.product_ids))?;
            let (order, answer) = (placing.make)(&prices)?;
            let (row, items) = (OrderRow::from(&order), item_rows(&order));
            diesel::insert_into(orders::table).values(row).execute(conn).await?;
            for item in items {
                diesel::insert_into(order_items::table).values(item).execute(conn).await?;
            }
            if let Some(request) = keyed {
                conn.keep(request, &answer).await?;
            }
            Ok(answer)
        })
    }

    /// Changes the order if its state and its version allow that; one statement decides. What was done before is done.
    pub(crate) async fn change(
        &self,
        (tenant, now): (Tenant, Timestamp),
        change: &Change,
        answer: impl Fn(&Order) -> KeptAnswer,
    ) -> Result<Outcome, OrderError> {
        let (versions, any) = versions(&change.precondition);
        let before = change.transition.target().before().into_iter().map(OrderStatus::name);
        let before: Vec<&str> = before.collect();
        let receipt = NewReceiptRow::new(tenant, change, now);
        with_tenant!(&self.db, tenant, |conn| {
            if let Some(request) = &change.keyed
                && let Claim::Replay(before) = conn.claim(request, now, None).await?
            {
                return Ok(Outcome { answer: before, happened: false });
            }
            let changed = diesel::update(orders::table)
                .filter(orders::company_id.eq(tenant.company_id().get()))
                .filter(orders::id.eq(change.id.to_string()))
                .filter(orders::status.eq_any(&before))
                .filter(orders::version.eq_any(&versions).or(any.into_sql::<Bool>()))
                .set((NewState::of(&change.transition), orders::version.eq(orders::version + 1)))
                .execute(conn)
                .await?;
            let order = find_order!(conn, tenant, change.id)?.ok_or(OrderError::NoSuchOrder)?;
            if changed == 0 {
                change.check_done(&order)?;
            } else if let Some(receipt) = receipt {
                diesel::insert_into(receipts::table).values(receipt).execute(conn).await?;
            }
            let answer = answer(&order);
            if let Some(request) = &change.keyed {
                conn.keep(request, &answer).await?;
            }
            Ok(Outcome { answer, happened: changed == 1 })
        })
    }
}
