//! The calls that we make to file-service.

pub(crate) mod expiry;
pub(crate) mod sending;

use serde::Deserialize;
use shared::client::CallError;
use shared::{ServiceClient, Session};

use crate::error::BatchError;
use crate::runner::retrying;

const SERVICE: &str = "file-service";
/// The code of an upload whose name was used for another content.
const NAME_TAKEN: &str = "O004";

#[derive(Clone, Debug)]
pub(crate) struct FileApi {
    client: ServiceClient,
}

#[derive(Deserialize)]
struct File {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Files {
    files: Vec<File>,
    next_cursor: Option<String>,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upload {
    /// The file of this id has this content.
    Written(String),
    /// Under this key another content was uploaded before.
    Taken,
}

impl FileApi {
    pub(crate) fn new(client: ServiceClient) -> Self {
        Self { client }
    }

    /// For its tokens to be fetched ahead.
    pub(crate) fn client(&self) -> &ServiceClient {
        &self.client
    }

    /// The file that the upload under this key has made, if it has.
    pub(crate) async fn find_by_key(
        &self,
        session: &Session,
        key: &str,
    ) -> Result<Option<String>, BatchError> {
        let client = self.client.with_session(session);
        let answer: Files = retrying(|| async {
            let call = client.get("/api/files").query(&[("idempotencyKey", key)]);
            call.fetch().await.map_err(BatchError::call(SERVICE))
        })
        .await?;
        Ok(answer.files.into_iter().next().map(|file| file.id))
    }

    /// The content of a file.
    pub(crate) async fn read(&self, session: &Session, id: &str) -> Result<Vec<u8>, BatchError> {
        let client = self.client.with_session(session);
        retrying(|| async {
            let call = client.get(&format!("/api/files/{id}"));
            call.fetch_bytes().await.map_err(BatchError::call(SERVICE))
        })
        .await
    }

    /// Writes a file; the same key twice writes one.
    pub(crate) async fn upload_csv(
        &self,
        session: &Session,
        name: &str,
        (key, text): (&str, String),
    ) -> Result<Upload, BatchError> {
        let client = self.client.with_session(session);
        let file: Result<File, BatchError> = retrying(|| async {
            let call = client.post("/api/files").query(&[("name", name)]);
            let call = call.header("Content-Type", "text/csv; charset=utf-8");
            let call = call.idempotency_key(key).body(text.clone());
            call.fetch().await.map_err(BatchError::call(SERVICE))
        })
        .await;
        match file {
            Ok(file) => Ok(Upload::Written(file.id)),
            Err(BatchError::Call {
                cause: CallError::Refused { code: Some(code), .. }, ..
            }) if code == NAME_TAKEN => Ok(Upload::Taken),
            Err(error) => Err(error),
        }
    }
}
