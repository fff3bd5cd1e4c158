//! The parts of runs: who works on them, how far they are. Whoever writes says which fence and which checkpoint he goes by,
//! in the statement that writes.

pub(super) mod row;

use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool};
use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use shared::db::{Db, DbError};
use shared::{CompanyId, Timestamp, with_conn};

use super::id_of;
use super::schema::{parts, runs};
use row::PartRow;

const OPEN: &str = "OPEN";
/// Parts written by one statement.
const INSERT: usize = 500;

/// What comes next for a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// Reading, from here on.
    Read(Option<String>),
    /// These very items, then reading from `next` on, or finishing. Written down before the first of them is processed: it is
    /// the ledger of effects that may have happened.
    Process { items: Vec<(String, String)>, next: Option<String> },
    /// What is done after the last item.
    Finish,
}

/// Whether a part is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartState {
    Open,
    Done,
    Failed,
}

impl PartState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => OPEN,
            Self::Done => "DONE",
            Self::Failed => "FAILED",
        }
    }
}

/// What a checkpoint holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) place: Place,
    pub(crate) items: i64,
    pub(crate) skipped: i64,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) state: PartState,
    pub(crate) reason: String,
}

/// A part as it was when it was taken or last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) id: i64,
    pub(crate) run_id: i64,
    pub(crate) company: Option<CompanyId>,
    pub(crate) owner: String,
    pub(crate) lease_until: Timestamp,
    pub(crate) fence: i64,
    pub(crate) checkpoint: i64,
    pub(crate) progress: Progress,
    pub(crate) updated_at: Timestamp,
}

/// An item on its way to quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Poison {
    pub(crate) name: String,
    pub(crate) item: String,
    pub(crate) reason: String,
    pub(crate) attempts: i32,
}

/// Why a checkpoint was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSaved {
    /// Another process has taken the part over. Nothing was written, and nothing more will be.
    #[error("fenced: another process has taken over")]
    Fenced,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for NotSaved {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Which parts of a run a process works on: those of its index, of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) index: u32,
    pub(crate) of: u32,
}

impl Share {
    pub(crate) const ALL: Self = Self { index: 0, of: 1 };
}

/// A lease to be taken or renewed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease<'l> {
    pub(crate) owner: &'l str,
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct PartRepository {
    db: Db,
}

/// Whose company is of this share. diesel has no sign for the remainder of a division.
macro_rules! share_filter {
    ($share:expr) => {
        sql::<Bool>("company_id % ")
            .bind::<BigInt, _>(i64::from($share.of))
            .sql(" = ")
            .bind::<BigInt, _>(i64::from($share.index))
    };
}

impl PartRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Makes the parts of a run that are not there yet, all or none. Whoever plans this pass first does: what a slow one finds later
    /// may be more, and come into a run that is complete.
    pub(crate) async fn plan(
        &self,
        (run_id, pass): (i64, i32),
        companies: &[i64],
        now: Timestamp,
    ) -> Result<(), DbError> {
        let place = row::write_place(&Place::Read(None))?;
        let values = |company: &i64| {
            (
                parts::run_id.eq(run_id),
                parts::company_id.eq(*company),
                parts::state.eq(OPEN),
                parts::owner.eq(""),
                parts::lease_until.eq(now.naive_utc()),
                parts::fence.eq(0),
                parts::checkpoint.eq(0),
                parts::place.eq(place.clone()),
                parts::items.eq(0),
                parts::skipped.eq(0),
                parts::counts.eq("{}"),
                parts::reason.eq(""),
                parts::updated_at.eq(now.naive_utc()),
            )
        };
        let lots =
            || companies.chunks(INSERT).map(|lot| lot.iter().map(values).collect::<Vec<_>>());
        match &self.db {
            Db::Postgres(pool) => row::plan!(pool, (run_id, pass), lots()),
            // It takes no list of rows.
            Db::Sqlite(pool) => row::plan!(pool, (run_id, pass), companies.iter().map(values)),
        }?;
        Ok(())
    }

    /// Takes up to `count` parts that nobody works on, or whose owner has not been heard of for the time of his lease. Those in
    /// `held` are in work in this very process, even if their leases have run out.
    pub(crate) async fn take(
        &self,
        (run_id, share): (i64, Share),
        lease: Lease<'_>,
        (count, held): (i64, &[i64]),
    ) -> Result<Vec<Part>, DbError> {
        let (now, until) = (lease.now.naive_utc(), lease.until.naive_utc());
        let free = || parts::owner.eq("").or(parts::lease_until.lt(now));
        let ids: Vec<i64> = with_conn!(&self.db, |conn| parts::table
            .filter(parts::run_id.eq(run_id))
            .filter(parts::state.eq(OPEN))
            .filter(share_filter!(share))
            .filter(free())
            .filter(parts::id.ne_all(held))
            .order(parts::company_id.asc())
            .limit(count)
            .select(parts::id)
            .load(conn)
            .await)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<PartRow> = with_conn!(&self.db, |conn| diesel::update(parts::table)
            .filter(parts::id.eq_any(&ids))
            .filter(parts::state.eq(OPEN))
            .filter(free())
            .set((
                parts::owner.eq(lease.owner),
                parts::fence.eq(parts::fence + 1),
                parts::lease_until.eq(until),
            ))
            .returning(PartRow::as_returning())
            .get_results(conn)
            .await)?;
        rows.into_iter().map(Part::try_from).collect()
    }

    /// The companies of open parts after this one.
    pub(crate) async fn list_open(
        &self,
        (run_id, share): (i64, Share),
        after: i64,
        count: i64,
    ) -> Result<Vec<CompanyId>, DbError> {
        let ids: Vec<i64> = with_conn!(&self.db, |conn| parts::table
            .filter(parts::run_id.eq(run_id))
            .filter(parts::state.eq(OPEN))
            .filter(parts::company_id.gt(after.max(0)))
            .filter(share_filter!(share))
            .order(parts::company_id.asc())
            .limit(count)
            .select(parts::company_id)
            .load(conn)
            .await)?;
        Ok(ids.into_iter().filter_map(|id| CompanyId::try_from(id).ok()).collect())
    }

    /// Keeps the leases of these parts; those that are answered are still ours.
    pub(crate) async fn renew(&self, ids: &[i64], lease: Lease<'_>) -> Result<Vec<i64>, DbError> {
        Ok(with_conn!(&self.db, |conn| diesel::update(parts::table)
            .filter(parts::id.eq_any(ids))
            .filter(parts::owner.eq(lease.owner))
            .set(parts::lease_until.eq(lease.until.naive_utc()))
            .returning(parts::id)
            .get_results(conn)
            .await)?)
    }

    /// How many of these parts another process has taken, or could by now.
    pub(crate) async fn count_lost(&self, ids: &[i64], owner: &str) -> Result<i64, DbError> {
        Ok(with_conn!(&self.db, |conn| parts::table
            .filter(parts::id.eq_any(ids))
            .filter(parts::state.eq(OPEN))
            .filter(parts::owner.ne(owner))
            .count()
            .get_result(conn)
            .await)?)
    }

    /// Gives up these parts: others may take them at once.
    pub(crate) async fn release(&self, ids: &[i64], owner: &str) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::update(parts::table)
            .filter(parts::id.eq_any(ids))
            .filter(parts::owner.eq(owner))
            .set(parts::owner.eq(""))
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// Writes the next checkpoint. The part is as it says afterwards; with another fence, or if the checkpoint is not the next,
    /// nothing is written.
    pub(crate) async fn save(
        &self,
        part: &mut Part,
        next: Progress,
        (poison, now): (&[Poison], Timestamp),
    ) -> Result<(), NotSaved> {
        let texts = (row::write_place(&next.place)?, row::write_counts(&next.counts)?);
        let written = match poison.is_empty() {
            // Outside of a transaction: a process that is paused in the middle of one would hold its locks.
            true => with_conn!(&self.db, |conn| row::update!(conn, part, next, (texts, now))
                .map_err(NotSaved::from)),
            false => with_conn!(&self.db, |conn| conn
                .transaction(async |conn| {
                    let written = row::update!(conn, part, next, (texts, now))?;
                    if written > 0 {
                        let company = id_of(part.company);
                        row::insert_poison!(conn, (part.run_id, company), poison, now);
                    }
                    Ok::<_, NotSaved>(written)
                })
                .await),
        }?;
        if written == 0 && !self.was_written(part).await? {
            return Err(NotSaved::Fenced);
        }
        part.checkpoint += 1;
        part.progress = next;
        Ok(())
    }

    /// Whether it was this process that has written the next checkpoint: of a write whose answer was lost.
    async fn was_written(&self, part: &Part) -> Result<bool, DbError> {
        let found: Option<i64> = with_conn!(&self.db, |conn| parts::table
            .filter(parts::id.eq(part.id))
            .filter(parts::fence.eq(part.fence))
            .filter(parts::checkpoint.eq(part.checkpoint + 1))
            .select(parts::id)
            .first(conn)
            .await
            .optional())?;
        Ok(found.is_some())
    }

    /// All parts of a run, by company.
    pub(crate) async fn list(&self, run_id: i64) -> Result<Vec<Part>, DbError> {
        let rows: Vec<PartRow> = with_conn!(&self.db, |conn| parts::table
            .filter(parts::run_id.eq(run_id))
            .order(parts::company_id.asc())
            .select(PartRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Part::try_from).collect()
    }

    /// How many parts of this share are in each state.
    pub(crate) async fn count_by_state(
        &self,
        run_id: i64,
        share: Share,
    ) -> Result<BTreeMap<String, i64>, DbError> {
        let rows: Vec<(String, i64)> = with_conn!(&self.db, |conn| parts::table
            .filter(parts::run_id.eq(run_id))
            .filter(share_filter!(share))
            .group_by(parts::state)
            .select((parts::state, diesel::dsl::count_star()))
            .load(conn)
            .await)?;
        Ok(rows.into_iter().collect())
    }

    /// Why the first of the parts that have failed has.
    pub(crate) async fn first_reason(
        &self,
        (run_id, share): (i64, Share),
    ) -> Result<String, DbError> {
        let reason: Option<String> = with_conn!(&self.db, |conn| parts::table
            .filter(parts::run_id.eq(run_id))
            .filter(parts::state.eq(PartState::Failed.name()))
            .filter(share_filter!(share))
            .order(parts::company_id.asc())
            .select(parts::reason)
            .first(conn)
            .await
            .optional())?;
        Ok(reason.unwrap_or_default())
    }

    /// Parts that have failed are open again, where they were.
    pub(crate) async fn reopen_failed(&self, run_id: i64) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| row::reopen_failed!(conn, run_id))?;
        Ok(())
    }
}
