//! What settle-orders has done: statements.

use chrono::NaiveDate;
use diesel::{ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{CompanyId, Timestamp, with_conn};

use super::schema::settlements;
use crate::money::Sums;

const OPEN: &str = "OPEN";
const CLOSED: &str = "CLOSED";

#[derive(Clone, Debug)]
pub(crate) struct SettlementRepository {
    db: Db,
}

/// One statement of a company's orders of a day, being written or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) number: i32,
    pub(crate) open: bool,
    /// Its files: none while it is open, and when in the end there was no order to put on it.
    pub(crate) file_ids: Vec<String>,
    pub(crate) order_count: i64,
    pub(crate) sums: Sums,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = settlements)]
struct SettlementRow {
    number: i32,
    state: String,
    file_ids: String,
    order_count: i64,
    sums: String,
}

impl TryFrom<SettlementRow> for Settlement {
    type Error = DbError;

    fn try_from(row: SettlementRow) -> Result<Self, DbError> {
        Ok(Self {
            number: row.number,
            open: row.state == OPEN,
            file_ids: row.file_ids.split_whitespace().map(str::to_owned).collect(),
            order_count: row.order_count,
            sums: serde_json::from_str(&row.sums).map_err(|_| DbError::Corrupt("sum"))?,
        })
    }
}

impl SettlementRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// The company's statements of this day, the first first.
    pub(crate) async fn list(
        &self,
        date: NaiveDate,
        company: CompanyId,
    ) -> Result<Vec<Settlement>, DbError> {
        let rows: Vec<SettlementRow> = with_conn!(&self.db, |conn| settlements::table
            .filter(settlements::paid_on.eq(date))
            .filter(settlements::company_id.eq(company.get()))
            .order(settlements::number.asc())
            .select(SettlementRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Settlement::try_from).collect()
    }

    /// Opens a statement. Two runs that open the same one go on with it together: all that they do is named, so
    /// it has the effect of once.
    pub(crate) async fn open(
        &self,
        date: NaiveDate,
        company: CompanyId,
        (number, now): (i32, Timestamp),
    ) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::insert_into(settlements::table)
            .values((
                settlements::paid_on.eq(date),
                settlements::company_id.eq(company.get()),
                settlements::number.eq(number),
                settlements::state.eq(OPEN),
                settlements::file_ids.eq(""),
                settlements::order_count.eq(0),
                settlements::sums.eq("{}"),
                settlements::opened_at.eq(now.naive_utc()),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// The statement is written.
    pub(crate) async fn close(
        &self,
        date: NaiveDate,
        company: CompanyId,
        done: &Settlement,
    ) -> Result<(), DbError> {
        let sums = serde_json::to_string(&done.sums).map_err(|_| DbError::Corrupt("sum"))?;
        with_conn!(&self.db, |conn| diesel::update(settlements::table)
            .filter(settlements::paid_on.eq(date))
            .filter(settlements::company_id.eq(company.get()))
            .filter(settlements::number.eq(done.number))
            .set((
                settlements::state.eq(CLOSED),
                settlements::file_ids.eq(done.file_ids.join(" ")),
                settlements::order_count.eq(done.order_count),
                settlements::sums.eq(&sums),
            ))
            .execute(conn)
            .await)?;
        Ok(())
    }
}
