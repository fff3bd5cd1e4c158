//! How far the logins in Redis have come, kept where Redis cannot lose it.

use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::with_conn;

use crate::repository::schema::login_eras;

/// The only row.
const ROW: i64 = 1;

#[derive(Clone, Debug)]
pub(crate) struct EraRepository {
    db: Db,
}

/// From one loss of Redis to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Era {
    pub(crate) era: i64,
    /// The changes in it, as far as they were written down.
    pub(crate) counted: i64,
}

impl EraRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn find(&self) -> Result<Era, DbError> {
        let (era, counted) = with_conn!(&self.db, |conn| login_eras::table
            .find(ROW)
            .select((login_eras::era, login_eras::counted))
            .first(conn)
            .await)?;
        Ok(Era { era, counted })
    }

    /// The era after this one; whoever is first begins it, and the others take it.
    pub(crate) async fn begin_after(&self, era: i64) -> Result<Era, DbError> {
        with_conn!(&self.db, |conn| diesel::update(
            login_eras::table.find(ROW).filter(login_eras::era.eq(era))
        )
        .set((login_eras::era.eq(era + 1), login_eras::counted.eq(0)))
        .execute(conn)
        .await)?;
        self.find().await
    }

    pub(crate) async fn count(&self, era: i64, counted: i64) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::update(
            login_eras::table
                .find(ROW)
                .filter(login_eras::era.eq(era))
                .filter(login_eras::counted.lt(counted))
        )
        .set(login_eras::counted.eq(counted))
        .execute(conn)
        .await)?;
        Ok(())
    }
}
