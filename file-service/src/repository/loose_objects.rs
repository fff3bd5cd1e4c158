//! Objects that no file stands for, not yet or no more, so that none of them is ever forgotten.

use diesel::dsl::{exists, not};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{CompanyId, Timestamp, across_tenants};

use super::schema::{files, loose_objects};
use crate::domain::file::{FileId, ObjectKey};
use crate::error::FileError;

#[derive(Clone, Debug)]
pub(crate) struct LooseObjectRepository {
    db: Db,
}

impl LooseObjectRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn insert(&self, key: &ObjectKey, now: Timestamp) -> Result<(), FileError> {
        let values = (
            loose_objects::id.eq(key.id.to_string()),
            loose_objects::company_id.eq(key.company_id.get()),
            loose_objects::since.eq(now.naive_utc()),
        );
        let inserted = across_tenants!(&self.db, |conn| diesel::insert_into(loose_objects::table)
            .values(values)
            .on_conflict_do_nothing()
            .execute(conn)
            .await);
        inserted.map(|_| ()).map_err(|error| DbError::from(error).into())
    }

    pub(crate) async fn delete(&self, key: &ObjectKey) -> Result<(), FileError> {
        let deleted = across_tenants!(&self.db, |conn| diesel::delete(loose_objects::table)
            .filter(loose_objects::company_id.eq(key.company_id.get()))
            .filter(loose_objects::id.eq(key.id.to_string()))
            .execute(conn)
            .await);
        deleted.map(|_| ()).map_err(|error| DbError::from(error).into())
    }

    /// The oldest of those that have been loose since before `limit` and that are no file's after all, in every
    /// company: for the sweep alone.
    pub(crate) async fn list_before(
        &self,
        limit: Timestamp,
        count: i64,
    ) -> Result<Vec<ObjectKey>, FileError> {
        let file = files::table.filter(files::id.eq(loose_objects::id));
        let rows: Result<Vec<(String, i64)>, _> =
            across_tenants!(&self.db, |conn| loose_objects::table
                .filter(loose_objects::since.lt(limit.naive_utc()))
                .filter(not(exists(file)))
                .order(loose_objects::since.asc())
                .limit(count)
                .select((loose_objects::id, loose_objects::company_id))
                .load(conn)
                .await);
        rows.map_err(DbError::from)?.into_iter().map(object_key).collect()
    }

    /// Forgets those that have been noted since before `limit` although a file stands for them: nobody came to
    /// take the note away.
    pub(crate) async fn delete_settled_before(&self, limit: Timestamp) -> Result<(), FileError> {
        let file = files::table.filter(files::id.eq(loose_objects::id));
        let deleted = across_tenants!(&self.db, |conn| diesel::delete(loose_objects::table)
            .filter(loose_objects::since.lt(limit.naive_utc()))
            .filter(exists(file))
            .execute(conn)
            .await);
        deleted.map(|_| ()).map_err(|error| DbError::from(error).into())
    }
}

fn object_key((id, company): (String, i64)) -> Result<ObjectKey, FileError> {
    Ok(ObjectKey {
        id: FileId::parse(&id).map_err(|_| DbError::Corrupt("file id"))?,
        company_id: CompanyId::try_from(company).map_err(|_| DbError::Corrupt("company id"))?,
    })
}
