//! Uploads that nobody comes back for, in every company: for what goes on by itself, and nothing else.

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::db::DbError;
use shared::{Timestamp, across_tenants};

use super::schema::uploads;
use super::uploads::UploadRow;
use crate::domain::resumable::upload::ResumableUpload;
use crate::error::FileError;
use shared::db::Db;

#[derive(Clone, Debug)]
pub(crate) struct UploadSweep {
    db: Db,
}

impl UploadSweep {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// So many of those whose time is over.
    pub(crate) async fn list_expired(
        &self,
        now: Timestamp,
        count: i64,
    ) -> Result<Vec<ResumableUpload>, FileError> {
        let rows = across_tenants!(&self.db, |conn| uploads::table
            .filter(uploads::expires_at.lt(now.naive_utc()))
            .order(uploads::expires_at.asc())
            .limit(count)
            .select(UploadRow::as_select())
            .load(conn)
            .await);
        rows.map_err(DbError::from)?.into_iter().map(ResumableUpload::try_from).collect()
    }

    /// So many of those whose last byte has come and that have become no file, with nobody at work on them.
    pub(crate) async fn list_unfinished(
        &self,
        now: Timestamp,
        count: i64,
    ) -> Result<Vec<ResumableUpload>, FileError> {
        let now = now.naive_utc();
        let rows = across_tenants!(&self.db, |conn| uploads::table
            .filter(uploads::offset_bytes.eq(uploads::size_bytes))
            .filter(uploads::file_id.is_null())
            .filter(uploads::leased_until.is_null().or(uploads::leased_until.lt(now)))
            .filter(uploads::expires_at.ge(now))
            .order(uploads::expires_at.asc())
            .limit(count)
            .select(UploadRow::as_select())
            .load(conn)
            .await);
        rows.map_err(DbError::from)?.into_iter().map(ResumableUpload::try_from).collect()
    }
}
