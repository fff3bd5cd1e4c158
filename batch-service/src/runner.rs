//! How a job meets failure: a call that may succeed later is repeated a few times, then given up.

use std::future::Future;
use std::time::Duration;

use tracing::warn;

use crate::error::BatchError;

/// Pauses before the repetitions; after the last one the failure stands.
const PAUSES_MS: [u64; 4] = [100, 300, 900, 1_800];

/// Makes the call; repeats it while it fails in a way that may pass. What is called has to be idempotent.
pub(crate) async fn retrying<T, F, Call>(call: F) -> Result<T, BatchError>
where
    F: Fn() -> Call,
    Call: Future<Output = Result<T, BatchError>>,
{
    for pause_ms in PAUSES_MS {
        match call().await {
            Err(error) if error.is_transient() => {
                warn!(cause = %error, pause_ms, "a call failed; trying again in {pause_ms} ms");
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
            result => return result,
        }
    }
    call().await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use shared::client::CallError;

    use super::*;

    fn failure(status: u16) -> BatchError {
        let cause = CallError::Refused { status, code: None, message: String::new() };
        BatchError::Call { service: "order-service", cause }
    }

    #[tokio::test]
    async fn a_passing_failure_is_repeated_and_a_lasting_one_is_not() {
        for (status, expected) in [(503, 2), (404, 1)] {
            let calls = AtomicU32::new(0);
            let result = retrying(|| async {
                if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                    Err(failure(status))
                } else {
                    Ok(())
                }
            });
            assert_eq!(result.await.is_ok(), status == 503);
            assert_eq!(calls.load(Ordering::SeqCst), expected, "{status}");
        }
    }
}
