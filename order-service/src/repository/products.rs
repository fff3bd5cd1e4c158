//! The catalogue and the companies' own prices.

use diesel::{ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{CompanyId, with_conn};

use crate::domain::product::{CompanyPrice, Product};
use crate::repository::rows::money;
use crate::repository::schema::{company_prices, products};

/// The most products that are listed.
const MAX_PRODUCTS: i64 = 1_000;

#[derive(Clone, Debug)]
pub(crate) struct ProductRepository {
    db: Db,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = products)]
struct ProductRow {
    id: i64,
    name: String,
    unit_price_minor: i64,
    currency: String,
}

impl TryFrom<ProductRow> for Product {
    type Error = DbError;

    fn try_from(row: ProductRow) -> Result<Self, DbError> {
        let list_price = money(row.unit_price_minor, &row.currency)?;
        Ok(Self { id: row.id, name: row.name, list_price })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = company_prices)]
struct PriceRow {
    product_id: i64,
    unit_price_minor: i64,
    currency: String,
}

impl TryFrom<PriceRow> for CompanyPrice {
    type Error = DbError;

    fn try_from(row: PriceRow) -> Result<Self, DbError> {
        let price = money(row.unit_price_minor, &row.currency)?;
        let (unit_price_minor, currency) = (price.minor, price.currency);
        Ok(Self { product_id: row.product_id, unit_price_minor, currency })
    }
}

impl ProductRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn list(&self) -> Result<Vec<Product>, DbError> {
        let rows: Vec<ProductRow> = with_conn!(&self.db, |conn| products::table
            .order(products::name.asc())
            .limit(MAX_PRODUCTS)
            .select(ProductRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Product::try_from).collect()
    }

    pub(crate) async fn list_by_ids(&self, ids: &[i64]) -> Result<Vec<Product>, DbError> {
        let rows: Vec<ProductRow> = with_conn!(&self.db, |conn| products::table
            .filter(products::id.eq_any(ids))
            .select(ProductRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Product::try_from).collect()
    }

    pub(crate) async fn list_prices(
        &self,
        company: CompanyId,
    ) -> Result<Vec<CompanyPrice>, DbError> {
        let rows: Vec<PriceRow> = with_conn!(&self.db, |conn| company_prices::table
            .filter(company_prices::company_id.eq(company.get()))
            .select(PriceRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(CompanyPrice::try_from).collect()
    }
}
