//! The catalogue and the companies' own prices.

use std::collections::HashMap;

use diesel::{ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{Tenant, with_conn, with_tenant};

use crate::domain::money::Money;
use crate::domain::product::{PriceList, Product, ProductId};
use crate::repository::rows::money;
use crate::repository::schema::{company_prices, products};

#[derive(Clone, Debug)]
pub(crate) struct ProductRepository {
    pub(super) db: Db,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = products)]
pub(super) struct ProductRow {
    id: i64,
    name: String,
    unit_price_minor: Option<i64>,
    currency: Option<String>,
}

impl TryFrom<ProductRow> for Product {
    type Error = DbError;

    fn try_from(row: ProductRow) -> Result<Self, DbError> {
        let list_price = row.unit_price_minor.zip(row.currency);
        let list_price = list_price.map(|(minor, currency)| money(minor, &currency)).transpose()?;
        Ok(Self { id: row.id, name: row.name, list_price })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = company_prices)]
pub(super) struct PriceRow {
    product_id: i64,
    unit_price_minor: i64,
    currency: String,
}

impl ProductRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// The first products by name.
    pub(crate) async fn list(&self, limit: u32) -> Result<Vec<Product>, DbError> {
        let rows: Vec<ProductRow> = with_conn!(&self.db, |conn| products::table
            .order(products::name.asc())
            .limit(i64::from(limit))
            .select(ProductRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Product::try_from).collect()
    }

    /// What the company pays for these products, where it has a price of its own.
    pub(crate) async fn list_prices(
        &self,
        tenant: Tenant,
        ids: &[ProductId],
    ) -> Result<HashMap<ProductId, Money>, DbError> {
        let rows: Vec<PriceRow> = with_tenant!(&self.db, tenant, |conn| company_prices::table
            .filter(company_prices::company_id.eq(tenant.company_id().get()))
            .filter(company_prices::product_id.eq_any(ids))
            .select(PriceRow::as_select())
            .load(conn)
            .await)?;
        let price =
            |row: PriceRow| Ok((row.product_id, money(row.unit_price_minor, &row.currency)?));
        rows.into_iter().map(price).collect()
    }
}

/// What products cost one company.
pub(super) fn price_list(rows: Vec<(ProductRow, Option<PriceRow>)>) -> Result<PriceList, DbError> {
    let priced = |(product, own): (ProductRow, Option<PriceRow>)| {
        let own = own.map(|row| money(row.unit_price_minor, &row.currency)).transpose()?;
        Ok((product.id, (Product::try_from(product)?, own)))
    };
    rows.into_iter().map(priced).collect()
}
