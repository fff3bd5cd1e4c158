//! What a change writes.

use chrono::{NaiveDateTime, TimeDelta};
use diesel::{AsChangeset, Insertable};
use shared::{Tenant, Timestamp};

use crate::domain::change::{Change, Precondition, Transition};
use crate::repository::schema::{orders, receipts};

/// So long the replica that has taken the payment tries to deliver the receipt, with the payer's own token.
const HEAD_START: TimeDelta = TimeDelta::seconds(3);

/// What is none stays as it is.
#[derive(AsChangeset)]
#[diesel(table_name = orders)]
pub(super) struct NewState {
    status: &'static str,
    paid_at: Option<NaiveDateTime>,
    settled_at: Option<NaiveDateTime>,
    settlement_id: Option<String>,
    settle_key: Option<String>,
}

impl NewState {
    pub(super) fn of(transition: &Transition) -> Self {
        let settlement = match transition {
            Transition::Settle(settlement) => Some(settlement),
            Transition::Pay { .. } | Transition::Cancel => None,
        };
        let paid_at = match transition {
            Transition::Pay { at, .. } => Some(at.naive_utc()),
            Transition::Settle(_) | Transition::Cancel => None,
        };
        Self {
            status: transition.target().name(),
            paid_at,
            settled_at: settlement.map(|one| one.at.naive_utc()),
            settlement_id: settlement.map(|one| one.id.as_str().to_owned()),
            settle_key: settlement.map(|one| one.request.as_str().to_owned()),
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = receipts)]
pub(super) struct NewReceiptRow {
    order_id: String,
    company_id: i64,
    session: String,
    traceparent: Option<String>,
    attempts: i32,
    next_try_at: NaiveDateTime,
}

impl NewReceiptRow {
    /// Of a payment; other changes have none.
    pub(super) fn new(tenant: Tenant, change: &Change, now: Timestamp) -> Option<Self> {
        let Transition::Pay { receipt, .. } = &change.transition else { return None };
        Some(Self {
            order_id: change.id.to_string(),
            company_id: tenant.company_id().get(),
            session: receipt.session.as_json().to_owned(),
            traceparent: receipt.trace.map(|trace| trace.to_string()),
            attempts: 0,
            next_try_at: (now + HEAD_START).naive_utc(),
        })
    }
}

/// The versions that will do, and whether any will.
pub(super) fn versions(precondition: &Precondition) -> (Vec<i32>, bool) {
    match precondition {
        Precondition::None => (Vec::new(), true),
        Precondition::Versions(versions) => (versions.clone(), false),
    }
}
