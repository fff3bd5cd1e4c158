//! People who are not seen any more.

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::client::{Call, CallError};
use shared::{CompanyId, Session, Timestamp, UserId};

use super::{SERVICE, UserApi};
use crate::error::BatchError;

/// People in one page.
const PAGE: &str = "200";
/// The code of somebody who is not there, or has left by himself.
const NO_SUCH_USER: &str = "U002";

/// Somebody who was not seen for long.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dormant {
    pub(crate) id: UserId,
    pub(crate) warned_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DormantPage {
    users: Vec<Dormant>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Companies {
    companies: Vec<CompanyId>,
}

#[derive(Deserialize)]
struct Answer {
    outcome: String,
}

impl UserApi {
    /// Companies with people who were not seen since. On nobody's behalf: no company may see that of another.
    pub(crate) async fn companies_of_dormant(
        &self,
        seen_before: Timestamp,
    ) -> Result<Vec<CompanyId>, BatchError> {
        let call = self.client.without_session().get("/internal/dormant-users/companies");
        let answer: Companies = fetch(call.query(&[("seenBefore", seen_before)])).await?;
        Ok(answer.companies)
    }

    /// Some people who were not seen since, from `cursor` on, and where the next begin.
    pub(crate) async fn dormant(
        &self,
        session: &Session,
        seen_before: Timestamp,
        cursor: Option<&str>,
    ) -> Result<(Vec<Dormant>, Option<String>), BatchError> {
        let mut query = vec![("limit", PAGE.to_owned()), ("seenBefore", seen_before.to_rfc3339())];
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let call = self.client.with_session(session).get("/internal/dormant-users").query(&query);
        let page: DormantPage = fetch(call).await?;
        Ok((page.users, page.next_cursor))
    }

    /// Has a letter written to him that says when his account will be closed; what became of it, None: he has left.
    pub(crate) async fn warn_dormant(
        &self,
        (session, id): (&Session, UserId),
        (seen_before, closes_on): (Timestamp, NaiveDate),
        key: &str,
    ) -> Result<Option<String>, BatchError> {
        let path = format!("/internal/users/{id}/dormancy-warning");
        let body = json!({ "seenBefore": seen_before, "closesOn": closes_on });
        let call = self.client.with_session(session).post(&path).json(&body).idempotency_key(key);
        outcome(call).await
    }

    /// Closes his account, unless he has been seen since or was warned later; what became of it, None: he has left.
    pub(crate) async fn withdraw_dormant(
        &self,
        (session, id): (&Session, UserId),
        (seen_before, warned_before): (Timestamp, Timestamp),
    ) -> Result<Option<String>, BatchError> {
        let path = format!("/internal/users/{id}/dormancy-withdrawal");
        let body: Value = json!({ "seenBefore": seen_before, "warnedBefore": warned_before });
        outcome(self.client.with_session(session).post(&path).json(&body)).await
    }
}

async fn fetch<T: DeserializeOwned>(call: Call) -> Result<T, BatchError> {
    call.fetch().await.map_err(BatchError::call(SERVICE))
}

async fn outcome(call: Call) -> Result<Option<String>, BatchError> {
    let answer: Result<Answer, CallError> = call.fetch().await;
    match answer {
        Err(cause) if cause.code() == Some(NO_SUCH_USER) => Ok(None),
        answer => Ok(Some(answer.map_err(BatchError::call(SERVICE))?.outcome)),
    }
}
