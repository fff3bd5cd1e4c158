//! Runs.

use std::collections::BTreeMap;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::{Timestamp, with_conn};

use super::parts::row::{begin_anew, reopen_failed, write_place};
use super::parts::{PartState, Place};
use super::quarantine::{OPEN as QUARANTINED, clear_all};
use super::schema::{parts, quarantine, runs};
use crate::job::Run;
use crate::window::Window;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It is worked on, or will be.
    Open,
    /// All of its parts are done.
    Complete,
    /// It cannot go on without a person.
    Failed,
}

impl RunState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Complete => "COMPLETE",
            Self::Failed => "FAILED",
        }
    }

    fn parse(name: &str) -> Result<Self, DbError> {
        let all = [Self::Open, Self::Complete, Self::Failed];
        all.into_iter().find(|state| state.name() == name).ok_or(DbError::Corrupt("run"))
    }
}

/// A run as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Its number.
    pub id: i64,
    /// The job's name.
    pub job: String,
    /// The label of the window.
    pub window: String,
    /// The job's parameters.
    pub parameters: BTreeMap<String, String>,
    /// How often it was begun anew after it was complete, and 1.
    pub pass: i32,
    /// How far it is.
    pub state: RunState,
    /// All parts are there.
    pub planned: bool,
    /// An operator wants it to stop.
    pub stop_requested: bool,
    /// Why it has failed.
    pub reason: String,
    /// When it was first begun.
    pub created_at: Timestamp,
    /// When it was complete or had failed.
    pub ended_at: Option<Timestamp>,
}

impl RunRecord {
    pub(crate) fn run(&self, window: Window) -> Run {
        let (job, parameters) = (self.job.clone(), self.parameters.clone());
        Run { id: self.id, job, window, parameters, pass: self.pass }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = runs)]
struct RunRow {
    id: i64,
    job: String,
    run_window: String,
    parameters: String,
    pass: i32,
    state: String,
    planned: bool,
    stop_requested: bool,
    reason: String,
    created_at: chrono::NaiveDateTime,
    ended_at: Option<chrono::NaiveDateTime>,
}

impl TryFrom<RunRow> for RunRecord {
    type Error = DbError;

    fn try_from(row: RunRow) -> Result<Self, DbError> {
        let parameters = serde_json::from_str(&row.parameters);
        Ok(Self {
            id: row.id,
            job: row.job,
            window: row.run_window,
            parameters: parameters.map_err(|_| DbError::Corrupt("parameter"))?,
            pass: row.pass,
            state: RunState::parse(&row.state)?,
            planned: row.planned,
            stop_requested: row.stop_requested,
            reason: row.reason,
            created_at: row.created_at.and_utc(),
            ended_at: row.ended_at.map(|at| at.and_utc()),
        })
    }
}

/// What makes a run the run it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity<'i> {
    pub(crate) job: &'i str,
    pub(crate) window: &'i str,
    pub(crate) parameters: &'i BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct RunRepository {
    db: Db,
}

impl RunRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// The run, which is made if there is none.
    pub(crate) async fn find_or_insert(
        &self,
        identity: &Identity<'_>,
        now: Timestamp,
    ) -> Result<RunRecord, DbError> {
        if let Some(run) = self.find_by_identity(identity).await? {
            return Ok(run);
        }
        let parameters = canonical(identity.parameters)?;
        with_conn!(&self.db, |conn| diesel::insert_into(runs::table)
            .values((
                runs::job.eq(identity.job),
                runs::run_window.eq(identity.window),
                runs::parameters.eq(&parameters),
                runs::pass.eq(1),
                runs::state.eq(RunState::Open.name()),
                runs::planned.eq(false),
                runs::stop_requested.eq(false),
                runs::reason.eq(""),
                runs::created_at.eq(now.naive_utc()),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await)?;
        self.find_by_identity(identity).await?.ok_or(DbError::Corrupt("run"))
    }

    pub(crate) async fn find_by_identity(
        &self,
        identity: &Identity<'_>,
    ) -> Result<Option<RunRecord>, DbError> {
        let parameters = canonical(identity.parameters)?;
        let row: Option<RunRow> = with_conn!(&self.db, |conn| runs::table
            .filter(runs::job.eq(identity.job))
            .filter(runs::run_window.eq(identity.window))
            .filter(runs::parameters.eq(&parameters))
            .select(RunRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(RunRecord::try_from).transpose()
    }

    pub(crate) async fn find(&self, id: i64) -> Result<Option<RunRecord>, DbError> {
        let row: Option<RunRow> = with_conn!(&self.db, |conn| runs::table
            .filter(runs::id.eq(id))
            .select(RunRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(RunRecord::try_from).transpose()
    }

    /// The newest runs, of one job or of all, the newest first.
    pub(crate) async fn list(
        &self,
        job: Option<&str>,
        count: i64,
    ) -> Result<Vec<RunRecord>, DbError> {
        let rows: Vec<RunRow> = with_conn!(&self.db, |conn| {
            let mut query = runs::table.select(RunRow::as_select()).into_boxed();
            if let Some(job) = job {
                query = query.filter(runs::job.eq(job));
            }
            query.order(runs::id.desc()).limit(count).load(conn).await
        })?;
        rows.into_iter().map(RunRecord::try_from).collect()
    }

    /// Wants it to stop, or no longer. False: there is no such run that is open.
    pub(crate) async fn set_stop(&self, id: i64, stop: bool) -> Result<bool, DbError> {
        let changed = with_conn!(&self.db, |conn| diesel::update(runs::table)
            .filter(runs::id.eq(id))
            .filter(runs::state.eq(RunState::Open.name()))
            .set(runs::stop_requested.eq(stop))
            .execute(conn)
            .await)?;
        Ok(changed > 0)
    }

    /// Whether an operator wants it to stop, or it has failed meanwhile.
    pub(crate) async fn is_to_stop(&self, id: i64) -> Result<bool, DbError> {
        let found: Option<(bool, String)> = with_conn!(&self.db, |conn| runs::table
            .filter(runs::id.eq(id))
            .select((runs::stop_requested, runs::state))
            .first(conn)
            .await
            .optional())?;
        Ok(found.is_none_or(|(stop, state)| stop || state == RunState::Failed.name()))
    }

    /// The run fails.
    pub(crate) async fn fail(
        &self,
        id: i64,
        (reason, now): (&str, Timestamp),
    ) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::update(runs::table)
            .filter(runs::id.eq(id))
            .filter(runs::state.eq(RunState::Open.name()))
            .set((
                runs::state.eq(RunState::Failed.name()),
                runs::reason.eq(reason),
                runs::ended_at.eq(Some(now.naive_utc())),
            ))
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// The run is complete if it is planned and each of its parts is done. Whoever comes last says so, several times perhaps.
    pub(crate) async fn complete(&self, id: i64, now: Timestamp) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::update(runs::table)
            .filter(runs::id.eq(id))
            .filter(runs::state.eq(RunState::Open.name()))
            .filter(runs::planned.eq(true))
            .filter(diesel::dsl::not(diesel::dsl::exists(
                parts::table
                    .filter(parts::run_id.eq(id))
                    .filter(parts::state.ne(PartState::Done.name())),
            )))
            .set((
                runs::state.eq(RunState::Complete.name()),
                runs::ended_at.eq(Some(now.naive_utc())),
            ))
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// Forgets up to 20 runs that were complete before this moment, with nothing in quarantine.
    pub(crate) async fn delete_complete_before(&self, before: Timestamp) -> Result<(), DbError> {
        let open = quarantine::table
            .filter(quarantine::run_id.eq(runs::id))
            .filter(quarantine::state.eq(QUARANTINED));
        let ids: Vec<i64> = with_conn!(&self.db, |conn| runs::table
            .filter(runs::state.eq(RunState::Complete.name()))
            .filter(runs::ended_at.lt(before.naive_utc()))
            .filter(diesel::dsl::not(diesel::dsl::exists(open)))
            .order(runs::id.asc())
            .limit(20)
            .select(runs::id)
            .load(conn)
            .await)?;
        with_conn!(&self.db, |conn| conn
            .transaction(async |conn| {
                // Locks them: one that is begun anew in between stays.
                let ids: Vec<i64> = diesel::update(runs::table)
                    .filter(runs::id.eq_any(&ids))
                    .filter(runs::state.eq(RunState::Complete.name()))
                    .set(runs::planned.eq(true))
                    .returning(runs::id)
                    .get_results(conn)
                    .await?;
                let of = quarantine::table.filter(quarantine::run_id.eq_any(&ids));
                diesel::delete(of).execute(conn).await?;
                diesel::delete(parts::table.filter(parts::run_id.eq_any(&ids)))
                    .execute(conn)
                    .await?;
                diesel::delete(runs::table.filter(runs::id.eq_any(&ids))).execute(conn).await
            })
            .await)?;
        Ok(())
    }

    /// A run that has ended is open again: one that has failed goes on, one that was complete begins a new pass, with all that
    /// is there to be done by then. Of two that ask for it at once one does it.
    pub(crate) async fn reopen(&self, run: &RunRecord) -> Result<(), DbError> {
        let anew = run.state == RunState::Complete;
        let place = write_place(&Place::Read(None))?;
        with_conn!(&self.db, |conn| conn
            .transaction(async |conn| {
                let opened = diesel::update(runs::table)
                    .filter(runs::id.eq(run.id))
                    .filter(runs::state.eq(run.state.name()))
                    .filter(runs::pass.eq(run.pass))
                    .set((
                        runs::pass.eq(run.pass + i32::from(anew)),
                        runs::planned.eq(run.planned && !anew),
                        runs::state.eq(RunState::Open.name()),
                        runs::stop_requested.eq(false),
                        runs::reason.eq(""),
                        runs::ended_at.eq(None::<chrono::NaiveDateTime>),
                    ))
                    .execute(conn)
                    .await?;
                match (opened, anew) {
                    (0, _) => Ok(0),
                    (_, true) => {
                        // What is still to be done is read again, and comes there again if it has to.
                        clear_all!(conn, run.id)?;
                        begin_anew!(conn, run.id, &place)
                    }
                    (_, false) => reopen_failed!(conn, run.id),
                }
            })
            .await)?;
        Ok(())
    }
}

/// Sorted by name, so that the same parameters are the same text.
fn canonical(parameters: &BTreeMap<String, String>) -> Result<String, DbError> {
    serde_json::to_string(parameters).map_err(|_| DbError::Corrupt("parameter"))
}
