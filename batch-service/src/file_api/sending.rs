//! Files of any size, sent while they are made.

use std::pin::pin;
use std::time::Duration;

use serde_json::Value;
use shared::client::{CallError, SessionClient};

use super::{Files, NAME_TAKEN, SERVICE};
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

/// The file that the upload under this key has made, if it has.
pub(crate) async fn find_sent(
    files: &SessionClient,
    key: &str,
) -> Result<Option<String>, BatchError> {
    let call = files.get("/api/files").query(&[("idempotencyKey", key)]);
    let answer: Files = call.fetch().await.map_err(BatchError::call(SERVICE))?;
    Ok(answer.files.into_iter().next().map(|file| file.id))
}

/// Sends a file as it comes. The same key again is no second file: what stands already stays, whatever would come now.
pub(crate) async fn send(
    files: &SessionClient,
    (file, content): (&Sent<'_>, Outlet),
) -> Result<(), BatchError> {
    let call = files.post("/api/files").query(&[("name", file.name)]);
    let call = call.header("Content-Type", file.media_type).idempotency_key(file.key);
    let sent: Result<Value, CallError> = call.body(content).deadline(LONGEST).fetch().await;
    match sent {
        Err(cause) if cause.code() == Some(NAME_TAKEN) => Ok(()),
        sent => sent.map(|_| ()).map_err(BatchError::call(SERVICE)),
    }
}

/// Sends what is made meanwhile, to the end of both. `answer` is how long file-service may take when it has all.
pub(crate) async fn sent_while_made(
    sending: impl Future<Output = Result<(), BatchError>>,
    making: impl Future<Output = Result<(), BatchError>>,
    answer: Duration,
) -> Result<(), BatchError> {
    let mut sending = pin!(sending);
    tokio::select! {
        // An answer before the end: nobody takes the rest.
        sent = &mut sending => sent,
        // Where it cannot be made, the request fails for that reason alone.
        made = making => {
            let sent = tokio::time::timeout(answer, sending).await;
            made.and(sent.unwrap_or_else(|_| Err(no_answer())))
        }
    }
}

/// Whether there is a file will be seen next time, by its key.
fn no_answer() -> BatchError {
    let cause = CallError::Transport("no answer to a whole file".to_owned());
    BatchError::Call { service: SERVICE, cause }
}
