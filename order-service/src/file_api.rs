//! The calls that we make to file-service.

use std::time::Duration;

use serde::Deserialize;
use shared::client::{CallError, SessionClient};
use shared::{AccessToken, ServiceClient};

use crate::domain::order::OrderId;
use crate::domain::receipt::ReceiptOrder;

/// How long one call may take, its token included.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(crate) struct FileApi {
    client: ServiceClient,
}

#[derive(Deserialize)]
struct File {
    id: String,
}

impl FileApi {
    pub(crate) fn new(client: ServiceClient) -> Self {
        Self { client }
    }

    /// Writes a receipt and gives its file's id; again, it is the same file. With the payer's own token it is exchanged for
    /// one that keeps his login and says that we are acting; without it we ask for one with his session.
    pub(crate) async fn write_receipt(
        &self,
        id: OrderId,
        (order, text): (&ReceiptOrder, String),
        token: Option<&AccessToken>,
    ) -> Result<String, CallError> {
        let client = match token {
            Some(token) => self.client.with_subject(token, &order.session),
            None => self.client.with_session(&order.session),
        };
        let file: File = call(&client, id).body(text).fetch().await?;
        Ok(file.id)
    }
}

fn call(client: &SessionClient, id: OrderId) -> shared::client::Call {
    let call = client.post("/api/files").query(&[("name", format!("receipt-{id}.json"))]);
    let call = call.header("Content-Type", "application/json");
    call.idempotency_key(&format!("receipt-{id}")).deadline(DEADLINE)
}
