//! The audit log: rows are added, and the oldest go when there are too many.

use diesel::result::Error as DieselError;
use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper, insert_into,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::{Timestamp, with_conn, with_pooled};

use crate::domain::audit::{AuditEvent, Event};
use crate::repository::ROWS_AT_ONCE;
use crate::repository::schema::audit;

/// Rows that go by one statement.
const DELETED_AT_ONCE: usize = 5_000;

#[derive(Clone, Debug)]
pub(crate) struct AuditRepository {
    db: Db,
}

#[derive(Insertable)]
#[diesel(table_name = audit)]
pub(crate) struct NewAuditRow {
    event_id: String,
    at: chrono::NaiveDateTime,
    event: String,
    actor: String,
    client_id: Option<String>,
    session: Option<String>,
    detail: String,
}

impl From<&AuditEvent> for NewAuditRow {
    fn from(event: &AuditEvent) -> Self {
        Self {
            event_id: event.id.clone(),
            at: event.at.naive_utc(),
            event: event.event.to_owned(),
            actor: storable(&event.actor),
            client_id: event.client.as_deref().map(storable),
            session: event.session.as_deref().map(storable),
            detail: storable(&event.detail),
        }
    }
}

/// PostgreSQL stores no NUL, and somebody else may have written one.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A row, with its number.
#[derive(Queryable, Selectable)]
#[diesel(table_name = audit)]
pub(crate) struct AuditRow {
    pub(crate) id: i64,
    at: chrono::NaiveDateTime,
    pub(crate) event: String,
    pub(crate) actor: String,
    pub(crate) client_id: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) detail: String,
}

impl AuditRow {
    pub(crate) fn at(&self) -> Timestamp {
        self.at.and_utc()
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuditLimits {
    /// Grants, refusals, logins, each by themselves: so many of each.
    pub(crate) max_tokens: i64,
    /// Changes: those that came after this.
    pub(crate) changes_since: Timestamp,
}

impl AuditRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds many, all or none of up to 500.
    pub(crate) async fn insert(&self, events: &[AuditEvent]) -> Result<(), DbError> {
        for some in events.chunks(ROWS_AT_ONCE) {
            let rows: Vec<NewAuditRow> = some.iter().map(NewAuditRow::from).collect();
            match &self.db {
                Db::Postgres(pool) => with_pooled!(pool, |conn| insert_into(audit::table)
                    .values(&rows)
                    .on_conflict(audit::event_id)
                    .do_nothing()
                    .execute(conn)
                    .await
                    .map(drop))?,
                // It knows no rows with a value left out beside others, and needs no round trip for each.
                Db::Sqlite(pool) => with_pooled!(pool, |conn| conn
                    .transaction(async |conn| {
                        for row in &rows {
                            insert_into(audit::table)
                                .values(row)
                                .on_conflict(audit::event_id)
                                .do_nothing()
                                .execute(conn)
                                .await?;
                        }
                        Ok::<_, DieselError>(())
                    })
                    .await)?,
            }
        }
        Ok(())
    }

    /// The rows that came after this one, the oldest first.
    pub(crate) async fn list_after(&self, id: i64, limit: i64) -> Result<Vec<AuditRow>, DbError> {
        with_conn!(&self.db, |conn| audit::table
            .filter(audit::id.gt(id))
            .order(audit::id.asc())
            .limit(limit)
            .select(AuditRow::as_select())
            .load(conn)
            .await)
        .map_err(DbError::from)
    }

    /// The last rows, the oldest first.
    pub(crate) async fn list_last(&self, limit: i64) -> Result<Vec<AuditRow>, DbError> {
        let mut rows: Vec<AuditRow> = with_conn!(&self.db, |conn| audit::table
            .order(audit::id.desc())
            .limit(limit)
            .select(AuditRow::as_select())
            .load(conn)
            .await)?;
        rows.reverse();
        Ok(rows)
    }

    /// Deletes what is too old or too much, a part of it at a time: no statement takes long.
    pub(crate) async fn delete_beyond(&self, limits: AuditLimits) -> Result<(), DbError> {
        let of_tokens = [Event::Granted, Event::Refused];
        let of_logins = [Event::LoginBegan, Event::LoginRefused, Event::LoginEnded];
        let of_handoffs =
            [Event::HandedOn, Event::HandoffUsed, Event::HandoffRefused, Event::HandoffEnded];
        let counted = of_tokens.iter().chain(&of_logins).chain(&of_handoffs);
        let of_tokens: Vec<&str> = counted.map(|event| event.name()).collect();
        for event in &of_tokens {
            if let Some(newest_gone) = self.find_beyond(event, limits.max_tokens).await? {
                while self.delete_some(event, newest_gone).await? == DELETED_AT_ONCE {}
            }
        }
        let since = limits.changes_since.naive_utc();
        with_conn!(&self.db, |conn| diesel::delete(
            audit::table.filter(audit::event.ne_all(&of_tokens)).filter(audit::at.lt(since))
        )
        .execute(conn)
        .await)?;
        Ok(())
    }

    /// The newest of those that are more than are kept.
    async fn find_beyond(&self, event: &str, kept: i64) -> Result<Option<i64>, DbError> {
        with_conn!(&self.db, |conn| audit::table
            .filter(audit::event.eq(event))
            .order(audit::id.desc())
            .offset(kept)
            .select(audit::id)
            .first(conn)
            .await
            .optional())
        .map_err(DbError::from)
    }

    async fn delete_some(&self, event: &str, newest: i64) -> Result<usize, DbError> {
        let ids: Vec<i64> = with_conn!(&self.db, |conn| audit::table
            .filter(audit::event.eq(event))
            .filter(audit::id.le(newest))
            .order(audit::id.asc())
            .limit(DELETED_AT_ONCE as i64)
            .select(audit::id)
            .load(conn)
            .await)?;
        let Some(last) = ids.last() else { return Ok(0) };
        with_conn!(&self.db, |conn| diesel::delete(
            audit::table.filter(audit::event.eq(event)).filter(audit::id.le(last))
        )
        .execute(conn)
        .await)?;
        Ok(ids.len())
    }
}
