//! What an import adds, many at a time. It adds in one order for all imports, so that of two at once, whatever they
//! have in common and however it is arranged, one waits for the other and never both for each other.

use std::collections::{HashMap, HashSet};

use diesel::{ExpressionMethods, Insertable, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::{CompanyId, Tenant, Timestamp, with_tenant};

use crate::domain::import::PaidOrder;
use crate::domain::order::{Order, OrderId};
use crate::domain::product::ProductId;
use crate::error::OrderError;
use crate::repository::orders::OrderRepository;
use crate::repository::products::ProductRepository;
use crate::repository::reading::with_items;
use crate::repository::rows::{ItemRow, OrderRow, item_rows, orders_of};
use crate::repository::schema::{company_prices, order_items, orders, products};

impl OrderRepository {
    /// Adds the orders whose numbers are free, in one transaction, and says which they are. Of several with one number
    /// it is the first.
    pub(crate) async fn insert_missing(
        &self,
        tenant: Tenant,
        offered: &[&Order],
    ) -> Result<HashSet<OrderId>, OrderError> {
        let mut sorted = offered.to_vec();
        sorted.sort_by(|one, other| one.order_no.cmp(&other.order_no));
        with_tenant!(&self.db, tenant, |conn| {
            let mut created = HashSet::with_capacity(sorted.len());
            for order in &sorted {
                let inserted = diesel::insert_into(orders::table)
                    .values(OrderRow::from(*order))
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?;
                if inserted == 0 {
                    continue;
                }
                for item in item_rows(order) {
                    diesel::insert_into(order_items::table).values(item).execute(conn).await?;
                }
                created.insert(order.id);
            }
            Ok(created)
        })
    }

    pub(crate) async fn list_by_order_nos(
        &self,
        tenant: Tenant,
        order_nos: &[&str],
    ) -> Result<Vec<Order>, OrderError> {
        if order_nos.is_empty() {
            return Ok(Vec::new());
        }
        with_tenant!(&self.db, tenant, |conn| {
            let rows: Vec<OrderRow> = orders::table
                .filter(orders::company_id.eq(tenant.company_id().get()))
                .filter(orders::order_no.eq_any(order_nos))
                .select(OrderRow::as_select())
                .load(conn)
                .await?;
            Ok(with_items!(conn, tenant, rows)?)
        })
    }
}

impl ProductRepository {
    /// The ids of the products by name. New ones are added, without a list price; where the company has no price yet, it
    /// gets that of its order that names the product first.
    pub(crate) async fn insert_missing(
        &self,
        tenant: Tenant,
        paid: &[&PaidOrder],
        now: Timestamp,
    ) -> Result<HashMap<String, ProductId>, OrderError> {
        let first = first_by_product(paid);
        let names: Vec<&str> = first.iter().map(|order| order.product.as_str()).collect();
        let company = tenant.company_id();
        with_tenant!(&self.db, tenant, |conn| {
            for name in &names {
                diesel::insert_into(products::table)
                    .values((products::name.eq(name), products::created_at.eq(now.naive_utc())))
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?;
            }
            let ids: Vec<(String, ProductId)> = products::table
                .filter(products::name.eq_any(&names))
                .select((products::name, products::id))
                .load(conn)
                .await?;
            let ids: HashMap<String, ProductId> = ids.into_iter().collect();
            for row in first.iter().filter_map(|order| NewPriceRow::new(company, order, &ids)) {
                diesel::insert_into(company_prices::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?;
            }
            Ok(ids)
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = company_prices)]
struct NewPriceRow {
    company_id: i64,
    product_id: ProductId,
    unit_price_minor: i64,
    currency: String,
}

impl NewPriceRow {
    fn new(
        company: CompanyId,
        order: &PaidOrder,
        ids: &HashMap<String, ProductId>,
    ) -> Option<Self> {
        Some(Self {
            company_id: company.get(),
            product_id: *ids.get(&order.product)?,
            unit_price_minor: order.unit_price.minor,
            currency: order.unit_price.currency.to_string(),
        })
    }
}

/// The order that names a product first, for each product, sorted by product.
fn first_by_product<'a>(paid: &[&'a PaidOrder]) -> Vec<&'a PaidOrder> {
    let mut first = paid.to_vec();
    first.sort_by(|one, other| one.product.cmp(&other.product));
    first.dedup_by(|later, earlier| later.product == earlier.product);
    first
}
