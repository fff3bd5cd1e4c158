//! Users in the database, as a company sees its own: every method here asks for the company. Whose account has been closed
//! is in no list. Accounts, as their owners see them, are in [`accounts`].

pub(crate) mod accounts;
pub(crate) mod changes;
pub(crate) mod login_ends;
pub(crate) mod mail_outbox;
mod schema;

use chrono::NaiveDateTime;
use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::paging::{Page, PageError};
use shared::{CompanyId, Timestamp, UserId, with_conn};

use crate::domain::dormancy::is_stale;
use crate::domain::user::{Email, ImportOutcome, NewUser, User, UserName};
use crate::error::UserError;
use accounts::AccountRepository;
use schema::users;

#[derive(Clone, Debug)]
pub(crate) struct UserRepository {
    db: Db,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
    id: i64,
    company_id: i64,
    email: Option<String>,
    name: String,
    created_at: NaiveDateTime,
}

impl TryFrom<UserRow> for User {
    type Error = UserError;

    fn try_from(row: UserRow) -> Result<Self, UserError> {
        Ok(Self {
            id: user_id(row.id)?,
            company_id: company_id(row.company_id)?,
            email: row.email.map(Email::stored),
            name: UserName::parse(&row.name).map_err(|_| DbError::Corrupt("user name"))?,
            created_at: row.created_at.and_utc(),
        })
    }
}

impl UserRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn find(
        &self,
        company: CompanyId,
        id: UserId,
    ) -> Result<Option<User>, UserError> {
        let row = with_conn!(&self.db, |conn| users::table
            .filter(users::company_id.eq(company.get()))
            .filter(users::closed_at.is_null())
            .filter(users::id.eq(id.get()))
            .select(UserRow::as_select())
            .first(conn)
            .await
            .optional());
        row.map_err(DbError::from)?.map(User::try_from).transpose()
    }

    pub(crate) async fn list(
        &self,
        company: CompanyId,
        page: &Page,
    ) -> Result<Vec<User>, UserError> {
        let after = page.after.as_deref().map(str::parse).transpose();
        let after: i64 = after.map_err(|_| PageError::Cursor)?.unwrap_or(0);
        let rows = with_conn!(&self.db, |conn| users::table
            .filter(users::company_id.eq(company.get()))
            .filter(users::closed_at.is_null())
            .filter(users::id.gt(after))
            .order(users::id.asc())
            .limit(i64::from(page.limit))
            .select(UserRow::as_select())
            .load(conn)
            .await);
        rows.map_err(DbError::from)?.into_iter().map(User::try_from).collect()
    }

    pub(crate) async fn list_by_ids(
        &self,
        company: CompanyId,
        ids: &[UserId],
    ) -> Result<Vec<User>, UserError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        let rows = with_conn!(&self.db, |conn| users::table
            .filter(users::company_id.eq(company.get()))
            .filter(users::closed_at.is_null())
            .filter(users::id.eq_any(&ids))
            .order(users::id.asc())
            .select(UserRow::as_select())
            .load(conn)
            .await);
        rows.map_err(DbError::from)?.into_iter().map(User::try_from).collect()
    }

    /// Adds the user unless the address is taken. One statement decides, so that two imports at once agree.
    pub(crate) async fn import(
        &self,
        user: &NewUser,
        now: Timestamp,
    ) -> Result<ImportOutcome, UserError> {
        let values = (
            users::company_id.eq(user.company_id.get()),
            users::email.eq(user.email.as_str()),
            users::name.eq(user.name.as_str()),
            users::created_at.eq(now.naive_utc()),
            users::last_seen_at.eq(now.naive_utc()),
        );
        let created: Option<i64> = with_conn!(&self.db, |conn| diesel::insert_into(users::table)
            .values(values)
            .on_conflict_do_nothing()
            .returning(users::id)
            .get_result(conn)
            .await
            .optional())
        .map_err(DbError::from)?;
        match created {
            Some(id) => Ok(ImportOutcome::Created(user_id(id)?)),
            None => self.outcome_for_known(user, now).await,
        }
    }

    async fn outcome_for_known(
        &self,
        user: &NewUser,
        now: Timestamp,
    ) -> Result<ImportOutcome, UserError> {
        let (id, company, closed, seen): (i64, i64, Option<NaiveDateTime>, NaiveDateTime) =
            with_conn!(&self.db, |conn| users::table
                .filter(users::email.eq(user.email.as_str()))
                .select((users::id, users::company_id, users::closed_at, users::last_seen_at))
                .first(conn)
                .await)
            .map_err(DbError::from)?;
        match (company == user.company_id.get(), closed) {
            (true, None) => {
                let id = user_id(id)?;
                // Who still has orders is not one of those who are not seen any more.
                if is_stale(seen.and_utc(), now) {
                    AccountRepository::new(self.db.clone()).see(id, now).await?;
                }
                Ok(ImportOutcome::Known(id))
            }
            (true, Some(_)) => Ok(ImportOutcome::Closed),
            (false, _) => Ok(ImportOutcome::Elsewhere),
        }
    }
}

fn user_id(id: i64) -> Result<UserId, DbError> {
    UserId::try_from(id).map_err(|_| DbError::Corrupt("user id"))
}

fn company_id(id: i64) -> Result<CompanyId, DbError> {
    CompanyId::try_from(id).map_err(|_| DbError::Corrupt("company id"))
}

#[cfg(test)]
mod tests;
