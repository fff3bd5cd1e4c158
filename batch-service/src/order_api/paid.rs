//! Orders paid in a stretch of time.

use shared::{CompanyId, Session, Timestamp};

use super::{Companies, Order, OrderApi, Page, SERVICE};
use crate::error::BatchError;

/// From one moment to before another.
pub(crate) type Stretch = (Timestamp, Timestamp);

fn query((from, to): Stretch) -> Vec<(&'static str, String)> {
    vec![("paidFrom", from.to_rfc3339()), ("paidTo", to.to_rfc3339())]
}

impl OrderApi {
    /// Companies with orders paid then. On nobody's behalf: no company may see that of another.
    pub(crate) async fn companies_paid(
        &self,
        stretch: Stretch,
    ) -> Result<Vec<CompanyId>, BatchError> {
        let call = self.client.without_session().get("/internal/settlements/companies");
        let call = call.query(&query(stretch));
        let answer: Companies = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok(answer.companies)
    }

    /// Some orders paid then, from `cursor` on, and where the next begin.
    pub(crate) async fn paid(
        &self,
        session: &Session,
        stretch: Stretch,
        cursor: Option<&str>,
    ) -> Result<(Vec<Order>, Option<String>), BatchError> {
        let mut query = query(stretch);
        query.push(("limit", self.page.to_string()));
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let call = self.client.with_session(session).get("/api/orders").query(&query);
        let page: Page = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok((page.orders, page.next_cursor))
    }
}
