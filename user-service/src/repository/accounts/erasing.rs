//! Accounts that have been closed: what is personal goes, what stays is that there was one.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::DbError;
use shared::{Timestamp, with_conn};

use crate::domain::account::{Provider, digest_of};
use crate::domain::user::Email;
use crate::repository::accounts::{AccountRepository, provider};
use crate::repository::schema::{identities, users};

/// A round of erasing holds nobody up.
const ERASED_AT_ONCE: i64 = 100;

impl AccountRepository {
    /// By which way the last owner of the address came in whose account has been erased.
    pub(crate) async fn find_former_provider(
        &self,
        email: &Email,
    ) -> Result<Option<Provider>, DbError> {
        let found: Option<String> = with_conn!(&self.db, |conn| users::table
            .filter(users::email_digest.eq(digest_of(email)))
            .order(users::erased_at.desc())
            .select(users::provider)
            .first(conn)
            .await
            .optional())?;
        found.as_deref().map(provider).transpose()
    }

    /// Erases what is personal of accounts that were closed before; gives of how many. What stays: that there was one,
    /// by which way its owner came in, and the digest of his address.
    pub(crate) async fn erase(
        &self,
        closed_before: Timestamp,
        now: Timestamp,
    ) -> Result<usize, DbError> {
        let mut erased = 0;
        for (id, email) in self.list_to_erase(closed_before).await? {
            self.erase_one(id, email.as_deref(), now).await?;
            erased += 1;
        }
        Ok(erased)
    }

    async fn list_to_erase(
        &self,
        closed_before: Timestamp,
    ) -> Result<Vec<(i64, Option<String>)>, DbError> {
        Ok(with_conn!(&self.db, |conn| users::table
            .filter(users::closed_at.le(closed_before.naive_utc()))
            .filter(users::erased_at.is_null())
            .order(users::closed_at.asc())
            .limit(ERASED_AT_ONCE)
            .select((users::id, users::email))
            .load(conn)
            .await)?)
    }

    async fn erase_one(&self, id: i64, email: Option<&str>, now: Timestamp) -> Result<(), DbError> {
        let digest = email.map(|email| digest_of(&Email::stored(email.to_owned())));
        let changes = (
            users::email.eq(None::<String>),
            users::name.eq(""),
            users::password_hash.eq(None::<String>),
            users::email_digest.eq(digest),
            users::erased_at.eq(now.naive_utc()),
        );
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let own = identities::table.filter(identities::user_id.eq(id));
                diesel::delete(own).execute(conn).await?;
                diesel::update(users::table.find(id)).set(changes).execute(conn).await?;
                Ok(())
            })
            .await
        })
    }
}
