//! Logins in the database: one row each. An exchange of a refresh token is one statement that names the token.

mod together;

use diesel::result::Error as DieselError;
use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable,
    Selectable, SelectableHelper, insert_into,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::{Session, Timestamp, UserId, with_conn};
use uuid::Uuid;

use crate::domain::login::{Device, EndedBy, Line, Login, Parent};
use crate::domain::person::Provider;
use crate::domain::refresh_token::{SealedPair, TokenHash};
use crate::domain::revoking::of_login;
use crate::login_store::{Exchange, Which};
use crate::repository::changes::REVOCATIONS;
use crate::repository::revocations::RevocationRow;
use crate::repository::schema::{login_counts, logins, revocations};
use crate::repository::sound;
use together::Together;

#[derive(Clone, Debug)]
pub(crate) struct LoginRepository {
    db: Db,
    together: Option<Together>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = logins)]
struct LoginRow {
    sid: String,
    user_id: i64,
    session: String,
    provider: String,
    user_agent: String,
    address: String,
    credentials_version: i64,
    began_at: chrono::NaiveDateTime,
    auth_time_s: i64,
    used_at: chrono::NaiveDateTime,
    ends_at: chrono::NaiveDateTime,
    idle_until: chrono::NaiveDateTime,
    generation: i64,
    token_hash: String,
    parent_hash: Option<String>,
    exchanged_at: Option<chrono::NaiveDateTime>,
    sealed_pair: Option<Vec<u8>>,
    ended_by: Option<String>,
}

impl From<&Login> for LoginRow {
    fn from(login: &Login) -> Self {
        let parent = login.line.parent.as_ref();
        Self {
            sid: login.sid.to_string(),
            user_id: login.user_id.get(),
            session: login.session.as_json().to_owned(),
            provider: login.provider.name().to_owned(),
            user_agent: login.device.user_agent.clone(),
            address: login.device.address.clone(),
            credentials_version: login.credentials_version,
            began_at: login.began_at.naive_utc(),
            auth_time_s: login.auth_time_s,
            used_at: login.used_at.naive_utc(),
            ends_at: login.ends_at.naive_utc(),
            idle_until: login.idle_until.naive_utc(),
            generation: login.line.generation.into(),
            token_hash: login.line.token_hash.as_str().to_owned(),
            parent_hash: parent.map(|parent| parent.token_hash.as_str().to_owned()),
            exchanged_at: parent.map(|parent| parent.exchanged_at.naive_utc()),
            sealed_pair: parent.and_then(|own| Some(own.pair.as_ref()?.as_bytes().to_vec())),
            ended_by: login.ended.map(|ended| ended.name().to_owned()),
        }
    }
}

impl TryFrom<LoginRow> for Login {
    type Error = DbError;

    fn try_from(row: LoginRow) -> Result<Self, DbError> {
        let line = row.line()?;
        let ended = match row.ended_by.as_deref() {
            None => None,
            Some(name) => Some(EndedBy::named(name).ok_or(DbError::Corrupt("end of a login"))?),
        };
        Ok(Self {
            sid: row.sid.parse().map_err(|_| DbError::Corrupt("login id"))?,
            user_id: UserId::try_from(row.user_id).map_err(|_| DbError::Corrupt("user id"))?,
            session: Session::parse(&row.session).map_err(|_| DbError::Corrupt("session"))?,
            provider: Provider::named(&row.provider).ok_or(DbError::Corrupt("provider"))?,
            device: Device { user_agent: row.user_agent, address: row.address },
            credentials_version: row.credentials_version,
            began_at: row.began_at.and_utc(),
            auth_time_s: row.auth_time_s,
            used_at: row.used_at.and_utc(),
            ends_at: row.ends_at.and_utc(),
            idle_until: row.idle_until.and_utc(),
            line,
            ended,
        })
    }
}

impl LoginRow {
    fn line(&self) -> Result<Line, DbError> {
        let pair = self.sealed_pair.clone().map(SealedPair::stored);
        let parent = self.parent_hash.clone().zip(self.exchanged_at);
        let parent = parent.map(|(hash, at)| Parent {
            token_hash: TokenHash::stored(hash),
            exchanged_at: at.and_utc(),
            pair,
        });
        let generation =
            u32::try_from(self.generation).map_err(|_| DbError::Corrupt("generation"))?;
        Ok(Line { generation, token_hash: TokenHash::stored(self.token_hash.clone()), parent })
    }
}

/// Counts a login of this user, and gives the least version of credentials that is good. The row is locked until the end of
/// the transaction, so that two at once count each other, and none begins while its credentials end.
macro_rules! count_login {
    ($conn:expr, $user:expr) => {
        insert_into(login_counts::table)
            .values((
                login_counts::user_id.eq($user),
                login_counts::begun.eq(1),
                login_counts::min_version.eq(0),
            ))
            .on_conflict(login_counts::user_id)
            .do_update()
            .set(login_counts::begun.eq(login_counts::begun + 1))
            .returning(login_counts::min_version)
            .get_result::<i64>($conn)
    };
}

/// From now on nobody logs in with older credentials. It comes before the lock of the revocations, as it does where a login
/// is added.
macro_rules! raise_version {
    ($conn:expr, $user:expr, $version:expr) => {
        // Tables have a method of that name, too.
        diesel::query_dsl::methods::FilterDsl::filter(
            insert_into(login_counts::table)
                .values((
                    login_counts::user_id.eq($user),
                    login_counts::begun.eq(0),
                    login_counts::min_version.eq($version),
                ))
                .on_conflict(login_counts::user_id)
                .do_update()
                .set(login_counts::min_version.eq($version)),
            login_counts::min_version.lt($version),
        )
        .execute($conn)
    };
}

/// Ends these logins in the transaction of a change, and revokes what came of them. It comes first, since it takes the
/// lock of the revocations.
macro_rules! end_logins {
    ($conn:expr, $sids:expr, $ended_by:expr, $now:expr) => {
        for sid in $sids {
            let seq = note_change!($conn, REVOCATIONS).await?;
            let row = RevocationRow::new(&of_login(sid, $now), seq);
            insert_into(revocations::table).values(row).execute($conn).await?;
            diesel::update(logins::table.find(sid).filter(logins::ended_by.is_null()))
                .set((
                    logins::ended_by.eq($ended_by.name()),
                    logins::sealed_pair.eq(None::<Vec<u8>>),
                ))
                .execute($conn)
                .await?;
        }
    };
}

impl LoginRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, together: None }
    }

    /// One that makes exchanges that come at once by one statement, where that saves something.
    pub(crate) fn together(self) -> Self {
        let together = match &self.db {
            Db::Postgres(pool) => Some(Together::start(pool)),
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
            Some(together) => together.exchange(login, exchange).await,
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
                Ok::<_, DieselError>(sids)
            })
            .await
        })?;
        Ok(ended.iter().filter_map(|sid| sid.parse().ok()).collect())
    }

    /// Revokes what came of a login that is kept elsewhere.
    pub(crate) async fn revoke(&self, sids: &[Uuid], now: Timestamp) -> Result<(), DbError> {
        let sids: Vec<String> = sids.iter().map(Uuid::to_string).collect();
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                for sid in &sids {
                    let seq = note_change!(conn, REVOCATIONS).await?;
                    let row = RevocationRow::new(&of_login(sid, now), seq);
                    insert_into(revocations::table).values(row).execute(conn).await?;
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
