//! Files that have expired, of all companies: for who tidies up.

use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{CompanyId, Timestamp, across_tenants};

use super::schema::files;
use crate::error::FileError;

#[derive(Clone, Debug)]
pub(crate) struct ExpiredFiles {
    db: Db,
}

impl ExpiredFiles {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Companies with files that expire then or earlier, once each.
    pub(crate) async fn list_companies(
        &self,
        before: Timestamp,
    ) -> Result<Vec<CompanyId>, FileError> {
        let ids: Result<Vec<i64>, _> = across_tenants!(&self.db, |conn| files::table
            .filter(files::expires_at.le(before.naive_utc()))
            .select(files::company_id)
            .distinct()
            .order(files::company_id.asc())
            .load(conn)
            .await);
        let company = |id| CompanyId::try_from(id).map_err(|_| DbError::Corrupt("company id"));
        Ok(ids.map_err(DbError::from)?.into_iter().map(company).collect::<Result<_, _>>()?)
    }
}
