//! Orders that were paid elsewhere, taken over many at a time.

use std::collections::HashMap;

use diesel::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::{CompanyId, Timestamp, with_conn};
use uuid::Uuid;

use crate::domain::import::{ImportOutcome, PaidOrder};
use crate::domain::order::{Order, OrderLine, OrderStatus};
use crate::error::OrderError;
use crate::repository::orders::OrderRepository;
use crate::repository::rows::{ItemRow, OrderRow, item_rows};
use crate::repository::schema::{company_prices, order_items, orders, products};

impl OrderRepository {
    /// Adds the orders that are not there yet, in one transaction: all of them or, after a failure, none.
    pub(crate) async fn import(
        &self,
        company: CompanyId,
        paid: &[PaidOrder],
        now: Timestamp,
    ) -> Result<Vec<ImportOutcome>, OrderError> {
        let products = self.import_products(company, paid, now).await?;
        let rows = paid.iter().map(|order| rows(company, order, &products, now));
        let rows: Vec<(OrderRow, Vec<ItemRow>)> = rows.collect::<Result<_, _>>()?;
        let created: Vec<bool> = with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let mut created = Vec::with_capacity(rows.len());
                for (row, items) in &rows {
                    let inserted = diesel::insert_into(orders::table)
                        .values(row)
                        .on_conflict_do_nothing()
                        .execute(conn)
                        .await?;
                    created.push(inserted == 1);
                    for item in items.iter().filter(|_| inserted == 1) {
                        diesel::insert_into(order_items::table).values(item).execute(conn).await?;
                    }
                }
                Ok::<_, OrderError>(created)
            })
            .await?
        });
        let mut outcomes = Vec::with_capacity(paid.len());
        for (order, created) in paid.iter().zip(created) {
            outcomes.push(match created {
                true => ImportOutcome::Created,
                false => self.compare(company, order).await?,
            });
        }
        Ok(outcomes)
    }

    /// The ids of the products by name; new ones are added, with the price of the order that names them first.
    async fn import_products(
        &self,
        company: CompanyId,
        paid: &[PaidOrder],
        now: Timestamp,
    ) -> Result<HashMap<String, i64>, OrderError> {
        let first = first_by_product(paid);
        let mut ids = HashMap::with_capacity(first.len());
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                for order in &first {
                    diesel::insert_into(products::table)
                        .values(NewProductRow::new(order, now))
                        .on_conflict_do_nothing()
                        .execute(conn)
                        .await?;
                    let id: i64 = products::table
                        .filter(products::name.eq(&order.product))
                        .select(products::id)
                        .first(conn)
                        .await?;
                    diesel::insert_into(company_prices::table)
                        .values(NewPriceRow::new(company, id, order))
                        .on_conflict_do_nothing()
                        .execute(conn)
                        .await?;
                    ids.insert(order.product.clone(), id);
                }
                Ok::<_, OrderError>(())
            })
            .await?;
        });
        Ok(ids)
    }

    /// Whether the order of this number that is there already is this one.
    async fn compare(
        &self,
        company: CompanyId,
        order: &PaidOrder,
    ) -> Result<ImportOutcome, OrderError> {
        let found: Option<(i64, i64, String, Option<chrono::NaiveDateTime>)> =
            with_conn!(&self.db, |conn| orders::table
                .filter(orders::company_id.eq(company.get()))
                .filter(orders::order_no.eq(&order.order_no))
                .select((orders::user_id, orders::total_minor, orders::currency, orders::paid_at))
                .first(conn)
                .await
                .optional())?;
        let paid_at = order.paid_at.naive_utc();
        let same = found.is_some_and(|(user, total, currency, paid)| {
            user == order.user_id.get()
                && total == order.total.minor
                && currency == order.total.currency.to_string()
                && paid == Some(paid_at)
        });
        Ok(if same { ImportOutcome::Known } else { ImportOutcome::Different })
    }
}

#[derive(Insertable)]
#[diesel(table_name = products)]
struct NewProductRow {
    name: String,
    unit_price_minor: i64,
    currency: String,
    created_at: chrono::NaiveDateTime,
}

impl NewProductRow {
    fn new(order: &PaidOrder, now: Timestamp) -> Self {
        Self {
            name: order.product.clone(),
            unit_price_minor: order.unit_price.minor,
            currency: order.unit_price.currency.to_string(),
            created_at: now.naive_utc(),
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = company_prices)]
struct NewPriceRow {
    company_id: i64,
    product_id: i64,
    unit_price_minor: i64,
    currency: String,
}

impl NewPriceRow {
    fn new(company: CompanyId, product_id: i64, order: &PaidOrder) -> Self {
        Self {
            company_id: company.get(),
            product_id,
            unit_price_minor: order.unit_price.minor,
            currency: order.unit_price.currency.to_string(),
        }
    }
}

/// The order that names a product first, for each product. They come in one order for all imports, so that two at
/// once cannot wait for each other in a circle.
fn first_by_product(paid: &[PaidOrder]) -> Vec<&PaidOrder> {
    let mut first: Vec<&PaidOrder> = paid.iter().collect();
    first.sort_by(|one, other| one.product.cmp(&other.product));
    first.dedup_by(|later, earlier| later.product == earlier.product);
    first
}

fn rows(
    company: CompanyId,
    paid: &PaidOrder,
    products: &HashMap<String, i64>,
    now: Timestamp,
) -> Result<(OrderRow, Vec<ItemRow>), OrderError> {
    let product_id = *products.get(&paid.product).ok_or(OrderError::NoSuchProduct)?;
    let order = Order {
        id: Uuid::now_v7().to_string(),
        company_id: company,
        user_id: paid.user_id,
        order_no: paid.order_no.clone(),
        status: OrderStatus::Paid,
        lines: vec![OrderLine {
            product_id,
            product_name: paid.product.clone(),
            quantity: paid.quantity,
            unit_price_minor: paid.unit_price.minor,
        }],
        total: paid.total,
        paid_at: Some(paid.paid_at),
        settlement: None,
        version: 1,
        created_at: now,
    };
    Ok((OrderRow::from(&order), item_rows(&order)))
}
