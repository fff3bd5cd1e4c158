//! Orders. Every method that reads or changes one asks for the company: there is no way across companies.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::paging::{Page, PageError};
use shared::{CompanyId, with_conn};

use crate::domain::calendar::Day;
use crate::domain::order::{Order, OrderFilter, OrderId, OrderStatus, Settlement};
use crate::domain::request::NamedRequest;
use crate::error::OrderError;
use crate::repository::rows::{ItemRow, OrderRow, item_rows, orders_of, stored_id};
use crate::repository::schema::{idempotency_keys, order_items, orders};

#[derive(Clone, Debug)]
pub(crate) struct OrderRepository {
    pub(super) db: Db,
}

impl OrderRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn find(
        &self,
        company: CompanyId,
        id: OrderId,
    ) -> Result<Option<Order>, OrderError> {
        let row: Option<OrderRow> = with_conn!(&self.db, |conn| orders::table
            .filter(orders::company_id.eq(company.get()))
            .filter(orders::id.eq(id.to_string()))
            .select(OrderRow::as_select())
            .first(conn)
            .await
            .optional())?;
        let Some(row) = row else { return Ok(None) };
        Ok(self.with_items(vec![row]).await?.pop())
    }

    pub(crate) async fn list(
        &self,
        company: CompanyId,
        filter: &OrderFilter,
        page: &Page,
    ) -> Result<Vec<Order>, OrderError> {
        let after = page.after.as_deref().map(OrderId::parse).transpose();
        let after = after.map_err(|_| PageError::Cursor)?.map(|id| id.to_string());
        let rows: Vec<OrderRow> = with_conn!(&self.db, |conn| {
            let mut query = orders::table
                .filter(orders::company_id.eq(company.get()))
                .filter(orders::id.gt(after.unwrap_or_default()))
                .into_boxed();
            if let Some(status) = filter.status {
                query = query.filter(orders::status.eq(status.name()));
            }
            if let Some((first, last)) = filter.paid_on.map(Day::bounds) {
                query = query.filter(orders::paid_at.between(first, last));
            }
            if let Some(settlement) = &filter.settlement_id {
                query = query.filter(orders::settlement_id.eq(settlement.as_str()));
            }
            let query = query.order(orders::id.asc()).limit(i64::from(page.limit));
            query.select(OrderRow::as_select()).load(conn).await
        })?;
        self.with_items(rows).await
    }

    pub(super) async fn with_items(&self, rows: Vec<OrderRow>) -> Result<Vec<Order>, OrderError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let items: Vec<ItemRow> = with_conn!(&self.db, |conn| order_items::table
            .filter(order_items::order_id.eq_any(&ids))
            .order((order_items::order_id.asc(), order_items::line.asc()))
            .select(ItemRow::as_select())
            .load(conn)
            .await)?;
        Ok(orders_of(rows, items)?)
    }

    /// Companies that have orders paid on this day, whether settled or not.
    pub(crate) async fn list_companies_paid_on(
        &self,
        date: Day,
    ) -> Result<Vec<CompanyId>, OrderError> {
        let (first, last) = date.bounds();
        let ids: Vec<i64> = with_conn!(&self.db, |conn| orders::table
            .filter(orders::paid_at.between(first, last))
            .select(orders::company_id)
            .distinct()
            .order(orders::company_id.asc())
            .load(conn)
            .await)?;
        let companies = ids.into_iter().map(CompanyId::try_from).collect::<Result<_, _>>();
        Ok(companies.map_err(|_| DbError::Corrupt("company id"))?)
    }

    /// Adds the order. With a name, the same request twice has the effect of once: the second gets the id of the
    /// order that the first has placed. A second one that comes while the first is under way waits for it.
    pub(crate) async fn insert(
        &self,
        order: &Order,
        request: Option<&NamedRequest>,
    ) -> Result<OrderId, OrderError> {
        let (row, items) = (OrderRow::from(order), item_rows(order));
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                if let Some(request) = request {
                    let inserted = diesel::insert_into(idempotency_keys::table)
                        .values((
                            idempotency_keys::company_id.eq(row.company_id),
                            idempotency_keys::key.eq(request.key.as_str()),
                            idempotency_keys::request_sha256.eq(&request.sha256),
                            idempotency_keys::order_id.eq(&row.id),
                            idempotency_keys::created_at.eq(row.created_at),
                        ))
                        .on_conflict_do_nothing()
                        .execute(conn)
                        .await?;
                    if inserted == 0 {
                        let (sha256, id): (String, String) = idempotency_keys::table
                            .find((row.company_id, request.key.as_str()))
                            .select((idempotency_keys::request_sha256, idempotency_keys::order_id))
                            .first(conn)
                            .await?;
                        let same = sha256 == request.sha256;
                        return if same { Ok(stored_id(&id)?) } else { Err(OrderError::KeyReused) };
                    }
                }
                diesel::insert_into(orders::table).values(&row).execute(conn).await?;
                for item in &items {
                    diesel::insert_into(order_items::table).values(item).execute(conn).await?;
                }
                Ok(order.id)
            })
            .await
        })
    }

    /// Cancels the order if its state allows that; one statement decides. False: it does not, or there is none.
    pub(crate) async fn cancel(&self, company: CompanyId, id: OrderId) -> Result<bool, OrderError> {
        let from: Vec<&str> =
            OrderStatus::Cancelled.before().into_iter().map(OrderStatus::name).collect();
        let changed = with_conn!(&self.db, |conn| diesel::update(orders::table)
            .filter(orders::company_id.eq(company.get()))
            .filter(orders::id.eq(id.to_string()))
            .filter(orders::status.eq_any(&from))
            .set((
                orders::status.eq(OrderStatus::Cancelled.name()),
                orders::version.eq(orders::version + 1),
            ))
            .execute(conn)
            .await)?;
        Ok(changed == 1)
    }

    /// Settles the order if it is paid; one statement decides. False: it is not, or there is none.
    pub(crate) async fn settle(
        &self,
        company: CompanyId,
        id: OrderId,
        settlement: &Settlement,
    ) -> Result<bool, OrderError> {
        let changed = with_conn!(&self.db, |conn| diesel::update(orders::table)
            .filter(orders::company_id.eq(company.get()))
            .filter(orders::id.eq(id.to_string()))
            .filter(orders::status.eq(OrderStatus::Paid.name()))
            .set((
                orders::status.eq(OrderStatus::Settled.name()),
                orders::settled_at.eq(settlement.at.naive_utc()),
                orders::settlement_id.eq(settlement.id.as_str()),
                orders::settle_key.eq(settlement.request.as_str()),
                orders::version.eq(orders::version + 1),
            ))
            .execute(conn)
            .await)?;
        Ok(changed == 1)
    }
}
