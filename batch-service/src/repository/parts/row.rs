//! A part as its table holds it.

use std::collections::BTreeMap;

use diesel::{Queryable, Selectable};
use shared::db::DbError;

use super::super::{company_of, schema::parts};
use super::{Part, PartState, Place, Progress};

#[derive(Queryable, Selectable)]
#[diesel(table_name = parts)]
pub(super) struct PartRow {
    id: i64,
    run_id: i64,
    company_id: i64,
    state: String,
    owner: String,
    lease_until: chrono::NaiveDateTime,
    fence: i64,
    checkpoint: i64,
    place: String,
    items: i64,
    skipped: i64,
    counts: String,
    reason: String,
    updated_at: chrono::NaiveDateTime,
}

impl TryFrom<PartRow> for Part {
    type Error = DbError;

    fn try_from(row: PartRow) -> Result<Self, DbError> {
        let state = [PartState::Open, PartState::Done, PartState::Failed];
        let state = state.into_iter().find(|state| state.name() == row.state);
        Ok(Self {
            id: row.id,
            run_id: row.run_id,
            company: company_of(row.company_id),
            owner: row.owner,
            lease_until: row.lease_until.and_utc(),
            fence: row.fence,
            checkpoint: row.checkpoint,
            progress: Progress {
                place: serde_json::from_str(&row.place).map_err(|_| DbError::Corrupt("place"))?,
                items: row.items,
                skipped: row.skipped,
                counts: read_counts(&row.counts)?,
                state: state.ok_or(DbError::Corrupt("part"))?,
                reason: row.reason,
            },
            updated_at: row.updated_at.and_utc(),
        })
    }
}

pub(in crate::repository) fn write_place(place: &Place) -> Result<String, DbError> {
    serde_json::to_string(place).map_err(|_| DbError::Corrupt("place"))
}

pub(in crate::repository) fn read_counts(text: &str) -> Result<BTreeMap<String, u64>, DbError> {
    serde_json::from_str(text).map_err(|_| DbError::Corrupt("count"))
}

pub(in crate::repository) fn write_counts(
    counts: &BTreeMap<String, u64>,
) -> Result<String, DbError> {
    serde_json::to_string(counts).map_err(|_| DbError::Corrupt("count"))
}

/// The statement that writes a checkpoint: the fence is in it. One that ends the part gives it up as well.
macro_rules! update {
    ($conn:expr, $part:expr, $next:expr, ($texts:expr, $now:expr)) => {{
        let owner = if $next.state == PartState::Open { $part.owner.as_str() } else { "" };
        diesel::update(parts::table)
            .filter(parts::id.eq($part.id))
            .filter(parts::fence.eq($part.fence))
            .filter(parts::checkpoint.eq($part.checkpoint))
            .set((
                parts::checkpoint.eq($part.checkpoint + 1),
                parts::place.eq(&$texts.0),
                parts::items.eq($next.items),
                parts::skipped.eq($next.skipped),
                parts::counts.eq(&$texts.1),
                parts::state.eq($next.state.name()),
                parts::owner.eq(owner),
                parts::reason.eq($next.reason.as_str()),
                parts::updated_at.eq($now.naive_utc()),
            ))
            .execute($conn)
            .await
    }};
}
pub(super) use update;

/// What goes to quarantine with it. In a new pass an item may come there again.
macro_rules! insert_poison {
    ($conn:expr, ($run:expr, $company:expr), $poison:expr, $now:expr) => {
        for poison in $poison {
            use $crate::repository::schema::quarantine as quarantined;
            let again = (
                quarantined::state.eq($crate::repository::quarantine::OPEN),
                quarantined::item.eq(&poison.item),
                quarantined::reason.eq(&poison.reason),
                quarantined::attempts.eq(poison.attempts),
                quarantined::at.eq($now.naive_utc()),
            );
            diesel::insert_into(quarantined::table)
                .values((
                    quarantined::run_id.eq($run),
                    quarantined::company_id.eq($company),
                    quarantined::name.eq(&poison.name),
                    again,
                ))
                .on_conflict((quarantined::run_id, quarantined::company_id, quarantined::name))
                .do_update()
                .set(again)
                .execute($conn)
                .await?;
        }
    };
}
pub(in crate::repository) use insert_poison;

/// Parts, unless this pass of the run is planned already.
macro_rules! plan {
    ($pool:expr, ($run:expr, $pass:expr), $lots:expr) => {
        shared::with_pooled!($pool, |conn| conn
            .transaction(async |conn| {
                let planned = diesel::update(runs::table)
                    .filter(runs::id.eq($run))
                    .filter(runs::pass.eq($pass))
                    .filter(runs::planned.eq(false))
                    .set(runs::planned.eq(true))
                    .execute(conn)
                    .await?;
                if planned > 0 {
                    for rows in $lots {
                        let insert = diesel::insert_into(parts::table).values(rows);
                        insert.on_conflict_do_nothing().execute(conn).await?;
                    }
                }
                Ok::<_, diesel::result::Error>(())
            })
            .await)
    };
}
pub(super) use plan;

macro_rules! reopen_failed {
    ($conn:expr, $run:expr) => {
        diesel::update(parts::table)
            .filter(parts::run_id.eq($run))
            .filter(parts::state.eq($crate::repository::parts::PartState::Failed.name()))
            .set((
                parts::state.eq($crate::repository::parts::PartState::Open.name()),
                parts::owner.eq(""),
                parts::reason.eq(""),
            ))
            .execute($conn)
            .await
    };
}
pub(in crate::repository) use reopen_failed;

/// From the beginning; whoever still holds one is fenced off.
macro_rules! begin_anew {
    ($conn:expr, $run:expr, $place:expr) => {
        diesel::update(parts::table)
            .filter(parts::run_id.eq($run))
            .set((
                parts::state.eq($crate::repository::parts::PartState::Open.name()),
                parts::owner.eq(""),
                parts::fence.eq(parts::fence + 1),
                parts::place.eq($place),
                parts::items.eq(0),
                parts::skipped.eq(0),
                parts::counts.eq("{}"),
                parts::reason.eq(""),
            ))
            .execute($conn)
            .await
    };
}
pub(in crate::repository) use begin_anew;
