//! Files in the database. Every method asks for the company: there is no way to read across companies.

mod schema;
pub(crate) mod loose_objects;

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::paging::{Page, PageError};
use shared::{CompanyId, Tenant, UserId, with_tenant};

use crate::domain::file::{FileId, FileName, IdempotencyKey, MediaType, Sha256, StoredFile};
use crate::error::FileError;
use schema::files;

#[derive(Clone, Debug)]
pub(crate) struct FileRepository {
    db: Db,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = files)]
struct FileRow {
    id: String,
    company_id: i64,
    name: String,
    content_type: String,
    size_bytes: i64,
    sha256: String,
    idempotency_key: Option<String>,
    created_at: chrono::NaiveDateTime,
    created_by: i64,
}

impl FileRow {
    fn new(file: &StoredFile, key: Option<&IdempotencyKey>) -> Result<Self, FileError> {
        Ok(Self {
            id: file.id.to_string(),
            company_id: file.company_id.get(),
            name: file.name.as_str().to_owned(),
            content_type: file.media_type.as_str().to_owned(),
            size_bytes: i64::try_from(file.size_bytes).map_err(|_| DbError::Corrupt("size"))?,
            sha256: file.sha256.to_string(),
            idempotency_key: key.map(|key| key.as_str().to_owned()),
            created_at: file.created_at.naive_utc(),
            created_by: file.created_by.get(),
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
            size_bytes: u64::try_from(row.size_bytes).map_err(|_| DbError::Corrupt("size"))?,
            sha256: Sha256::from_hex(&row.sha256).ok_or(DbError::Corrupt("digest"))?,
            created_at: row.created_at.and_utc(),
            created_by: UserId::try_from(row.created_by)
                .map_err(|_| DbError::Corrupt("user id"))?,
        })
    }
}

/// What became of a file that was to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InsertOutcome {
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
}

impl FileRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Records the file unless its idempotency key is taken. One statement decides, so that of any number of
    /// uploads at once one wins.
    pub(crate) async fn insert(
        &self,
        tenant: Tenant,
        file: &StoredFile,
        key: Option<&IdempotencyKey>,
    ) -> Result<InsertOutcome, FileError> {
        let row = FileRow::new(file, key)?;
        let inserted = with_tenant!(&self.db, tenant, |conn| diesel::insert_into(files::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(conn)
            .await);
        if inserted.map_err(DbError::from)? == 1 {
            return Ok(InsertOutcome::Created);
        }
        let taken = self.find_by_idempotency_key(tenant, row.idempotency_key).await?;
        // None: it was deleted in this very moment, and the key with it.
        let again = || DbError::Unavailable("the idempotency key has just become free".to_owned());
        Ok(InsertOutcome::KeyTaken(taken.ok_or_else(again)?))
    }

    async fn find_by_idempotency_key(
        &self,
        tenant: Tenant,
        key: Option<String>,
    ) -> Result<Option<StoredFile>, FileError> {
        let row = with_tenant!(&self.db, tenant, |conn| files::table
            .filter(files::company_id.eq(tenant.company_id().get()))
            .filter(files::idempotency_key.eq(key))
            .select(FileRow::as_select())
            .first(conn)
            .await
            .optional());
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
            query
                .order(files::id.asc())
                .limit(i64::from(page.limit))
                .select(FileRow::as_select())
                .load(conn)
                .await
        });
        rows.map_err(DbError::from)?.into_iter().map(StoredFile::try_from).collect()
    }

    /// Whether this very call has deleted it.
    pub(crate) async fn delete(&self, tenant: Tenant, id: FileId) -> Result<bool, FileError> {
        let deleted = with_tenant!(&self.db, tenant, |conn| diesel::delete(files::table)
            .filter(files::company_id.eq(tenant.company_id().get()))
            .filter(files::id.eq(id.to_string()))
            .execute(conn)
            .await);
        Ok(deleted.map_err(DbError::from)? == 1)
    }
}
