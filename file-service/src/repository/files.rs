//! Files in the database.

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::paging::{Page, PageError};
use shared::{CompanyId, Tenant, Timestamp, UserId, with_tenant};

use super::schema::{files, loose_objects};
use super::{signed, unsigned};
use crate::domain::file::{FileId, FileName, IdempotencyKey, MediaType, Sha256, StoredFile};
use crate::error::FileError;

/// Takes away the note about a loose object that becomes a file of so many bytes, in a transaction, on a connection of
/// either kind. It fails when somebody is about to remove the object.
macro_rules! settle {
    ($conn:expr, ($company_id:expr, $id:expr, $size_bytes:expr)) => {{
        use $crate::repository::schema::loose_objects as loose;
        let reserved: Option<i64> = diesel::delete(loose::table)
            .filter(loose::company_id.eq($company_id))
            .filter(loose::id.eq($id))
            .filter(loose::doomed.eq(false))
            .returning(loose::reserved_bytes)
            .get_result($conn)
            .await
            .optional()?;
        let reserved = reserved.ok_or(FileError::Abandoned)?;
        $crate::repository::usage::give_back!($conn, ($company_id, reserved - $size_bytes));
    }};
}
pub(super) use settle;

#[derive(Clone, Debug)]
pub(crate) struct FileRepository {
    db: Db,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = files)]
pub(super) struct FileRow {
    pub(super) id: String,
    pub(super) company_id: i64,
    name: String,
    content_type: String,
    size_bytes: i64,
    sha256: String,
    idempotency_key: Option<String>,
    pub(super) created_at: chrono::NaiveDateTime,
    created_by: i64,
    created_through: Option<String>,
    expires_at: Option<chrono::NaiveDateTime>,
}

impl FileRow {
    pub(super) fn new(file: &StoredFile, key: Option<&IdempotencyKey>) -> Result<Self, FileError> {
        Ok(Self {
            id: file.id.to_string(),
            company_id: file.company_id.get(),
            name: file.name.as_str().to_owned(),
            content_type: file.media_type.as_str().to_owned(),
            size_bytes: signed(file.size_bytes)?,
            sha256: file.sha256.to_string(),
            idempotency_key: key.map(|key| key.as_str().to_owned()),
            created_at: file.created_at.naive_utc(),
            created_by: file.created_by.get(),
            created_through: file.created_through.clone(),
            expires_at: file.expires_at.map(|at| at.naive_utc()),
        })
    }
}

impl TryFrom<FileRow> for StoredFile {
    type Error = FileError;

    fn try_from(row: FileRow) -> Result<Self, FileError> {
        Ok(Self {
            id: FileId::parse(&row.id).map_err(|_| DbError::Corrupt("file id"))?,
            company_id: CompanyId::try_from(row.company_id)
                .map_err(|_| DbError::Corrupt("company id"))?,
            name: FileName::parse(&row.name).map_err(|_| DbError::Corrupt("file name"))?,
            media_type: MediaType::parse(&row.content_type)
                .map_err(|_| DbError::Corrupt("media type"))?,
            size_bytes: unsigned(row.size_bytes)?,
            sha256: Sha256::from_hex(&row.sha256).ok_or(DbError::Corrupt("digest"))?,
            created_at: row.created_at.and_utc(),
            created_by: UserId::try_from(row.created_by)
                .map_err(|_| DbError::Corrupt("user id"))?,
            created_through: row.created_through,
            expires_at: row.expires_at.map(|at| at.and_utc()),
        })
    }
}

/// What became of a file that was to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    Created,
    /// Another file of the company has this idempotency key.
    KeyTaken(StoredFile),
}

/// Which files of a company are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileFilter {
    /// Called exactly so.
    pub(crate) name: Option<FileName>,
    /// Made by the upload of this name.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    /// Expired then.
    pub(crate) expired_before: Option<Timestamp>,
}

impl FileRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Makes a file of a loose object, unless the idempotency key is taken. One statement decides, so that of any
    /// number of uploads at once one wins. What the object holds of the quota beyond its size is given back.
    pub(crate) async fn record(
        &self,
        tenant: Tenant,
        file: &StoredFile,
        key: Option<&IdempotencyKey>,
    ) -> Result<RecordOutcome, FileError> {
        let row = FileRow::new(file, key)?;
        let recorded = with_tenant!(&self.db, tenant, |conn| {
            let inserted = diesel::insert_into(files::table)
                .values(&row)
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            if inserted == 1 {
                settle!(conn, (row.company_id, &row.id, row.size_bytes));
            }
            Ok::<_, FileError>(inserted == 1)
        })?;
        if recorded {
            return Ok(RecordOutcome::Created);
        }
        let taken = self.find_taken(tenant, &row).await?;
        // None: it was deleted in this very moment, and the key with it.
        let again = || DbError::Unavailable("the idempotency key has just become free".to_owned());
        Ok(RecordOutcome::KeyTaken(taken.ok_or_else(again)?))
    }

    /// What the same program has uploaded under the same key.
    async fn find_taken(
        &self,
        tenant: Tenant,
        new: &FileRow,
    ) -> Result<Option<StoredFile>, FileError> {
        let row = with_tenant!(&self.db, tenant, |conn| {
            let query = files::table
                .filter(files::company_id.eq(tenant.company_id().get()))
                .filter(files::idempotency_key.eq(&new.idempotency_key))
                .into_boxed();
            let query = match &new.created_through {
                Some(program) => query.filter(files::created_through.eq(program)),
                None => query.filter(files::created_through.is_null()),
            };
            query.select(FileRow::as_select()).first(conn).await.optional()
        });
        row.map_err(DbError::from)?.map(StoredFile::try_from).transpose()
    }

    pub(crate) async fn find(
        &self,
        tenant: Tenant,
        id: FileId,
    ) -> Result<Option<StoredFile>, FileError> {
        let row = with_tenant!(&self.db, tenant, |conn| files::table
            .filter(files::company_id.eq(tenant.company_id().get()))
            .filter(files::id.eq(id.to_string()))
            .select(FileRow::as_select())
            .first(conn)
            .await
            .optional());
        row.map_err(DbError::from)?.map(StoredFile::try_from).transpose()
    }

    pub(crate) async fn list(
        &self,
        tenant: Tenant,
        filter: &FileFilter,
        page: &Page,
    ) -> Result<Vec<StoredFile>, FileError> {
        let after = page.after.as_deref().map(FileId::parse).transpose();
        let after = after.map_err(|_| PageError::Cursor)?.map(|id| id.to_string());
        let rows = with_tenant!(&self.db, tenant, |conn| {
            let mut query = files::table
                .filter(files::company_id.eq(tenant.company_id().get()))
                .filter(files::id.gt(after.unwrap_or_default()))
                .into_boxed();
            if let Some(name) = &filter.name {
                query = query.filter(files::name.eq(name.as_str()));
            }
            if let Some(key) = &filter.idempotency_key {
                query = query.filter(files::idempotency_key.eq(key.as_str()));
            }
            if let Some(before) = filter.expired_before {
                query = query.filter(files::expires_at.le(before.naive_utc()));
            }
            query
                .order(files::id.asc())
                .limit(i64::from(page.limit))
                .select(FileRow::as_select())
                .load(conn)
                .await
        });
        rows.map_err(DbError::from)?.into_iter().map(StoredFile::try_from).collect()
    }

    /// Deletes the file and notes its object as loose, with what it takes of the quota. False: there is none.
    pub(crate) async fn delete(
        &self,
        tenant: Tenant,
        id: FileId,
        now: Timestamp,
    ) -> Result<bool, FileError> {
        let company_id = tenant.company_id().get();
        with_tenant!(&self.db, tenant, |conn| {
            let size_bytes: Option<i64> = diesel::delete(files::table)
                .filter(files::company_id.eq(company_id))
                .filter(files::id.eq(id.to_string()))
                .returning(files::size_bytes)
                .get_result(conn)
                .await
                .optional()?;
            let Some(size_bytes) = size_bytes else { return Ok(false) };
            diesel::insert_into(loose_objects::table)
                .values((
                    loose_objects::id.eq(id.to_string()),
                    loose_objects::company_id.eq(company_id),
                    loose_objects::since.eq(now.naive_utc()),
                    loose_objects::reserved_bytes.eq(size_bytes),
                    loose_objects::doomed.eq(true),
                ))
                // A note that somebody has forgotten to take away.
                .on_conflict(loose_objects::id)
                .do_update()
                .set((loose_objects::reserved_bytes.eq(size_bytes), loose_objects::doomed.eq(true)))
                .execute(conn)
                .await?;
            Ok::<_, FileError>(true)
        })
    }
}
