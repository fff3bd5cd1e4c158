//! Passwords that were tried. Each try is counted by one statement that names the count it was made on: of many at once
//! one is next, and the others look again.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, insert_into};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{Timestamp, with_conn};

use crate::domain::attempts::{Attempts, Pace, TooEarly};
use crate::repository::schema::login_attempts;

/// Looks that a try may take: there are not so many free ones of an account.
const LOOKS: usize = 64;

#[derive(Clone, Debug)]
pub(crate) struct AttemptRepository {
    db: Db,
}

impl AttemptRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Counts a try, if there may be one now.
    pub(crate) async fn count(
        &self,
        key: &str,
        pace: &Pace,
        now: Timestamp,
    ) -> Result<Result<(), TooEarly>, DbError> {
        for _ in 0..LOOKS {
            let before = self.find(key).await?;
            let after = match pace.one_more(before, now) {
                Ok(after) => after,
                Err(too_early) => return Ok(Err(too_early)),
            };
            if self.put(key, before, after).await? {
                return Ok(Ok(()));
            }
        }
        Ok(Err(TooEarly { wait_ms: pace.first_ms }))
    }

    async fn find(&self, key: &str) -> Result<Option<Attempts>, DbError> {
        let row: Option<(i64, i64, i64)> = with_conn!(&self.db, |conn| login_attempts::table
            .find(key)
            .select((login_attempts::tries, login_attempts::next_ms, login_attempts::forget_ms))
            .first(conn)
            .await
            .optional())?;
        Ok(row.map(|(tries, next_ms, forget_ms)| Attempts { tries, next_ms, forget_ms }))
    }

    /// False: somebody else was faster.
    async fn put(
        &self,
        key: &str,
        before: Option<Attempts>,
        after: Attempts,
    ) -> Result<bool, DbError> {
        let values = (
            login_attempts::tries.eq(after.tries),
            login_attempts::next_ms.eq(after.next_ms),
            login_attempts::forget_ms.eq(after.forget_ms),
        );
        let written = match before {
            None => with_conn!(&self.db, |conn| insert_into(login_attempts::table)
                .values((login_attempts::key.eq(key), values))
                .on_conflict_do_nothing()
                .execute(conn)
                .await)?,
            Some(before) => with_conn!(&self.db, |conn| diesel::update(
                login_attempts::table
                    .find(key)
                    .filter(login_attempts::tries.eq(before.tries))
                    .filter(login_attempts::forget_ms.eq(before.forget_ms))
            )
            .set(values)
            .execute(conn)
            .await)?,
        };
        Ok(written == 1)
    }

    /// Takes a try back that does not count after all. A pause that the others have earned stays.
    pub(crate) async fn take_back(&self, key: &str, pace: &Pace) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::update(
            login_attempts::table.find(key).filter(login_attempts::tries.gt(0))
        )
        .set(login_attempts::tries.eq(login_attempts::tries - 1))
        .execute(conn)
        .await)?;
        with_conn!(&self.db, |conn| diesel::update(
            login_attempts::table.find(key).filter(login_attempts::tries.lt(pace.free))
        )
        .set(login_attempts::next_ms.eq(0))
        .execute(conn)
        .await)?;
        Ok(())
    }

    /// Forgets all tries under this key.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::delete(login_attempts::table.find(key))
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// Whether something is noted under this key.
    pub(crate) async fn is_noted(&self, key: &str, now: Timestamp) -> Result<bool, DbError> {
        let found = self.find(key).await?;
        Ok(found.is_some_and(|found| now.timestamp_millis() < found.forget_ms))
    }

    /// Notes something under this key until then.
    pub(crate) async fn note(&self, key: &str, until: Timestamp) -> Result<(), DbError> {
        let forget_ms = until.timestamp_millis();
        with_conn!(&self.db, |conn| insert_into(login_attempts::table)
            .values((
                login_attempts::key.eq(key),
                login_attempts::tries.eq(0),
                login_attempts::next_ms.eq(0),
                login_attempts::forget_ms.eq(forget_ms),
            ))
            .on_conflict(login_attempts::key)
            .do_update()
            .set(login_attempts::forget_ms.eq(forget_ms))
            .execute(conn)
            .await)?;
        Ok(())
    }

    pub(crate) async fn delete_forgotten(&self, now: Timestamp) -> Result<(), DbError> {
        let now_ms = now.timestamp_millis();
        with_conn!(&self.db, |conn| diesel::delete(
            login_attempts::table.filter(login_attempts::forget_ms.lt(now_ms))
        )
        .execute(conn)
        .await)?;
        Ok(())
    }
}
