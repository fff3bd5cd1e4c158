//! Files that have expired.

use serde::Deserialize;
use shared::client::CallError;
use shared::{CompanyId, Session, Timestamp};

use super::{FileApi, Files, SERVICE};
use crate::error::BatchError;

/// Files in one page.
const PAGE: &str = "200";
/// The code of a file that is not there.
const NO_SUCH_FILE: &str = "F001";

#[derive(Deserialize)]
struct Companies {
    companies: Vec<CompanyId>,
}

impl FileApi {
    /// Companies with files that have expired then. On nobody's behalf: no company may see that of another.
    pub(crate) async fn companies_with_expired(
        &self,
        before: Timestamp,
    ) -> Result<Vec<CompanyId>, BatchError> {
        let call = self.client.without_session().get("/internal/expired/companies");
        let call = call.query(&[("before", before)]);
        let answer: Companies = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok(answer.companies)
    }

    /// Some files that have expired then, from `cursor` on, and where the next begin.
    pub(crate) async fn expired(
        &self,
        session: &Session,
        before: Timestamp,
        cursor: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), BatchError> {
        let mut query = vec![("limit", PAGE.to_owned()), ("expiredBefore", before.to_rfc3339())];
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let call = self.client.with_session(session).get("/api/files").query(&query);
        let page: Files = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok((page.files.into_iter().map(|file| file.id).collect(), page.next_cursor))
    }

    /// Deletes a file; one that is gone already is as good.
    pub(crate) async fn delete(&self, session: &Session, id: &str) -> Result<(), BatchError> {
        let call = self.client.with_session(session).delete(&format!("/api/files/{id}"));
        let deleted: Result<serde_json::Value, CallError> = call.fetch().await;
        match deleted {
            Err(cause) if cause.code() == Some(NO_SUCH_FILE) => Ok(()),
            deleted => deleted.map(|_| ()).map_err(BatchError::call(SERVICE)),
        }
    }
}
