//! Receipts that file-service is to keep: an outbox.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{Session, Tenant, Timestamp, TraceContext, across_tenants, with_tenant};

use crate::domain::order::OrderId;
use crate::domain::receipt::{PendingReceipt, ReceiptOrder, ReceiptState};
use crate::repository::rows::stored_id;
use crate::repository::schema::receipts;

#[derive(Clone, Debug)]
pub(crate) struct ReceiptRepository {
    db: Db,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = receipts)]
struct ReceiptRow {
    order_id: String,
    session: String,
    traceparent: Option<String>,
    attempts: i32,
}

impl TryFrom<ReceiptRow> for PendingReceipt {
    type Error = DbError;

    fn try_from(row: ReceiptRow) -> Result<Self, DbError> {
        let session = Session::parse(&row.session).map_err(|_| DbError::Corrupt("session"))?;
        let trace = row.traceparent.as_deref().and_then(TraceContext::parse);
        Ok(Self {
            order_id: stored_id(&row.order_id)?,
            order: ReceiptOrder { session, trace },
            attempts: row.attempts,
        })
    }
}

/// What the outbox holds for now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) receipts: Vec<PendingReceipt>,
    /// The orders whose rows break a rule of the domain.
    pub(crate) unreadable: Vec<String>,
}

impl ReceiptRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn find(&self, tenant: Tenant, id: OrderId) -> Result<ReceiptState, DbError> {
        let row: Option<Option<String>> = with_tenant!(&self.db, tenant, |conn| receipts::table
            .filter(receipts::company_id.eq(tenant.company_id().get()))
            .filter(receipts::order_id.eq(id.to_string()))
            .select(receipts::file_id)
            .first(conn)
            .await
            .optional())?;
        Ok(match row {
            None => ReceiptState::None,
            Some(None) => ReceiptState::Pending,
            Some(Some(file_id)) => ReceiptState::Written { file_id },
        })
    }

    /// Those whose turn it is, the longest waiting first, of all companies.
    pub(crate) async fn list_due(&self, now: Timestamp, most: i64) -> Result<Due, DbError> {
        let rows: Vec<ReceiptRow> = across_tenants!(&self.db, |conn| receipts::table
            .filter(receipts::file_id.is_null())
            .filter(receipts::next_try_at.le(now.naive_utc()))
            .order(receipts::next_try_at.asc())
            .limit(most)
            .select(ReceiptRow::as_select())
            .load(conn)
            .await)?;
        let mut due = Due::default();
        for row in rows {
            let id = row.order_id.clone();
            match PendingReceipt::try_from(row) {
                Ok(receipt) => due.receipts.push(receipt),
                Err(_) => due.unreadable.push(id),
            }
        }
        Ok(due)
    }

    /// Puts one off, of whatever company.
    pub(crate) async fn postpone(&self, order_id: &str, until: Timestamp) -> Result<(), DbError> {
        let own = receipts::table.filter(receipts::order_id.eq(order_id));
        across_tenants!(&self.db, |conn| diesel::update(own)
            .set(receipts::next_try_at.eq(until.naive_utc()))
            .execute(conn)
            .await)?;
        Ok(())
    }

    /// Notes a try, and when the next one is due; false when another replica was faster, or it is written.
    pub(crate) async fn claim(
        &self,
        receipt: &PendingReceipt,
        next: Timestamp,
    ) -> Result<bool, DbError> {
        let tenant = receipt.order.session.tenant();
        let own = receipts::table
            .filter(receipts::company_id.eq(tenant.company_id().get()))
            .filter(receipts::order_id.eq(receipt.order_id.to_string()))
            .filter(receipts::file_id.is_null())
            .filter(receipts::attempts.eq(receipt.attempts));
        let noted = (
            receipts::attempts.eq(receipt.attempts.saturating_add(1)),
            receipts::next_try_at.eq(next.naive_utc()),
        );
        let claimed: usize = with_tenant!(&self.db, tenant, |conn| diesel::update(own)
            .set(noted)
            .execute(conn)
            .await)?;
        Ok(claimed == 1)
    }

    /// Notes that file-service has it.
    pub(crate) async fn settle(
        &self,
        receipt: &PendingReceipt,
        file_id: &str,
    ) -> Result<(), DbError> {
        let tenant = receipt.order.session.tenant();
        let own = receipts::table
            .filter(receipts::company_id.eq(tenant.company_id().get()))
            .filter(receipts::order_id.eq(receipt.order_id.to_string()));
        with_tenant!(&self.db, tenant, |conn| diesel::update(own)
            .set(receipts::file_id.eq(file_id))
            .execute(conn)
            .await)?;
        Ok(())
    }
}
