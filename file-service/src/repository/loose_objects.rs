//! Objects that no file stands for, not yet or no more, so that none of them is ever forgotten, nor what it takes of
//! the quota.

use std::collections::HashSet;

use diesel::dsl::{exists, not};
use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{CompanyId, Tenant, Timestamp, across_tenants, with_tenant};

use super::schema::{files, loose_objects, upload_parts};
use super::usage::{Asked, give_back, take_room};
use crate::domain::file::{FileId, ObjectKey};
use crate::domain::quota::Quota;
use crate::error::FileError;

#[derive(Clone, Debug)]
pub(crate) struct LooseObjectRepository {
    db: Db,
}

/// An object that somebody has left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LooseObject {
    pub(crate) key: ObjectKey,
    /// By this name an S3 store keeps its parts.
    pub(crate) multipart_id: Option<String>,
}

impl LooseObjectRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Notes an object before its first byte, and takes room for it.
    pub(crate) async fn insert(
        &self,
        tenant: Tenant,
        (id, now): (FileId, Timestamp),
        (bytes, quota): (u64, Quota),
    ) -> Result<(), FileError> {
        let asked = Asked::new(tenant.company_id(), bytes, quota)?;
        with_tenant!(&self.db, tenant, |conn| {
            diesel::insert_into(loose_objects::table)
                .values((
                    loose_objects::id.eq(id.to_string()),
                    loose_objects::company_id.eq(asked.company_id),
                    loose_objects::since.eq(now.naive_utc()),
                    loose_objects::reserved_bytes.eq(asked.bytes),
                ))
                .execute(conn)
                .await?;
            if asked.bytes > 0 {
                take_room!(conn, &asked)?;
            }
            Ok::<_, FileError>(())
        })
    }

    /// Takes more room for it.
    pub(crate) async fn reserve(
        &self,
        tenant: Tenant,
        id: FileId,
        (bytes, quota): (u64, Quota),
    ) -> Result<(), FileError> {
        let asked = Asked::new(tenant.company_id(), bytes, quota)?;
        with_tenant!(&self.db, tenant, |conn| {
            let grown = diesel::update(loose_objects::table.find(id.to_string()))
                .filter(loose_objects::company_id.eq(asked.company_id))
                .set(loose_objects::reserved_bytes.eq(loose_objects::reserved_bytes + asked.bytes))
                .execute(conn)
                .await?;
            if grown == 0 {
                return Err(FileError::Abandoned);
            }
            take_room!(conn, &asked)
        })
    }

    /// Notes that somebody is still at work on it.
    pub(crate) async fn touch(
        &self,
        tenant: Tenant,
        id: FileId,
        now: Timestamp,
    ) -> Result<(), FileError> {
        let touched = with_tenant!(&self.db, tenant, |conn| {
            diesel::update(loose_objects::table.find(id.to_string()))
                .filter(loose_objects::company_id.eq(tenant.company_id().get()))
                .filter(loose_objects::doomed.eq(false))
                .set(loose_objects::since.eq(now.naive_utc()))
                .execute(conn)
                .await
        });
        let touched = touched.map_err(DbError::from)?;
        if touched == 1 { Ok(()) } else { Err(FileError::Abandoned) }
    }

    /// Notes by what name the store keeps its parts.
    pub(crate) async fn note_multipart(
        &self,
        tenant: Tenant,
        id: FileId,
        multipart_id: &str,
    ) -> Result<(), FileError> {
        let noted = with_tenant!(&self.db, tenant, |conn| {
            diesel::update(loose_objects::table.find(id.to_string()))
                .filter(loose_objects::company_id.eq(tenant.company_id().get()))
                .set(loose_objects::multipart_id.eq(multipart_id))
                .execute(conn)
                .await
        });
        let noted = noted.map_err(DbError::from)?;
        if noted == 1 { Ok(()) } else { Err(FileError::Abandoned) }
    }

    /// The object is gone: so is the note, and what it has held of the quota. Both for the owner and for the sweep.
    pub(crate) async fn delete(&self, key: &ObjectKey) -> Result<(), FileError> {
        let company_id = key.company_id.get();
        across_tenants!(&self.db, |conn| {
            let reserved: Option<i64> = diesel::delete(loose_objects::table)
                .filter(loose_objects::company_id.eq(company_id))
                .filter(loose_objects::id.eq(key.id.to_string()))
                .returning(loose_objects::reserved_bytes)
                .get_result(conn)
                .await
                .optional()?;
            give_back!(conn, (company_id, reserved.unwrap_or_default()));
            Ok::<_, FileError>(())
        })
    }

    /// Of the oldest that nobody has been at work on since before `limit`, so many; in every company: for the sweep
    /// alone. From now on they can become no files.
    pub(crate) async fn doom_before(
        &self,
        limit: Timestamp,
        count: i64,
    ) -> Result<Vec<LooseObject>, FileError> {
        let ids = self.list_before(limit, count).await?;
        let rows: Result<Vec<(String, i64, Option<String>)>, _> =
            across_tenants!(&self.db, |conn| diesel::update(loose_objects::table)
                .filter(loose_objects::id.eq_any(ids))
                // Who has touched one in between keeps it.
                .filter(loose_objects::since.lt(limit.naive_utc()))
                .set(loose_objects::doomed.eq(true))
                .returning((
                    loose_objects::id,
                    loose_objects::company_id,
                    loose_objects::multipart_id,
                ))
                .load(conn)
                .await);
        rows.map_err(DbError::from)?.into_iter().map(LooseObject::try_from).collect()
    }

    /// Forgets those that a file or a part stands for and that nobody has touched since before `limit`: nobody came to
    /// take the note away.
    pub(crate) async fn delete_settled_before(&self, limit: Timestamp) -> Result<(), FileError> {
        let file = files::table.filter(files::id.eq(loose_objects::id));
        let part = upload_parts::table.filter(upload_parts::id.eq(loose_objects::id));
        let deleted = across_tenants!(&self.db, |conn| diesel::delete(loose_objects::table)
            .filter(loose_objects::since.lt(limit.naive_utc()))
            .filter(loose_objects::reserved_bytes.eq(0))
            .filter(exists(file).or(exists(part)))
            .execute(conn)
            .await);
        Ok(deleted.map(|_| ()).map_err(DbError::from)?)
    }

    /// Notes those of the objects that nothing is known of; says how many.
    pub(crate) async fn adopt(
        &self,
        keys: &[ObjectKey],
        now: Timestamp,
    ) -> Result<usize, FileError> {
        let ids: Vec<String> = keys.iter().map(|key| key.id.to_string()).collect();
        let known = self.list_known(&ids).await?;
        let mut adopted = 0;
        for key in keys.iter().filter(|key| !known.contains(&key.id.to_string())) {
            let values = (
                loose_objects::id.eq(key.id.to_string()),
                loose_objects::company_id.eq(key.company_id.get()),
                loose_objects::since.eq(now.naive_utc()),
            );
            adopted += across_tenants!(&self.db, |conn| diesel::insert_into(loose_objects::table)
                .values(values)
                .on_conflict_do_nothing()
                .execute(conn)
                .await)
            .map_err(DbError::from)?;
        }
        Ok(adopted)
    }

    /// What becomes a file in between is found as one by the sweep, which leaves it alone.
    async fn list_known(&self, ids: &[String]) -> Result<HashSet<String>, FileError> {
        let known = across_tenants!(&self.db, |conn| {
            let mut known: Vec<String> = loose_objects::table
                .filter(loose_objects::id.eq_any(ids))
                .select(loose_objects::id)
                .load(conn)
                .await?;
            let parts = upload_parts::table.filter(upload_parts::id.eq_any(ids));
            known.extend(parts.select(upload_parts::id).load::<String>(conn).await?);
            let files = files::table.filter(files::id.eq_any(ids));
            known.extend(files.select(files::id).load::<String>(conn).await?);
            Ok::<_, FileError>(known)
        })?;
        Ok(known.into_iter().collect())
    }

    async fn list_before(&self, limit: Timestamp, count: i64) -> Result<Vec<String>, FileError> {
        let file = files::table.filter(files::id.eq(loose_objects::id));
        let part = upload_parts::table.filter(upload_parts::id.eq(loose_objects::id));
        let ids = across_tenants!(&self.db, |conn| loose_objects::table
            .filter(loose_objects::since.lt(limit.naive_utc()))
            .filter(not(exists(file)))
            .filter(not(exists(part)))
            .order(loose_objects::since.asc())
            .limit(count)
            .select(loose_objects::id)
            .load(conn)
            .await);
        Ok(ids.map_err(DbError::from)?)
    }
}

impl TryFrom<(String, i64, Option<String>)> for LooseObject {
    type Error = FileError;

    fn try_from(
        (id, company, multipart_id): (String, i64, Option<String>),
    ) -> Result<Self, FileError> {
        let key = ObjectKey {
            id: FileId::parse(&id).map_err(|_| DbError::Corrupt("file id"))?,
            company_id: CompanyId::try_from(company).map_err(|_| DbError::Corrupt("company id"))?,
        };
        Ok(Self { key, multipart_id })
    }
}
