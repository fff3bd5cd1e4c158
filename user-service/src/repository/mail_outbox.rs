//! Mail that has not left yet.

use diesel::{ExpressionMethods, Insertable, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{Timestamp, with_conn};

use crate::domain::user::Email;
use crate::mail::{Letter, Mail};
use crate::repository::schema::mail_outbox;

#[derive(Clone, Debug)]
pub(crate) struct MailRepository {
    db: Db,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = mail_outbox)]
pub(crate) struct MailRow {
    id: String,
    recipient: String,
    subject: String,
    text_body: String,
    html_body: String,
    created_at: chrono::NaiveDateTime,
    expires_at: chrono::NaiveDateTime,
    attempts: i32,
    next_try_at: chrono::NaiveDateTime,
}

impl MailRow {
    pub(crate) fn new(mail: &Mail) -> Self {
        let Letter { subject, text, html } = mail.letter.clone();
        Self {
            id: mail.id.clone(),
            recipient: mail.to.as_str().to_owned(),
            subject,
            text_body: text,
            html_body: html,
            created_at: mail.created_at.naive_utc(),
            expires_at: mail.expires_at.naive_utc(),
            attempts: mail.attempts,
            next_try_at: mail.created_at.naive_utc(),
        }
    }
}

impl From<MailRow> for Mail {
    fn from(row: MailRow) -> Self {
        let letter = Letter { subject: row.subject, text: row.text_body, html: row.html_body };
        Self {
            id: row.id,
            to: Email::stored(row.recipient),
            letter,
            created_at: row.created_at.and_utc(),
            expires_at: row.expires_at.and_utc(),
            attempts: row.attempts,
        }
    }
}

impl MailRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn insert(&self, mail: &Mail) -> Result<(), DbError> {
        let row = MailRow::new(mail);
        with_conn!(&self.db, |conn| diesel::insert_into(mail_outbox::table)
            .values(row)
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// Those whose turn it is, the longest waiting first.
    pub(crate) async fn list_due(&self, now: Timestamp, most: i64) -> Result<Vec<Mail>, DbError> {
        let rows: Vec<MailRow> = with_conn!(&self.db, |conn| mail_outbox::table
            .filter(mail_outbox::next_try_at.le(now.naive_utc()))
            .filter(mail_outbox::expires_at.gt(now.naive_utc()))
            .order(mail_outbox::next_try_at.asc())
            .limit(most)
            .select(MailRow::as_select())
            .load(conn)
            .await)?;
        Ok(rows.into_iter().map(Mail::from).collect())
    }

    /// Notes a try, and when the next one is due; false when another replica was faster, or it is good for nothing any more.
    pub(crate) async fn claim(
        &self,
        mail: &Mail,
        (now, next): (Timestamp, Timestamp),
    ) -> Result<bool, DbError> {
        let own = mail_outbox::table
            .filter(mail_outbox::id.eq(&mail.id))
            .filter(mail_outbox::attempts.eq(mail.attempts))
            .filter(mail_outbox::expires_at.gt(now.naive_utc()));
        let changes = (
            mail_outbox::attempts.eq(mail.attempts.saturating_add(1)),
            mail_outbox::next_try_at.eq(next.naive_utc()),
        );
        let claimed: usize =
            with_conn!(&self.db, |conn| diesel::update(own).set(changes).execute(conn).await)?;
        Ok(claimed == 1)
    }

    /// Says when the next try is due, after one that has failed.
    pub(crate) async fn postpone(&self, id: &str, next: Timestamp) -> Result<(), DbError> {
        let next = mail_outbox::next_try_at.eq(next.naive_utc());
        with_conn!(&self.db, |conn| diesel::update(mail_outbox::table.find(id))
            .set(next)
            .execute(conn)
            .await)?;
        Ok(())
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::delete(mail_outbox::table.find(id))
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// Removes what is good for nothing any more; gives how much.
    pub(crate) async fn delete_expired(&self, now: Timestamp) -> Result<usize, DbError> {
        let expired = mail_outbox::table.filter(mail_outbox::expires_at.le(now.naive_utc()));
        with_conn!(&self.db, |conn| Ok::<_, DbError>(diesel::delete(expired).execute(conn).await?))
    }
}
