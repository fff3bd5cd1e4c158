//! Items that could not be processed.

use std::collections::BTreeMap;

use diesel::{ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde::Serialize;
use shared::db::{Db, DbError};
use shared::{Timestamp, with_conn};

use super::parts::Poison;
use super::parts::row::{insert_poison, read_counts, write_counts};
use super::schema::{parts, quarantine};
use crate::job::add_counts;

pub(super) const OPEN: &str = "OPEN";
pub(super) const CLEARED: &str = "CLEARED";

/// An item that could not be processed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// Its number.
    pub id: i64,
    /// The run.
    pub run_id: i64,
    /// The company; 0 where the job has one part for all.
    pub company_id: i64,
    /// The item's name.
    pub name: String,
    /// The item, as JSON.
    pub item: String,
    /// Why.
    pub reason: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Since when.
    pub at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = quarantine)]
struct QuarantineRow {
    id: i64,
    run_id: i64,
    company_id: i64,
    name: String,
    item: String,
    reason: String,
    attempts: i32,
    at: chrono::NaiveDateTime,
}

impl From<QuarantineRow> for Quarantined {
    fn from(row: QuarantineRow) -> Self {
        let QuarantineRow { id, run_id, company_id, name, item, reason, attempts, at } = row;
        Self { id, run_id, company_id, name, item, reason, attempts, at: at.and_utc() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct QuarantineRepository {
    db: Db,
}

impl QuarantineRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// So many of those that are open after this number, of one run or of all, the oldest first.
    pub(crate) async fn list(
        &self,
        run: Option<i64>,
        (after, count): (i64, i64),
    ) -> Result<Vec<Quarantined>, DbError> {
        let rows: Vec<QuarantineRow> = with_conn!(&self.db, |conn| {
            let mut query = quarantine::table
                .filter(quarantine::state.eq(OPEN))
                .filter(quarantine::id.gt(after))
                .select(QuarantineRow::as_select())
                .into_boxed();
            if let Some(run) = run {
                query = query.filter(quarantine::run_id.eq(run));
            }
            query.order(quarantine::id.asc()).limit(count).load(conn).await
        })?;
        Ok(rows.into_iter().map(Quarantined::from).collect())
    }

    /// How many of a run are open.
    pub(crate) async fn count_open(&self, run: i64) -> Result<u64, DbError> {
        let count: i64 = with_conn!(&self.db, |conn| quarantine::table
            .filter(quarantine::run_id.eq(run))
            .filter(quarantine::state.eq(OPEN))
            .count()
            .get_result(conn)
            .await)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// It has been processed, and counts; what it was refused of is in quarantine in its place. False: somebody else was
    /// faster.
    pub(crate) async fn clear(
        &self,
        entry: &Quarantined,
        counts: &BTreeMap<String, u64>,
        (refused, now): (&[Poison], Timestamp),
    ) -> Result<bool, DbError> {
        loop {
            match self.try_clear(entry, counts, (refused, now)).await {
                // Another entry of the same part was cleared in between.
                Err(DbError::Query(diesel::result::Error::RollbackTransaction)) => {}
                result => return result,
            }
        }
    }

    async fn try_clear(
        &self,
        entry: &Quarantined,
        counts: &BTreeMap<String, u64>,
        (refused, now): (&[Poison], Timestamp),
    ) -> Result<bool, DbError> {
        with_conn!(&self.db, |conn| conn
            .transaction(async |conn| {
                let cleared = diesel::update(quarantine::table)
                    .filter(quarantine::id.eq(entry.id))
                    .filter(quarantine::state.eq(OPEN))
                    .set(quarantine::state.eq(CLEARED))
                    .execute(conn)
                    .await?;
                if cleared == 0 {
                    return Ok(false);
                }
                insert_poison!(conn, (entry.run_id, entry.company_id), refused, now);
                let (part, before): (i64, String) = parts::table
                    .filter(parts::run_id.eq(entry.run_id))
                    .filter(parts::company_id.eq(entry.company_id))
                    .select((parts::id, parts::counts))
                    .first(conn)
                    .await?;
                // The next checkpoint of a process that holds the part knows nothing of this: it is fenced off.
                let counted = diesel::update(parts::table)
                    .filter(parts::id.eq(part))
                    .filter(parts::counts.eq(&before))
                    .set((
                        parts::fence.eq(parts::fence + 1),
                        parts::owner.eq(""),
                        parts::counts.eq(add(&before, counts)?),
                        parts::items.eq(parts::items + 1),
                    ))
                    .execute(conn)
                    .await?;
                match counted {
                    0 => Err(DbError::Query(diesel::result::Error::RollbackTransaction)),
                    _ => Ok(true),
                }
            })
            .await)
    }

    /// It was tried again, without success.
    pub(crate) async fn tried(
        &self,
        id: i64,
        (reason, now): (&str, Timestamp),
    ) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::update(quarantine::table)
            .filter(quarantine::id.eq(id))
            .set((
                quarantine::attempts.eq(quarantine::attempts + 1),
                quarantine::reason.eq(reason),
                quarantine::at.eq(now.naive_utc()),
            ))
            .execute(conn)
            .await)?;
        Ok(())
    }
}

/// Nothing of a run is in quarantine any more.
macro_rules! clear_all {
    ($conn:expr, $run:expr) => {{
        use $crate::repository::{quarantine, schema::quarantine as quarantined};
        diesel::update(quarantined::table)
            .filter(quarantined::run_id.eq($run))
            .filter(quarantined::state.eq(quarantine::OPEN))
            .set(quarantined::state.eq(quarantine::CLEARED))
            .execute($conn)
            .await
    }};
}
pub(super) use clear_all;

fn add(before: &str, counts: &BTreeMap<String, u64>) -> Result<String, DbError> {
    let mut sum = read_counts(before)?;
    add_counts(&mut sum, counts.clone());
    write_counts(&sum)
}
