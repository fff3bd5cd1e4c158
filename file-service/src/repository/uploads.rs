//! Uploads that can be resumed. Whoever adds a part holds the upload's lease and names the offset: of any number who
//! do so at once, on any replica, one wins.

mod row;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{Tenant, Timestamp, with_tenant};

use super::schema::{loose_objects, upload_parts, uploads};
use super::signed;
use super::usage::{Asked, give_back, take_room};
use crate::domain::file::{FileId, StoredFile};
use crate::domain::quota::Quota;
use crate::domain::resumable::upload::{Lease, Part, ResumableUpload};
use crate::error::FileError;
use crate::repository::files::{FileRow, settle};
pub(super) use row::UploadRow;

/// Notes the parts as loose, in a transaction, on a connection of either kind.
macro_rules! loosen_parts {
    ($conn:expr, ($company_id:expr, $upload_id:expr, $now:expr)) => {{
        let gone: Vec<String> = diesel::delete(upload_parts::table)
            .filter(upload_parts::company_id.eq($company_id))
            .filter(upload_parts::upload_id.eq($upload_id))
            .returning(upload_parts::id)
            .load($conn)
            .await?;
        for id in gone {
            diesel::insert_into(loose_objects::table)
                .values((
                    loose_objects::id.eq(id),
                    loose_objects::company_id.eq($company_id),
                    loose_objects::since.eq($now),
                    loose_objects::doomed.eq(true),
                ))
                .execute($conn)
                .await?;
        }
    }};
}

#[derive(Clone, Debug)]
pub(crate) struct UploadRepository {
    db: Db,
}

impl UploadRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds the upload, and takes room for the whole of it.
    pub(crate) async fn insert(
        &self,
        tenant: Tenant,
        upload: &ResumableUpload,
        quota: Quota,
    ) -> Result<(), FileError> {
        let row = UploadRow::new(upload)?;
        let asked = Asked::new(tenant.company_id(), upload.size_bytes, quota)?;
        with_tenant!(&self.db, tenant, |conn| {
            diesel::insert_into(uploads::table).values(&row).execute(conn).await?;
            take_room!(conn, &asked)
        })
    }

    pub(crate) async fn find(
        &self,
        tenant: Tenant,
        id: FileId,
    ) -> Result<Option<ResumableUpload>, FileError> {
        let row = with_tenant!(&self.db, tenant, |conn| uploads::table
            .filter(uploads::company_id.eq(tenant.company_id().get()))
            .filter(uploads::id.eq(id.to_string()))
            .select(UploadRow::as_select())
            .first(conn)
            .await
            .optional());
        row.map_err(DbError::from)?.map(ResumableUpload::try_from).transpose()
    }

    /// Takes the lease of an upload that is at this offset, unless somebody else has it.
    pub(crate) async fn lease(
        &self,
        tenant: Tenant,
        (id, offset_bytes): (FileId, u64),
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Option<Lease>, FileError> {
        let offset_bytes = signed(offset_bytes)?;
        let now = now.naive_utc();
        let fence = with_tenant!(&self.db, tenant, |conn| diesel::update(uploads::table)
            .filter(uploads::company_id.eq(tenant.company_id().get()))
            .filter(uploads::id.eq(id.to_string()))
            .filter(uploads::offset_bytes.eq(offset_bytes))
            .filter(uploads::file_id.is_null())
            .filter(uploads::leased_until.is_null().or(uploads::leased_until.lt(now)))
            .set((
                uploads::fence.eq(uploads::fence + 1),
                uploads::leased_until.eq(until.naive_utc()),
            ))
            .returning(uploads::fence)
            .get_result(conn)
            .await
            .optional());
        Ok(fence.map_err(DbError::from)?.map(|fence| Lease { upload_id: id, fence }))
    }

    /// Keeps the lease until then; none gives it back.
    pub(crate) async fn renew(
        &self,
        tenant: Tenant,
        lease: &Lease,
        until: Option<Timestamp>,
    ) -> Result<(), FileError> {
        let until = until.map(|until| until.naive_utc());
        let renewed = with_tenant!(&self.db, tenant, |conn| diesel::update(uploads::table)
            .filter(uploads::company_id.eq(tenant.company_id().get()))
            .filter(uploads::id.eq(lease.upload_id.to_string()))
            .filter(uploads::fence.eq(lease.fence))
            .set(uploads::leased_until.eq(until))
            .execute(conn)
            .await);
        let renewed = renewed.map_err(DbError::from)?;
        if renewed == 1 { Ok(()) } else { Err(FileError::LostLease) }
    }

    /// Makes the loose object the next part: from now on the offset is behind it.
    pub(crate) async fn advance(
        &self,
        tenant: Tenant,
        (lease, part): (&Lease, &Part),
        expires_at: Timestamp,
    ) -> Result<(), FileError> {
        let company_id = tenant.company_id().get();
        let (first, size) = (signed(part.first_byte)?, signed(part.size_bytes)?);
        let id = part.id.to_string();
        with_tenant!(&self.db, tenant, |conn| {
            let moved = diesel::update(uploads::table.find(lease.upload_id.to_string()))
                .filter(uploads::company_id.eq(company_id))
                .filter(uploads::fence.eq(lease.fence))
                .filter(uploads::offset_bytes.eq(first))
                .set((
                    uploads::offset_bytes.eq(first + size),
                    uploads::part_count.eq(uploads::part_count + 1),
                    uploads::expires_at.eq(expires_at.naive_utc()),
                ))
                .execute(conn)
                .await?;
            if moved == 0 {
                return Err(FileError::LostLease);
            }
            settle!(conn, (company_id, &id, 0_i64));
            diesel::insert_into(upload_parts::table)
                .values((
                    upload_parts::id.eq(&id),
                    upload_parts::company_id.eq(company_id),
                    upload_parts::upload_id.eq(lease.upload_id.to_string()),
                    upload_parts::first_byte.eq(first),
                    upload_parts::size_bytes.eq(size),
                ))
                .execute(conn)
                .await?;
            Ok(())
        })
    }

    /// The parts of an upload, from its first byte to its last.
    pub(crate) async fn list_parts(
        &self,
        tenant: Tenant,
        id: FileId,
    ) -> Result<Vec<Part>, FileError> {
        let rows: Result<Vec<(String, i64, i64)>, _> =
            with_tenant!(&self.db, tenant, |conn| upload_parts::table
                .filter(upload_parts::company_id.eq(tenant.company_id().get()))
                .filter(upload_parts::upload_id.eq(id.to_string()))
                .order(upload_parts::first_byte.asc())
                .select((upload_parts::id, upload_parts::first_byte, upload_parts::size_bytes))
                .load(conn)
                .await);
        rows.map_err(DbError::from)?.into_iter().map(row::part).collect()
    }

    /// Makes the loose object the file that the upload has become; its parts are loose from now on. What the upload has
    /// held of the quota is what the file takes.
    pub(crate) async fn finish(
        &self,
        tenant: Tenant,
        lease: &Lease,
        file: &StoredFile,
    ) -> Result<(), FileError> {
        let file = FileRow::new(file, None)?;
        let upload_id = lease.upload_id.to_string();
        with_tenant!(&self.db, tenant, |conn| {
            let finished = diesel::update(uploads::table.find(&upload_id))
                .filter(uploads::company_id.eq(file.company_id))
                .filter(uploads::fence.eq(lease.fence))
                .filter(uploads::file_id.is_null())
                .set((
                    uploads::file_id.eq(&file.id),
                    uploads::leased_until.eq(None::<chrono::NaiveDateTime>),
                ))
                .execute(conn)
                .await?;
            if finished == 0 {
                return Err(FileError::LostLease);
            }
            settle!(conn, (file.company_id, &file.id, 0_i64));
            diesel::insert_into(super::schema::files::table).values(&file).execute(conn).await?;
            loosen_parts!(conn, (file.company_id, &upload_id, file.created_at));
            Ok(())
        })
    }

    /// Deletes the upload, finished or not; its parts are loose from now on. False: there is none.
    pub(crate) async fn delete(
        &self,
        tenant: Tenant,
        id: FileId,
        now: Timestamp,
    ) -> Result<bool, FileError> {
        let (company_id, id) = (tenant.company_id().get(), id.to_string());
        with_tenant!(&self.db, tenant, |conn| {
            // Whoever is at work on it has no lease any more, and waits for us before he finds out.
            let held: Option<(i64, Option<String>)> = diesel::update(uploads::table.find(&id))
                .filter(uploads::company_id.eq(company_id))
                .set(uploads::fence.eq(uploads::fence + 1))
                .returning((uploads::size_bytes, uploads::file_id))
                .get_result(conn)
                .await
                .optional()?;
            let Some((size_bytes, file_id)) = held else { return Ok(false) };
            loosen_parts!(conn, (company_id, &id, now.naive_utc()));
            diesel::delete(uploads::table.find(&id)).execute(conn).await?;
            let unfinished = if file_id.is_none() { size_bytes } else { 0 };
            give_back!(conn, (company_id, unfinished));
            Ok::<_, FileError>(true)
        })
    }
}
