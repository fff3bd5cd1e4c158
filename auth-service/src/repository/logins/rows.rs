//! A login as a row.

use diesel::{Insertable, Queryable, Selectable};
use shared::db::DbError;
use shared::{Session, UserId};

use crate::domain::login::{Device, EndedBy, Line, Login, Parent};
use crate::domain::person::Provider;
use crate::domain::refresh_token::{SealedPair, TokenHash};
use crate::repository::schema::logins;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = logins)]
pub(super) struct LoginRow {
    pub(super) sid: String,
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
