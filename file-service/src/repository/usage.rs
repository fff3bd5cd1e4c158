//! How much of its quota a company uses. One statement takes room or does not: of any number of uploads at once,
//! none goes beyond.

use diesel::{OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{CompanyId, Tenant, with_tenant};

use super::schema::storage_usage;
use super::{signed, unsigned};
use crate::domain::quota::Quota;
use crate::error::FileError;

#[derive(Clone, Debug)]
pub(crate) struct UsageRepository {
    db: Db,
}

impl UsageRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// How many bytes the company uses.
    pub(crate) async fn find(&self, tenant: Tenant) -> Result<u64, FileError> {
        let used: Option<i64> = with_tenant!(&self.db, tenant, |conn| storage_usage::table
            .find(tenant.company_id().get())
            .select(storage_usage::used_bytes)
            .first(conn)
            .await
            .optional())
        .map_err(DbError::from)?;
        unsigned(used.unwrap_or_default().max(0))
    }
}

/// Room that is asked for.
pub(super) struct Asked {
    pub(super) company_id: i64,
    pub(super) bytes: i64,
    /// What may be in use before.
    pub(super) used_at_most: i64,
    quota: Quota,
}

impl Asked {
    pub(super) fn new(company: CompanyId, bytes: u64, quota: Quota) -> Result<Self, FileError> {
        let bytes = signed(bytes)?;
        let limit = quota.limit().map_or(Ok(i64::MAX), signed)?;
        let used_at_most = limit.saturating_sub(bytes);
        Ok(Self { company_id: company.get(), bytes, used_at_most, quota })
    }

    pub(super) fn refused(&self, used_bytes: i64) -> FileError {
        FileError::OverQuota {
            quota_bytes: self.quota.limit().unwrap_or_default(),
            used_bytes: u64::try_from(used_bytes).unwrap_or_default(),
        }
    }
}

/// Takes the room, in a transaction, on a connection of either kind; `Err` when it is not there.
macro_rules! take_room {
    ($conn:expr, $asked:expr) => {{
        use $crate::repository::schema::storage_usage as usage;
        let asked = $asked;
        let mut taken = $crate::repository::usage::add_if_fits!($conn, asked);
        // A company's first time makes its row.
        if taken == 0 {
            diesel::insert_into(usage::table)
                .values((usage::company_id.eq(asked.company_id), usage::used_bytes.eq(0)))
                .on_conflict_do_nothing()
                .execute($conn)
                .await?;
            taken = $crate::repository::usage::add_if_fits!($conn, asked);
        }
        if taken == 0 {
            let row = usage::table.find(asked.company_id).select(usage::used_bytes);
            Err(asked.refused(row.first($conn).await?))
        } else {
            Ok(())
        }
    }};
}

macro_rules! add_if_fits {
    ($conn:expr, $asked:expr) => {
        diesel::update(usage::table.find($asked.company_id))
            .filter(usage::used_bytes.le($asked.used_at_most))
            .set(usage::used_bytes.eq(usage::used_bytes + $asked.bytes))
            .execute($conn)
            .await?
    };
}

/// Gives so many bytes back to the company, in a transaction, on a connection of either kind.
macro_rules! give_back {
    ($conn:expr, ($company_id:expr, $bytes:expr)) => {{
        use $crate::repository::schema::storage_usage as usage;
        let (company_id, bytes): (i64, i64) = ($company_id, $bytes);
        if bytes != 0 {
            diesel::update(usage::table.find(company_id))
                .set(usage::used_bytes.eq(usage::used_bytes - bytes))
                .execute($conn)
                .await?;
        }
    }};
}

pub(super) use {add_if_fits, give_back, take_room};
