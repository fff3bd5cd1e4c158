//! Logins in the database: one row each. An exchange of a refresh token is one statement that names the token.

mod rows;
mod steps;
mod together;

use diesel::result::Error as DieselError;
use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
    insert_into,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::{Timestamp, UserId, with_conn};
use uuid::Uuid;

use crate::domain::handoff::HandoffEnd;
use crate::domain::login::{EndedBy, Login};
use crate::domain::revoking::of_login;
use crate::login_store::{Exchange, Which};
use crate::repository::changes::REVOCATIONS;
use crate::repository::handoffs::{end_handed_on, end_handoffs};
use crate::repository::revocations::RevocationRow;
use crate::repository::schema::{handoffs, login_counts, logins, revocations};
use crate::repository::sound;
use rows::LoginRow;
use steps::{count_login, end_handed_on_before, end_logins, raise_version};
use together::Exchanges;

#[derive(Clone, Debug)]
pub(crate) struct LoginRepository {
    db: Db,
    together: Option<Exchanges>,
}

impl LoginRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, together: None }
    }

    /// One that makes exchanges that come at once by one statement, where that saves something.
    pub(crate) fn together(self) -> Self {
        let together = match &self.db {
            Db::Postgres(pool) => Some(together::start(pool)),
            Db::Sqlite(_) => None,
        };
        Self { together, ..self }
    }

    /// Adds a login, and ends the oldest of the user's that are more than so many; gives those. Two at once wait for each
    /// other. None: what he has proved who he is with is over, and nothing is added.
    pub(crate) async fn insert(
        &self,
        login: &Login,
        max: u32,
    ) -> Result<Option<Vec<Uuid>>, DbError> {
        let (row, user, now) = (LoginRow::from(login), login.user_id.get(), login.began_at);
        let ended: Result<Vec<String>, DieselError> =
            with_conn!(&self.db, |conn| Ok::<_, DieselError>(
                conn.transaction(async |conn| {
                    if login.credentials_version < count_login!(conn, user).await? {
                        return Err(DieselError::RollbackTransaction);
                    }
                    insert_into(logins::table).values(&row).execute(conn).await?;
                    let beyond: Vec<String> = logins::table
                        .filter(logins::user_id.eq(user))
                        .filter(logins::ended_by.is_null())
                        .filter(logins::idle_until.gt(now.naive_utc()))
                        .filter(logins::ends_at.gt(now.naive_utc()))
                        .filter(logins::sid.ne(&row.sid))
                        .order((logins::began_at.desc(), logins::sid.desc()))
                        .offset(i64::from(max.max(1)) - 1)
                        .select(logins::sid)
                        .load(conn)
                        .await?;
                    end_logins!(conn, &beyond, EndedBy::TooMany, now);
                    Ok::<_, DieselError>(beyond)
                })
                .await
            ))?;
        match ended {
            Ok(ended) => Ok(Some(ended.iter().filter_map(|sid| sid.parse().ok()).collect())),
            Err(DieselError::RollbackTransaction) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn find(&self, sid: Uuid) -> Result<Option<Login>, DbError> {
        let row: Option<LoginRow> = with_conn!(&self.db, |conn| logins::table
            .find(sid.to_string())
            .select(LoginRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(Login::try_from).transpose()
    }

    /// Exchanges the token, if it is still the one that is good; false when it is not.
    /// Whose it is has to be as it was said, too: who said it may have been a copy that somebody has changed.
    pub(crate) async fn exchange(
        &self,
        login: &Login,
        exchange: &Exchange,
    ) -> Result<bool, DbError> {
        let made = match &self.together {
            Some(exchanges) => together::exchange(exchanges, login, exchange).await,
            None => None,
        };
        match made {
            Some(made) => Ok(made),
            None => self.exchange_alone(login, exchange).await,
        }
    }

    async fn exchange_alone(&self, login: &Login, exchange: &Exchange) -> Result<bool, DbError> {
        let Exchange { sid, used, next, .. } = exchange;
        let now = exchange.now.naive_utc();
        let generation = i64::from(exchange.generation);
        let exchanged = with_conn!(&self.db, |conn| diesel::update(
            logins::table.filter(
                logins::sid
                    .eq(sid.to_string())
                    .and(logins::token_hash.eq(used.as_str()))
                    .and(logins::generation.eq(generation))
                    .and(logins::user_id.eq(login.user_id.get()))
                    .and(logins::session.eq(login.session.as_json()))
                    .and(logins::auth_time_s.eq(login.auth_time_s))
                    .and(logins::ends_at.eq(login.ends_at.naive_utc()))
                    .and(logins::ended_by.is_null())
                    .and(logins::idle_until.gt(now))
                    .and(logins::ends_at.gt(now))
            )
        )
        .set((
            logins::generation.eq(generation + 1),
            logins::token_hash.eq(next.as_str()),
            logins::parent_hash.eq(used.as_str()),
            logins::exchanged_at.eq(now),
            logins::sealed_pair.eq(exchange.pair.as_bytes()),
            logins::used_at.eq(now),
            logins::idle_until.eq(exchange.idle_until.naive_utc()),
            logins::user_agent.eq(&exchange.device.user_agent),
            logins::address.eq(&exchange.device.address),
        ))
        .execute(conn)
        .await)?;
        Ok(exchanged == 1)
    }

    /// Those of the user that have not ended, the last used first.
    pub(crate) async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Login>, DbError> {
        let now = now.naive_utc();
        let rows: Vec<LoginRow> = with_conn!(&self.db, |conn| logins::table
            .filter(logins::user_id.eq(user.get()))
            .filter(logins::ended_by.is_null())
            .filter(logins::idle_until.gt(now))
            .filter(logins::ends_at.gt(now))
            .order((logins::used_at.desc(), logins::sid.desc()))
            .select(LoginRow::as_select())
            .load(conn)
            .await)?;
        Ok(sound(rows.into_iter().map(Login::try_from)))
    }

    /// Ends these of the user's logins, and revokes what came of them; gives those that had not ended before.
    pub(crate) async fn end(
        &self,
        which: &Which,
        (by, now): (EndedBy, Timestamp),
    ) -> Result<Vec<Uuid>, DbError> {
        let user = which.user.get();
        let older_than = which.older_than.unwrap_or(i64::MAX);
        let (only, except) = (which.only.map(|sid| sid.to_string()), which.except);
        let except = except.map(|sid| sid.to_string()).unwrap_or_default();
        let ended: Vec<String> = with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                if let Some(version) = which.older_than {
                    raise_version!(conn, user, version).await?;
                }
                note_change!(conn, REVOCATIONS).await?;
                let mut query = logins::table
                    .filter(logins::user_id.eq(user))
                    .filter(logins::ended_by.is_null())
                    .filter(logins::credentials_version.lt(older_than))
                    .filter(logins::sid.ne(&except))
                    .select(logins::sid)
                    .into_boxed();
                if let Some(only) = &only {
                    query = query.filter(logins::sid.eq(only));
                }
                let sids: Vec<String> = query.load(conn).await?;
                end_logins!(conn, &sids, by, now);
                if let Some(version) = which.older_than {
                    end_handed_on_before!(conn, (user, version), by, now);
                }
                Ok::<_, DieselError>(sids)
            })
            .await
        })?;
        Ok(ended.iter().filter_map(|sid| sid.parse().ok()).collect())
    }

    /// Revokes what came of logins that are kept elsewhere, and what was handed on with credentials older than these.
    pub(crate) async fn revoke(
        &self,
        (sids, older_than): (&[Uuid], Option<(UserId, i64)>),
        (by, now): (EndedBy, Timestamp),
    ) -> Result<(), DbError> {
        let sids: Vec<String> = sids.iter().map(Uuid::to_string).collect();
        let older_than = older_than.map(|(user, version)| (user.get(), version));
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                if let Some((user, version)) = older_than {
                    raise_version!(conn, user, version).await?;
                    note_change!(conn, REVOCATIONS).await?;
                    end_handed_on_before!(conn, (user, version), by, now);
                }
                for sid in &sids {
                    let seq = note_change!(conn, REVOCATIONS).await?;
                    let row = RevocationRow::new(&of_login(sid, now), seq);
                    insert_into(revocations::table).values(row).execute(conn).await?;
                    end_handed_on!(conn, sid, by, (None, now));
                }
                Ok::<_, DieselError>(())
            })
            .await
        })?;
        Ok(())
    }

    /// Removes those that have ended long ago, and wipes what may not be told again.
    pub(crate) async fn clean(
        &self,
        (long_ago, repeatable_since): (Timestamp, Timestamp),
    ) -> Result<(), DbError> {
        let (long_ago, since) = (long_ago.naive_utc(), repeatable_since.naive_utc());
        with_conn!(&self.db, |conn| diesel::delete(
            logins::table.filter(
                logins::idle_until
                    .lt(long_ago)
                    .or(logins::ends_at.lt(long_ago))
                    .or(logins::ended_by.is_not_null().and(logins::used_at.lt(long_ago)))
            )
        )
        .execute(conn)
        .await)?;
        with_conn!(&self.db, |conn| diesel::update(
            logins::table
                .filter(logins::sealed_pair.is_not_null())
                .filter(logins::exchanged_at.lt(since))
        )
        .set(logins::sealed_pair.eq(None::<Vec<u8>>))
        .execute(conn)
        .await)?;
        Ok(())
    }
}
