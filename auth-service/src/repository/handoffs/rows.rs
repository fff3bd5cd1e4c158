//! A handoff as a row.

use diesel::{Insertable, Queryable, Selectable};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::Session;
use shared::db::DbError;

use crate::domain::client::ClientId;
use crate::domain::handoff::{Handoff, HandoffEnd, HandoffName, Root, RootLogin, UseKey, Used};
use crate::domain::login::EndedBy;
use crate::domain::purpose::Purpose;
use crate::repository::handoffs::Use;
use crate::repository::schema::handoffs;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = handoffs)]
pub(in crate::repository) struct HandoffRow {
    pub(super) name: String,
    purpose: String,
    handed_on_by: String,
    executor: String,
    audiences: String,
    scope: String,
    sub: String,
    pub(super) user_id: i64,
    session: String,
    root_sid: String,
    root_began_s: i64,
    act: String,
    pub(super) credentials_version: i64,
    max_uses: i64,
    created_at: chrono::NaiveDateTime,
    not_before_s: i64,
    not_after_s: i64,
    outlives_logout: bool,
    traceparent: Option<String>,
    uses: i64,
    pub(super) redemptions: String,
    last_used_at: Option<chrono::NaiveDateTime>,
    ended_by: Option<String>,
    ended_at: Option<chrono::NaiveDateTime>,
}

impl HandoffRow {
    /// One that has not been used yet.
    pub(super) fn new(handoff: &Handoff) -> Result<Self, DbError> {
        Ok(Self {
            name: handoff.name.as_str().to_owned(),
            purpose: handoff.purpose.to_string(),
            handed_on_by: handoff.handed_on_by.to_string(),
            executor: handoff.executor.to_string(),
            audiences: json(&handoff.audiences)?,
            scope: handoff.scope.to_string(),
            sub: handoff.root.sub.clone(),
            user_id: handoff.root.session.user_id().get(),
            session: handoff.root.session.as_json().to_owned(),
            root_sid: handoff.root.sid.clone(),
            root_began_s: handoff.root.began_s,
            act: json(&handoff.root.act)?,
            credentials_version: handoff.credentials_version,
            max_uses: handoff.max_uses.into(),
            created_at: handoff.created_at.naive_utc(),
            not_before_s: handoff.not_before_s,
            not_after_s: handoff.not_after_s,
            outlives_logout: handoff.outlives_logout,
            traceparent: handoff.trace.clone(),
            uses: 0,
            redemptions: String::new(),
            last_used_at: None,
            ended_by: None,
            ended_at: None,
        })
    }

    fn root(&self) -> Result<Root, DbError> {
        Ok(Root {
            sub: self.sub.clone(),
            session: Session::parse(&self.session).map_err(|_| DbError::Corrupt("session"))?,
            sid: self.root_sid.clone(),
            began_s: self.root_began_s,
            act: read(&self.act)?,
        })
    }

    fn used(&self) -> Result<Used, DbError> {
        Ok(Used {
            times: count(self.uses)?,
            last_at: self.last_used_at.map(|at| at.and_utc()),
            uses: uses(&self.redemptions)?,
        })
    }

    fn ended(&self) -> Result<Option<(HandoffEnd, shared::Timestamp)>, DbError> {
        let Some((name, at)) = self.ended_by.as_deref().zip(self.ended_at) else { return Ok(None) };
        let end = HandoffEnd::named(name).ok_or(DbError::Corrupt("end of a handoff"))?;
        Ok(Some((end, at.and_utc())))
    }
}

impl TryFrom<HandoffRow> for Handoff {
    type Error = DbError;

    fn try_from(row: HandoffRow) -> Result<Self, DbError> {
        let client = |id: &str| ClientId::parse(id).map_err(|_| DbError::Corrupt("client id"));
        Ok(Self {
            root: row.root()?,
            used: row.used()?,
            ended: row.ended()?,
            purpose: Purpose::parse(&row.purpose).map_err(|_| DbError::Corrupt("purpose"))?,
            handed_on_by: client(&row.handed_on_by)?,
            executor: client(&row.executor)?,
            audiences: read(&row.audiences)?,
            scope: row.scope.parse().map_err(|_| DbError::Corrupt("scope"))?,
            name: HandoffName::stored(row.name),
            credentials_version: row.credentials_version,
            max_uses: count(row.max_uses)?,
            created_at: row.created_at.and_utc(),
            not_before_s: row.not_before_s,
            not_after_s: row.not_after_s,
            outlives_logout: row.outlives_logout,
            trace: row.traceparent,
        })
    }
}

/// A handoff, and its login's end and the two times at which that ends by itself, if there is one.
pub(super) type FoundRow =
    (HandoffRow, Option<(Option<String>, chrono::NaiveDateTime, chrono::NaiveDateTime)>);

/// A handoff, with what there is to know of its login.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) handoff: Handoff,
    /// None: there is no such login in this database.
    pub(crate) login: Option<RootLogin>,
}

impl TryFrom<FoundRow> for Found {
    type Error = DbError;

    fn try_from((row, login): FoundRow) -> Result<Self, DbError> {
        let of_login = |(ended_by, ends_at, idle_until): (Option<String>, _, _)| RootLogin {
            // That it has ended is what counts.
            ended: ended_by.map(|by| EndedBy::named(&by).unwrap_or(EndedBy::Logout)),
            until: std::cmp::min::<chrono::NaiveDateTime>(ends_at, idle_until).and_utc(),
        };
        Ok(Self { handoff: row.try_into()?, login: login.map(of_login) })
    }
}

/// A use, as it is written behind those before.
pub(super) fn written(counted: &Use) -> String {
    format!("{}:{} ", counted.key.as_str(), counted.until_s)
}

/// All uses that are written down.
pub(super) fn uses(text: &str) -> Result<Vec<(UseKey, i64)>, DbError> {
    let one = |entry: &str| {
        let (key, until) = entry.split_once(':')?;
        Some((UseKey::stored(key), until.parse().ok()?))
    };
    let all: Option<Vec<_>> = text.split_ascii_whitespace().map(one).collect();
    all.ok_or(DbError::Corrupt("uses of a handoff"))
}

fn count(number: i64) -> Result<u32, DbError> {
    u32::try_from(number).map_err(|_| DbError::Corrupt("count of a handoff"))
}

fn json(value: &impl Serialize) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|_| DbError::Corrupt("handoff"))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, DbError> {
    serde_json::from_str(text).map_err(|_| DbError::Corrupt("handoff"))
}
