//! When people were last seen, and what becomes of those who are not seen any more. Whoever is seen meanwhile is kept: each
//! statement names what has to be so still.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::DbError;
use shared::paging::{Page, PageError};
use shared::{CompanyId, Timestamp, UserId, with_conn};

use super::AccountRepository;
use super::credentials::unchanged;
use crate::domain::account::Account;
use crate::domain::dormancy::{Dormant, FIRST_PERSON, Standing, Term, Warning};
use crate::error::UserError;
use crate::repository::changes::{Word, insert_word};
use crate::repository::schema::users;
use crate::repository::{company_id, user_id};

type Moment = chrono::NaiveDateTime;

impl AccountRepository {
    /// Somebody has been seen; false when his account has been closed.
    pub(crate) async fn see(&self, id: UserId, now: Timestamp) -> Result<bool, DbError> {
        let seen = (
            users::last_seen_at.eq(now.naive_utc()),
            users::dormancy_warned_at.eq(None::<Moment>),
            users::dormancy_warning_key.eq(None::<String>),
        );
        let own = users::table.find(id.get()).filter(users::closed_at.is_null());
        let updated: usize =
            with_conn!(&self.db, |conn| diesel::update(own).set(seen).execute(conn).await)?;
        Ok(updated == 1)
    }

    /// Companies with people who were not seen since.
    pub(crate) async fn list_companies_of_dormant(
        &self,
        seen_before: Timestamp,
    ) -> Result<Vec<CompanyId>, DbError> {
        let ids: Vec<i64> = with_conn!(&self.db, |conn| users::table
            .filter(users::closed_at.is_null())
            .filter(users::last_seen_at.le(seen_before.naive_utc()))
            .filter(users::id.ge(FIRST_PERSON))
            .select(users::company_id)
            .distinct()
            .order(users::company_id.asc())
            .load(conn)
            .await)?;
        ids.into_iter().map(company_id).collect()
    }

    /// People of the company who were not seen since.
    pub(crate) async fn list_dormant(
        &self,
        company: CompanyId,
        seen_before: Timestamp,
        page: &Page,
    ) -> Result<Vec<Dormant>, UserError> {
        let after = page.after.as_deref().map(str::parse).transpose();
        let after: i64 = after.map_err(|_| PageError::Cursor)?.unwrap_or(0);
        let rows: Result<Vec<(i64, Moment, Option<Moment>)>, _> =
            with_conn!(&self.db, |conn| users::table
                .filter(users::company_id.eq(company.get()))
                .filter(users::closed_at.is_null())
                .filter(users::last_seen_at.le(seen_before.naive_utc()))
                .filter(users::id.gt(after.max(FIRST_PERSON - 1)))
                .order(users::id.asc())
                .limit(i64::from(page.limit))
                .select((users::id, users::last_seen_at, users::dormancy_warned_at))
                .load(conn)
                .await);
        let dormant = |(id, seen, warned): (i64, Moment, Option<Moment>)| {
            let (last_seen_at, warned_at) = (seen.and_utc(), warned.map(|at| at.and_utc()));
            Ok(Dormant { id: user_id(id)?, last_seen_at, warned_at })
        };
        rows.map_err(DbError::from)?.into_iter().map(dormant).collect()
    }

    /// Writes down that he is warned, and the letter; false when he has been seen since, or is warned already.
    pub(crate) async fn warn(
        &self,
        id: UserId,
        warning: &Warning,
        (word, now): (&Word, Timestamp),
    ) -> Result<bool, DbError> {
        let warned = (
            users::dormancy_warned_at.eq(now.naive_utc()),
            users::dormancy_warning_key.eq(warning.key.as_str()),
        );
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let dormant = users::table
                    .find(id.get())
                    .filter(users::closed_at.is_null())
                    .filter(users::last_seen_at.le(warning.seen_before.naive_utc()))
                    .filter(users::dormancy_warned_at.is_null());
                let updated = diesel::update(dormant).set(warned).execute(conn).await?;
                if updated == 1 {
                    insert_word!(conn, word, now);
                }
                Ok(updated == 1)
            })
            .await
        })
    }

    /// How he stands, his account open or closed.
    pub(crate) async fn find_standing(
        &self,
        (company, id): (CompanyId, UserId),
    ) -> Result<Option<Standing>, DbError> {
        let row: Option<(Option<Moment>, Option<Moment>, Option<String>)> =
            with_conn!(&self.db, |conn| users::table
                .find(id.get())
                .filter(users::company_id.eq(company.get()))
                .select((users::closed_at, users::dormancy_warned_at, users::dormancy_warning_key))
                .first(conn)
                .await
                .optional())?;
        Ok(row.map(|(closed, warned, warning_key)| Standing {
            is_closed: closed.is_some(),
            warned_at: warned.map(|at| at.and_utc()),
            warning_key,
        }))
    }

    /// Closes the account if its owner was warned long enough ago and has not been seen since; false when not so.
    pub(crate) async fn close_dormant(
        &self,
        before: &Account,
        term: &Term,
        (word, now): (&Word, Timestamp),
    ) -> Result<bool, DbError> {
        let changes = (
            users::closed_at.eq(now.naive_utc()),
            users::credentials_version.eq(before.next_version()),
        );
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let dormant = unchanged!(before)
                    .filter(users::last_seen_at.le(term.seen_before.naive_utc()))
                    .filter(users::dormancy_warned_at.le(term.warned_before.naive_utc()));
                let updated = diesel::update(dormant).set(changes).execute(conn).await?;
                if updated == 1 {
                    insert_word!(conn, word, now);
                }
                Ok(updated == 1)
            })
            .await
        })
    }
}
