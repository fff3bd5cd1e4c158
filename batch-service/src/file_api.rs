//! The calls that we make to file-service.

use serde::Deserialize;
use shared::{ServiceClient, Session};

use crate::error::BatchError;
use crate::runner::retrying;

const SERVICE: &str = "file-service";

#[derive(Clone, Debug)]
pub(crate) struct FileApi {
    client: ServiceClient,
}

#[derive(Deserialize)]
struct File {
    id: String,
}

#[derive(Deserialize)]
struct Files {
    files: Vec<File>,
}

impl FileApi {
    pub(crate) fn new(client: ServiceClient) -> Self {
        Self { client }
    }

    /// The id of the company's file of this name, if it has one.
    pub(crate) async fn find_by_name(
        &self,
        session: &Session,
        name: &str,
    ) -> Result<Option<String>, BatchError> {
        let client = self.client.with_session(session);
        let answer: Files = retrying(|| async {
            let call = client.get("/api/files").query(&[("name", name)]);
            call.fetch().await.map_err(BatchError::call(SERVICE))
        })
        .await?;
        Ok(answer.files.into_iter().next().map(|file| file.id))
    }

    /// Writes a file; the same key twice writes one.
    pub(crate) async fn upload_csv(
        &self,
        session: &Session,
        name: &str,
        (key, text): (&str, String),
    ) -> Result<String, BatchError> {
        let client = self.client.with_session(session);
        let file: File = retrying(|| async {
            let call = client.post("/api/files").query(&[("name", name)]);
            let call = call.header("Content-Type", "text/csv; charset=utf-8");
            let call = call.idempotency_key(key).body(text.clone());
            call.fetch().await.map_err(BatchError::call(SERVICE))
        })
        .await?;
        Ok(file.id)
    }
}
