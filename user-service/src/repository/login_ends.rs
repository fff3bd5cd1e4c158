//! Word for auth-service that has not been delivered yet.

use chrono::TimeDelta;
use diesel::{ExpressionMethods, Insertable, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{Timestamp, with_conn};

use crate::domain::account::LoginEnd;
use crate::repository::schema::login_ends;

/// So long the request itself tries to deliver it.
const HEAD_START: TimeDelta = TimeDelta::seconds(3);

#[derive(Clone, Debug)]
pub(crate) struct LoginEndRepository {
    db: Db,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = login_ends)]
pub(crate) struct LoginEndRow {
    id: String,
    user_id: i64,
    reason: String,
    version: i64,
    except_sid: Option<String>,
    attempts: i32,
    next_try_at: chrono::NaiveDateTime,
}

impl LoginEndRow {
    pub(crate) fn new(end: &LoginEnd, now: Timestamp) -> Self {
        let LoginEnd { id, user_id, reason, version, except_sid, attempts } = end.clone();
        let next_try_at = (now + HEAD_START).naive_utc();
        Self { id, user_id, reason, version, except_sid, attempts, next_try_at }
    }
}

impl From<LoginEndRow> for LoginEnd {
    fn from(row: LoginEndRow) -> Self {
        let LoginEndRow { id, user_id, reason, version, except_sid, attempts, .. } = row;
        Self { id, user_id, reason, version, except_sid, attempts }
    }
}

impl LoginEndRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Those whose turn it is, the longest waiting first.
    pub(crate) async fn list_due(
        &self,
        now: Timestamp,
        most: i64,
    ) -> Result<Vec<LoginEnd>, DbError> {
        let rows: Vec<LoginEndRow> = with_conn!(&self.db, |conn| login_ends::table
            .filter(login_ends::next_try_at.le(now.naive_utc()))
            .order(login_ends::next_try_at.asc())
            .limit(most)
            .select(LoginEndRow::as_select())
            .load(conn)
            .await)?;
        Ok(rows.into_iter().map(LoginEnd::from).collect())
    }

    /// Notes a try, and when the next one is due; false when another replica was faster.
    pub(crate) async fn claim(&self, end: &LoginEnd, next: Timestamp) -> Result<bool, DbError> {
        let own = login_ends::table
            .filter(login_ends::id.eq(&end.id))
            .filter(login_ends::attempts.eq(end.attempts));
        let changes = (
            login_ends::attempts.eq(end.attempts.saturating_add(1)),
            login_ends::next_try_at.eq(next.naive_utc()),
        );
        let claimed: usize =
            with_conn!(&self.db, |conn| diesel::update(own).set(changes).execute(conn).await)?;
        Ok(claimed == 1)
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::delete(login_ends::table.find(id))
            .execute(conn)
            .await)?;
        Ok(())
    }
}
