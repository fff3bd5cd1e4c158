//! The calls that we make to order-service.

pub(crate) mod exports;
pub(crate) mod paid;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared::client::CallError;
use shared::{CompanyId, ServiceClient, Session, Timestamp, UserId};

use crate::error::BatchError;
use crate::runner::retrying;

const SERVICE: &str = "order-service";
/// The code of an order whose state does not allow what was asked.
pub(crate) const WRONG_STATE: &str = "O002";
/// The code of an order that this very request has settled before, on another statement.
const SETTLED_BEFORE: &str = "O004";

#[derive(Clone, Debug)]
pub(crate) struct OrderApi {
    client: ServiceClient,
    /// Orders in one page.
    page: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) user_id: UserId,
    pub(crate) order_no: String,
    pub(crate) status: String,
    pub(crate) items: Vec<Item>,
    pub(crate) total_minor: i64,
    pub(crate) currency: String,
    pub(crate) paid_at: Option<Timestamp>,
    pub(crate) settlement_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) product: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price_minor: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    orders: Vec<Order>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Companies {
    companies: Vec<CompanyId>,
}

/// A paid order to be taken over.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaidOrder {
    pub(crate) order_no: String,
    pub(crate) user_id: UserId,
    pub(crate) product: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price_minor: i64,
    pub(crate) currency: String,
    pub(crate) paid_at: Timestamp,
}

/// What became of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Imported {
    pub(crate) created: bool,
    pub(crate) error: Option<String>,
}

#[derive(Deserialize)]
struct ImportAnswer {
    orders: Vec<Imported>,
}

/// Which orders: paid on a day, or on a statement.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    PaidOn(NaiveDate),
    SettlementId(String),
}

impl Which {
    fn query(&self) -> (&'static str, String) {
        match self {
            Self::PaidOn(date) => ("paidOn", date.to_string()),
            Self::SettlementId(id) => ("settlementId", id.clone()),
        }
    }
}

impl OrderApi {
    pub(crate) fn new(client: ServiceClient, page: u32) -> Self {
        Self { client, page }
    }

    /// For its tokens to be fetched ahead.
    pub(crate) fn client(&self) -> &ServiceClient {
        &self.client
    }

    /// Companies with orders paid on this day. On nobody's behalf: no company may see that of another.
    pub(crate) async fn companies_paid_on(
        &self,
        date: NaiveDate,
    ) -> Result<Vec<CompanyId>, BatchError> {
        let answer: Companies = retrying(|| async {
            let call = self.client.without_session().get("/internal/settlements/companies");
            call.query(&[("paidOn", date)]).fetch().await.map_err(BatchError::call(SERVICE))
        })
        .await?;
        Ok(answer.companies)
    }

    /// So many orders at most of those that are asked for, from `cursor` on, and where the next begin.
    pub(crate) async fn page(
        &self,
        session: &Session,
        which: &Which,
        cursor: Option<&str>,
    ) -> Result<(Vec<Order>, Option<String>), BatchError> {
        let mut query = vec![("limit", self.page.to_string()), which.query()];
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let call = self.client.with_session(session).get("/api/orders").query(&query);
        let page: Page = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok((page.orders, page.next_cursor))
    }

    /// All orders that are asked for, page by page.
    pub(crate) async fn list(
        &self,
        session: &Session,
        which: &Which,
    ) -> Result<Vec<Order>, BatchError> {
        let mut orders = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = retrying(|| self.page(session, which, cursor.as_deref())).await?;
            orders.extend(page.0);
            cursor = page.1;
            if cursor.is_none() {
                return Ok(orders);
            }
        }
    }

    /// Settles the order on this statement. False: its state does not allow that, for example since it was
    /// cancelled meanwhile.
    pub(crate) async fn settle(
        &self,
        session: &Session,
        (order_id, settlement_id): (&str, &str),
        key: &str,
    ) -> Result<bool, BatchError> {
        let client = self.client.with_session(session);
        let body = serde_json::json!({ "settlementId": settlement_id });
        let call = client.post(&format!("/api/orders/{order_id}/settle")).json(&body);
        let settled: Result<serde_json::Value, BatchError> =
            call.idempotency_key(key).fetch().await.map_err(BatchError::call(SERVICE));
        match settled {
            Ok(_) => Ok(true),
            // The answer was lost, and the statement has been written meanwhile, with this order.
            Err(BatchError::Call { cause, .. }) if cause.code() == Some(SETTLED_BEFORE) => Ok(true),
            Err(BatchError::Call { cause, .. }) if cause.code() == Some(WRONG_STATE) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes over paid orders, at most 500 at once. The answer has one entry for each, in order.
    pub(crate) async fn import(
        &self,
        session: &Session,
        orders: &[PaidOrder],
    ) -> Result<Vec<Imported>, BatchError> {
        let client = self.client.with_session(session);
        let body = serde_json::json!({ "orders": orders });
        let call = client.post("/internal/orders/import").json(&body);
        let answer: ImportAnswer = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        if answer.orders.len() == orders.len() {
            Ok(answer.orders)
        } else {
            let cause = CallError::Unexpected("not one entry for each order".to_owned());
            Err(BatchError::Call { service: SERVICE, cause })
        }
    }
}
