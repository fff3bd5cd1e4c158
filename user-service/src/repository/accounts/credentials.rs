//! What a login rests on: each change of it is told to auth-service, by a version that rises with it.

use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::DbError;
use shared::{Timestamp, with_conn};

use crate::domain::account::Account;
use crate::domain::password::PasswordHash;
use crate::repository::accounts::AccountRepository;
use crate::repository::changes::{Word, insert_word};
use crate::repository::schema::users;

/// The account, if it is open and nobody has changed its credentials since it was read.
macro_rules! unchanged {
    ($before:expr) => {
        users::table
            .find($before.id.get())
            .filter(users::closed_at.is_null())
            .filter(users::credentials_version.eq($before.credentials_version))
    };
}

pub(super) use unchanged;

impl AccountRepository {
    /// Gives the account another password; false when its credentials are not those of `before` any more, or it is closed.
    pub(crate) async fn update_password(
        &self,
        before: &Account,
        password: &PasswordHash,
        (word, now): (&Word, Timestamp),
    ) -> Result<bool, DbError> {
        let changes = (
            users::password_hash.eq(password.as_str()),
            users::credentials_version.eq(before.next_version()),
            users::last_seen_at.eq(now.naive_utc()),
            users::dormancy_warned_at.eq(None::<chrono::NaiveDateTime>),
            users::dormancy_warning_key.eq(None::<String>),
        );
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let own = unchanged!(before);
                let updated = diesel::update(own).set(changes).execute(conn).await?;
                if updated == 1 {
                    insert_word!(conn, word, now);
                }
                Ok(updated == 1)
            })
            .await
        })
    }

    /// Keeps the same password in another way, unless there is another one by now. Whoever has logged in by it stays.
    pub(crate) async fn rehash_password(
        &self,
        before: &Account,
        password: &PasswordHash,
    ) -> Result<(), DbError> {
        let changed = users::password_hash.eq(password.as_str());
        with_conn!(&self.db, |conn| diesel::update(unchanged!(before))
            .set(changed)
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// Closes the account; false when it is closed already, or its credentials are not those of `before` any more.
    pub(crate) async fn close(
        &self,
        before: &Account,
        (word, now): (&Word, Timestamp),
    ) -> Result<bool, DbError> {
        let changes = (
            users::closed_at.eq(now.naive_utc()),
            users::credentials_version.eq(before.next_version()),
        );
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let own = unchanged!(before);
                let updated = diesel::update(own).set(changes).execute(conn).await?;
                if updated == 1 {
                    insert_word!(conn, word, now);
                }
                Ok(updated == 1)
            })
            .await
        })
    }
}
