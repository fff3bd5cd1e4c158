//! Files of any size, sent while they are made.

use std::time::Duration;

use serde_json::Value;
use shared::client::CallError;
use shared::{ServiceClient, Session};

use super::{FileApi, Files, NAME_TAKEN, SERVICE};
use crate::error::BatchError;
use crate::pipe::Outlet;

/// As long as file-service gives a sender, and a little more.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_700);

/// What is said of a file that is sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent<'f> {
    pub(crate) name: &'f str,
    pub(crate) media_type: &'static str,
    pub(crate) key: &'f str,
}

impl FileApi {
    /// Whether the upload under this key has made a file.
    pub(crate) async fn stands(&self, session: &Session, key: &str) -> Result<bool, BatchError> {
        let call = self.client.with_session(session).get("/api/files");
        let call = call.query(&[("idempotencyKey", key)]);
        let answer: Files = call.fetch().await.map_err(BatchError::call(SERVICE))?;
        Ok(!answer.files.is_empty())
    }

    /// Sends a file as it comes. The same key again is no second file: what stands already stays, whatever would come now.
    pub(crate) async fn send(
        &self,
        client: &ServiceClient,
        session: &Session,
        (file, content): (&Sent<'_>, Outlet),
    ) -> Result<(), BatchError> {
        let call = client.with_session(session).post("/api/files").query(&[("name", file.name)]);
        let call = call.header("Content-Type", file.media_type).idempotency_key(file.key);
        let sent: Result<Value, CallError> = call.body(content).deadline(LONGEST).fetch().await;
        match sent {
            Err(cause) if cause.code() == Some(NAME_TAKEN) => Ok(()),
            sent => sent.map(|_| ()).map_err(BatchError::call(SERVICE)),
        }
    }
}
