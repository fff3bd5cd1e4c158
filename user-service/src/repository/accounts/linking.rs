//! By which other ways the owner of an account comes in.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::DbError;
use shared::{Timestamp, UserId, with_conn};

use crate::domain::account::{Identity, Linked, Provider, Unlinked};
use crate::repository::accounts::{AccountRepository, insert_identity, provider};
use crate::repository::changes::{Word, insert_word};
use crate::repository::schema::{identities, users};

/// Nothing was unlinked, for this reason; or since the database failed. What was written is taken back.
enum NotUnlinked {
    Because(Unlinked),
    Db(DbError),
}

impl<E: Into<DbError>> From<E> for NotUnlinked {
    fn from(error: E) -> Self {
        Self::Db(error.into())
    }
}

impl AccountRepository {
    /// Gives the account another identity; false when somebody has it already.
    pub(crate) async fn insert_identity(
        &self,
        (id, identity): (UserId, &Identity),
        (word, now): (&Word, Timestamp),
    ) -> Result<bool, DbError> {
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let inserted = insert_identity!(conn, identity, id.get(), now.naive_utc());
                if inserted == 1 {
                    insert_word!(conn, word, now);
                }
                Ok(inserted == 1)
            })
            .await
        })
    }

    /// The first one first.
    pub(crate) async fn list_identities(&self, id: UserId) -> Result<Vec<Linked>, DbError> {
        let rows: Vec<(String, chrono::NaiveDateTime)> =
            with_conn!(&self.db, |conn| identities::table
                .filter(identities::user_id.eq(id.get()))
                .order((identities::created_at.asc(), identities::provider.asc()))
                .select((identities::provider, identities::created_at))
                .load(conn)
                .await)?;
        let linked = |(name, at): (String, chrono::NaiveDateTime)| {
            Ok(Linked { provider: provider(&name)?, at: at.and_utc() })
        };
        rows.into_iter().map(linked).collect()
    }

    /// Takes all identities at this provider from the account, unless no way in would be left.
    pub(crate) async fn delete_identities(
        &self,
        id: UserId,
        provider: Provider,
    ) -> Result<Unlinked, DbError> {
        match self.try_delete_identities(id, provider).await {
            Ok(()) => Ok(Unlinked::Done),
            Err(NotUnlinked::Because(reason)) => Ok(reason),
            Err(NotUnlinked::Db(error)) => Err(error),
        }
    }

    async fn try_delete_identities(
        &self,
        id: UserId,
        provider: Provider,
    ) -> Result<(), NotUnlinked> {
        let own = users::table.find(id.get()).filter(users::closed_at.is_null());
        // It changes nothing, but of two who take one way in each, the second waits and sees what the first has left.
        let locked = users::closed_at.eq(None::<chrono::NaiveDateTime>);
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let own = diesel::update(own).set(locked).returning(users::password_hash);
                let password: Option<Option<String>> = own.get_result(conn).await.optional()?;
                let all = identities::table.filter(identities::user_id.eq(id.get()));
                let there = all.filter(identities::provider.eq(provider.as_str()));
                let deleted = diesel::delete(there).execute(conn).await?;
                if deleted == 0 || password.is_none() {
                    return Err(NotUnlinked::Because(Unlinked::NotThere));
                }
                let left: i64 = all.count().get_result(conn).await?;
                if left == 0 && password.flatten().is_none() {
                    return Err(NotUnlinked::Because(Unlinked::LastWayIn));
                }
                Ok(())
            })
            .await
        })
    }
}
