//! Accounts in the database, as their owners and auth-service see them.

mod credentials;
mod dormancy;
mod erasing;
mod linking;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, Queryable,
    Selectable, SelectableHelper,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::{CompanyId, Timestamp, UserId, with_conn};

use crate::domain::account::{Account, Identity, NewAccount, Provider, Way};
use crate::domain::password::PasswordHash;
use crate::domain::user::{Email, UserName};
use crate::repository::schema::{companies, identities, users};
use crate::repository::{company_id, user_id};

#[derive(Clone, Debug)]
pub(crate) struct AccountRepository {
    db: Db,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct AccountRow {
    id: i64,
    company_id: i64,
    email: Option<String>,
    name: String,
    provider: String,
    password_hash: Option<String>,
    credentials_version: i64,
    created_at: chrono::NaiveDateTime,
    closed_at: Option<chrono::NaiveDateTime>,
    last_seen_at: chrono::NaiveDateTime,
    dormancy_warned_at: Option<chrono::NaiveDateTime>,
}

impl TryFrom<AccountRow> for Account {
    type Error = DbError;

    fn try_from(row: AccountRow) -> Result<Self, DbError> {
        Ok(Self {
            id: user_id(row.id)?,
            company_id: company_id(row.company_id)?,
            email: row.email.map(Email::stored),
            name: UserName::parse(&row.name).map_err(|_| DbError::Corrupt("user name"))?,
            provider: provider(&row.provider)?,
            password: row.password_hash.map(PasswordHash::new),
            credentials_version: row.credentials_version,
            created_at: row.created_at.and_utc(),
            is_closed: row.closed_at.is_some(),
            last_seen_at: row.last_seen_at.and_utc(),
            is_warned: row.dormancy_warned_at.is_some(),
        })
    }
}

fn provider(text: &str) -> Result<Provider, DbError> {
    text.parse().map_err(|_| DbError::Corrupt("provider"))
}

/// A new account is not there, since its address or its identity is taken; or since the database failed.
enum NotInserted {
    Taken,
    Db(DbError),
}

impl<E: Into<DbError>> From<E> for NotInserted {
    fn from(error: E) -> Self {
        Self::Db(error.into())
    }
}

/// What the row of a new account holds.
macro_rules! user_values {
    ($new:expr, $company:expr, $at:expr) => {{
        let password = match &$new.way {
            Way::Password(hash) => Some(hash.as_str()),
            Way::Identity(_) => None,
        };
        (
            users::company_id.eq($company),
            users::email.eq($new.email.as_ref().map(Email::as_str)),
            users::name.eq($new.name.as_str()),
            users::provider.eq($new.way.provider().as_str()),
            users::password_hash.eq(password),
            users::created_at.eq($at),
            users::last_seen_at.eq($at),
        )
    }};
}

/// Gives an identity to a user, on a connection of either kind; 0 when somebody has it already.
macro_rules! insert_identity {
    ($conn:expr, $identity:expr, $user_id:expr, $at:expr) => {
        diesel::insert_into(identities::table)
            .values((
                identities::provider.eq($identity.provider().as_str()),
                identities::subject.eq($identity.subject()),
                identities::user_id.eq($user_id),
                identities::created_at.eq($at),
            ))
            .on_conflict_do_nothing()
            .execute($conn)
            .await?
    };
}

use insert_identity;

impl AccountRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Whoever holds the address, his account open or closed.
    pub(crate) async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, DbError> {
        let row: Option<AccountRow> = with_conn!(&self.db, |conn| users::table
            .filter(users::email.eq(email.as_str()))
            .select(AccountRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(Account::try_from).transpose()
    }

    /// Whoever has this identity, his account open or closed.
    pub(crate) async fn find_by_identity(
        &self,
        identity: &Identity,
    ) -> Result<Option<Account>, DbError> {
        let row: Option<AccountRow> = with_conn!(&self.db, |conn| identities::table
            .inner_join(users::table.on(users::id.eq(identities::user_id)))
            .filter(identities::provider.eq(identity.provider().as_str()))
            .filter(identities::subject.eq(identity.subject()))
            .select(AccountRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(Account::try_from).transpose()
    }

    /// An open account.
    pub(crate) async fn find(&self, id: UserId) -> Result<Option<Account>, DbError> {
        let row: Option<AccountRow> = with_conn!(&self.db, |conn| users::table
            .find(id.get())
            .filter(users::closed_at.is_null())
            .select(AccountRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(Account::try_from).transpose()
    }

    /// Adds the account, with a company of its own if it joins none; none when its address or its identity is taken.
    pub(crate) async fn insert(
        &self,
        new: &NewAccount,
        now: Timestamp,
    ) -> Result<Option<Account>, DbError> {
        match self.try_insert(new, now).await {
            Ok(account) => Ok(Some(account)),
            Err(NotInserted::Taken) => Ok(None),
            Err(NotInserted::Db(error)) => Err(error),
        }
    }

    async fn try_insert(&self, new: &NewAccount, now: Timestamp) -> Result<Account, NotInserted> {
        let at = now.naive_utc();
        let row: AccountRow = with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let company: i64 = match new.company {
                    Some(company) => company.get(),
                    None => {
                        let company = diesel::insert_into(companies::table)
                            .values(companies::created_at.eq(at))
                            .returning(companies::id);
                        company.get_result(conn).await?
                    }
                };
                let user = diesel::insert_into(users::table)
                    .values(user_values!(new, company, at))
                    .on_conflict_do_nothing()
                    .returning(AccountRow::as_returning());
                let user: Option<AccountRow> = user.get_result(conn).await.optional()?;
                let user = user.ok_or(NotInserted::Taken)?;
                if let Way::Identity(identity) = &new.way {
                    let inserted = insert_identity!(conn, identity, user.id, at);
                    if inserted == 0 {
                        return Err(NotInserted::Taken);
                    }
                }
                Ok(user)
            })
            .await
        })?;
        Ok(row.try_into()?)
    }

    pub(crate) async fn update_name(
        &self,
        (company, id): (CompanyId, UserId),
        name: &UserName,
    ) -> Result<bool, DbError> {
        let own = users::table
            .find(id.get())
            .filter(users::company_id.eq(company.get()).and(users::closed_at.is_null()));
        let updated: usize = with_conn!(&self.db, |conn| diesel::update(own)
            .set(users::name.eq(name.as_str()))
            .execute(conn)
            .await)?;
        Ok(updated == 1)
    }
}

#[cfg(test)]
mod tests;
