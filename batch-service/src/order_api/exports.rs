//! Exports that users have asked for.

use serde::Deserialize;
use shared::client::SessionClient;
use shared::{CompanyId, ServiceClient, Session, Timestamp, UserId};

use super::{Companies, Order, OrderApi, Page, SERVICE};
use crate::error::BatchError;

/// What we call order-service for on our own behalf: which exports there are, and how they have ended.
#[derive(Clone, Debug)]
pub(crate) struct ExportApi {
    client: ServiceClient,
}

/// An export that is to be made.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DueExport {
    pub(crate) id: String,
    pub(crate) user_id: UserId,
    /// What was handed on with it.
    pub(crate) handoff: String,
    pub(crate) handed_on_until: Timestamp,
    pub(crate) placed_from: Option<Timestamp>,
    pub(crate) placed_to: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DueExports {
    exports: Vec<DueExport>,
    next_cursor: Option<String>,
}

/// How an export has ended.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub(crate) enum Finish {
    /// With this file.
    #[serde(rename_all = "camelCase")]
    Done { file_id: String },
    /// Without one, and why.
    #[serde(rename_all = "camelCase")]
    Closed {
        reason: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        ended_by: Option<String>,
    },
}

/// How it has ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finished {
    /// Where it has ended with a file.
    pub(crate) file_id: Option<String>,
}

impl ExportApi {
    pub(crate) fn new(client: ServiceClient) -> Self {
        Self { client }
    }

    /// For its tokens to be fetched ahead.
    pub(crate) fn client(&self) -> &ServiceClient {
        &self.client
    }

    /// The companies that there are exports to make for. On nobody's behalf: no company may see that of another.
    pub(crate) async fn companies(&self) -> Result<Vec<CompanyId>, BatchError> {
        let call = self.client.without_session().get("/internal/exports/companies");
        let answer: Companies = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok(answer.companies)
    }

    /// Some that are to be made for a company, from `cursor` on, and where the next begin.
    pub(crate) async fn due(
        &self,
        session: &Session,
        cursor: Option<&str>,
    ) -> Result<(Vec<DueExport>, Option<String>), BatchError> {
        let mut query = vec![("limit", "50")];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let call = self.client.with_session(session).get("/internal/exports").query(&query);
        let page: DueExports = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok((page.exports, page.next_cursor))
    }

    /// Says how it has ended, and is told how it has: the first end counts.
    pub(crate) async fn finish(
        &self,
        session: &Session,
        id: &str,
        finish: &Finish,
    ) -> Result<Finished, BatchError> {
        let call =
            self.client.with_session(session).post(&format!("/internal/exports/{id}/finish"));
        call.json(finish).fetch().await.map_err(BatchError::call(SERVICE))
    }
}

impl OrderApi {
    /// Some of the user's own orders that the export is about, from `cursor` on, and where the next begin.
    pub(crate) async fn exported(
        &self,
        orders: &SessionClient,
        export: &DueExport,
        cursor: Option<&str>,
    ) -> Result<(Vec<Order>, Option<String>), BatchError> {
        let mut query =
            vec![("limit", self.page.to_string()), ("userId", export.user_id.to_string())];
        query.extend(export.placed_from.map(|from| ("placedFrom", from.to_rfc3339())));
        query.extend(export.placed_to.map(|to| ("placedTo", to.to_rfc3339())));
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let call = orders.get("/api/orders").query(&query);
        let page: Page = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok((page.orders, page.next_cursor))
    }
}
