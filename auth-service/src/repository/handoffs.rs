//! Handoffs: one row each. A use is one statement that counts it, if it may be counted.

mod rows;
mod steps;
mod together;

use chrono::TimeDelta;
use diesel::result::Error as DieselError;
use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, NullableExpressionMethods,
    OptionalExtension, QueryDsl, SelectableHelper, TextExpressionMethods,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::{RevocationKind, Timestamp, UserId, with_conn};

use crate::domain::audit::AuditEvent;
use crate::domain::client::ClientId;
use crate::domain::handoff::{Handoff, HandoffEnd, HandoffName, UseKey};
use crate::repository::schema::{handoffs, login_counts, revocations};
use crate::repository::sound;
pub(crate) use rows::Found;
use rows::FoundRow;
pub(super) use rows::HandoffRow;
pub(super) use steps::{end_handed_on, end_handoffs, ended_event, revocation_due, revocation_row};
use together::Gathered;

/// Of what was used up so long ago no token is good any more.
const LONGEST_TOKEN: TimeDelta = TimeDelta::hours(1);
/// So many of a user's may be open at once: all that end together end in one transaction.
pub(crate) const MOST_OPEN: i64 = 200;

#[derive(Clone, Debug)]
pub(crate) struct HandoffRepository {
    db: Db,
    together: Option<Gathered>,
}

/// A handoff with what there is to know of its login: the first is a row, the rest is null where there is no such login.
macro_rules! found {
    ($filter:expr) => {{
        use crate::repository::schema::{handoffs, logins};
        handoffs::table
            .left_join(logins::table.on(logins::sid.eq(handoffs::root_sid)))
            .filter($filter)
            .select((
                crate::repository::handoffs::rows::HandoffRow::as_select(),
                (logins::ended_by, logins::ends_at, logins::idle_until).nullable(),
            ))
    }};
}
use found;

/// Who ends a handoff: whoever may.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ender<'a> {
    /// The user in whose session it is.
    User(UserId),
    /// The client that has handed it on.
    HandedOnBy(&'a ClientId),
    /// The client that was to use it.
    Executor(&'a ClientId),
}

impl Ender<'_> {
    fn end(self) -> HandoffEnd {
        match self {
            Self::User(_) => HandoffEnd::User,
            Self::HandedOnBy(_) => HandoffEnd::HandedOnBy,
            Self::Executor(_) => HandoffEnd::Executor,
        }
    }

    /// User, client that has handed on, executor: where one is said, it has to be this one.
    fn said(self) -> (Option<i64>, Option<String>, Option<String>) {
        match self {
            Self::User(id) => (Some(id.get()), None, None),
            Self::HandedOnBy(id) => (None, Some(id.to_string()), None),
            Self::Executor(id) => (None, None, Some(id.to_string())),
        }
    }
}

/// What became of one that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    Added,
    /// What it came of has ended.
    RootEnded,
    /// As many as may be are open for its user.
    TooMany,
}

/// A use that is to be counted.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) key: UseKey,
    /// Until when its token is good, in seconds since 1970.
    pub(crate) until_s: i64,
    pub(crate) now: Timestamp,
}

impl HandoffRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, together: None }
    }

    /// One that does by one statement what comes at once, where that saves something.
    pub(crate) fn together(self) -> Self {
        let together = match &self.db {
            Db::Postgres(pool) => Some(Gathered::start(pool)),
            Db::Sqlite(_) => None,
        };
        Self { together, ..self }
    }

    /// Adds it, if its root has not ended. That is looked at under the lock that everything takes which ends a root, so that
    /// none slips through between the two.
    pub(crate) async fn insert(
        &self,
        handoff: &Handoff,
        event: &AuditEvent,
    ) -> Result<Inserted, DbError> {
        let mut row = HandoffRow::new(handoff)?;
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                lock_revocations!(conn).await?;
                let ended: i64 = revocations::table
                    .filter(revocations::kind.eq(RevocationKind::Sid.name()))
                    .filter(revocations::value.eq(&handoff.root.sid))
                    .count()
                    .get_result(conn)
                    .await?;
                if ended > 0 {
                    return Ok(Inserted::RootEnded);
                }
                let open: i64 = handoffs::table
                    .filter(handoffs::user_id.eq(row.user_id))
                    .filter(handoffs::ended_by.is_null())
                    .filter(handoffs::not_after_s.gt(event.at.timestamp()))
                    .filter(handoffs::uses.lt(handoffs::max_uses))
                    .count()
                    .get_result(conn)
                    .await?;
                if open >= MOST_OPEN {
                    return Ok(Inserted::TooMany);
                }
                let version: Option<i64> = login_counts::table
                    .find(row.user_id)
                    .select(login_counts::min_version)
                    .first(conn)
                    .await
                    .optional()?;
                row.credentials_version = version.unwrap_or_default();
                diesel::insert_into(handoffs::table).values(&row).execute(conn).await?;
                note_audit!(conn, event).await?;
                Ok(Inserted::Added)
            })
            .await
        })
    }

    /// With its login, if that is in this database.
    pub(crate) async fn find_with_login(
        &self,
        name: &HandoffName,
    ) -> Result<Option<Found>, DbError> {
        if let Some(together) = &self.together
            && let Some(found) = together.find(name).await
        {
            return Ok(found);
        }
        let row: Option<FoundRow> =
            with_conn!(&self.db, |conn| found!(handoffs::name.eq(name.as_str()))
                .first(conn)
                .await
                .optional())?;
        row.map(Found::try_from).transpose()
    }

    /// Counts a use, if there is one left, and it is good, and this one has not been counted; false when not.
    pub(crate) async fn count(&self, handoff: &Handoff, counted: &Use) -> Result<bool, DbError> {
        if let Some(together) = &self.together
            && let Some(made) = together.count(handoff, counted).await
        {
            return Ok(made);
        }
        let (now, now_s) = (counted.now.naive_utc(), counted.now.timestamp());
        let key = counted.key.as_str();
        let changed = with_conn!(&self.db, |conn| diesel::update(
            handoffs::table.filter(
                handoffs::name
                    .eq(handoff.name.as_str())
                    .and(handoffs::executor.eq(handoff.executor.as_str()))
                    .and(handoffs::ended_by.is_null())
                    .and(handoffs::uses.lt(handoffs::max_uses))
                    .and(handoffs::not_before_s.le(now_s))
                    .and(handoffs::not_after_s.gt(now_s))
                    .and(handoffs::redemptions.not_like(format!("%{key}%")))
            )
        )
        .set((
            handoffs::uses.eq(handoffs::uses + 1),
            handoffs::redemptions.eq(handoffs::redemptions.concat(rows::written(counted))),
            handoffs::last_used_at.eq(now),
        ))
        .execute(conn)
        .await)?;
        Ok(changed == 1)
    }

    /// Those in the sessions of this user by which something can still be done, the newest first.
    pub(crate) async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Handoff>, DbError> {
        let rows: Vec<HandoffRow> = with_conn!(&self.db, |conn| handoffs::table
            .filter(handoffs::user_id.eq(user.get()))
            .filter(handoffs::ended_by.is_null())
            .filter(handoffs::not_after_s.gt(now.timestamp()))
            .filter(
                handoffs::uses
                    .lt(handoffs::max_uses)
                    .or(handoffs::last_used_at.gt((now - LONGEST_TOKEN).naive_utc())),
            )
            .order((handoffs::created_at.desc(), handoffs::name.asc()))
            .limit(MOST_OPEN)
            .select(HandoffRow::as_select())
            .load(conn)
            .await)?;
        Ok(sound(rows.into_iter().map(Handoff::try_from)))
    }

    /// Ends it, with what has been made of it; false when there is nothing to end for whoever asks.
    pub(crate) async fn end(
        &self,
        name: &HandoffName,
        ender: Ender<'_>,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let (user, handed_on_by, executor) = ender.said();
        let (end, by) = (ender.end(), handed_on_by.as_deref().or(executor.as_deref()));
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                lock_revocations!(conn).await?;
                let mut query =
                    handoffs::table.filter(handoffs::name.eq(name.as_str())).into_boxed();
                if let Some(user) = user {
                    query = query.filter(handoffs::user_id.eq(user));
                }
                if let Some(client) = &handed_on_by {
                    query = query.filter(handoffs::handed_on_by.eq(client));
                }
                if let Some(client) = &executor {
                    query = query.filter(handoffs::executor.eq(client));
                }
                let ended = end_handoffs!(conn, query, end, (by, now));
                Ok::<_, DieselError>(ended > 0)
            })
            .await
        })
        .map_err(DbError::from)
    }

    /// Removes those that were good until then.
    pub(crate) async fn delete_until(&self, until_s: i64) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::delete(
            handoffs::table.filter(handoffs::not_after_s.lt(until_s))
        )
        .execute(conn)
        .await)?;
        Ok(())
    }
}
