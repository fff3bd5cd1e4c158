//! Calls that are a few of many within one step of a job: each is repeated for a while, so that not all of them have to
//! succeed in a row. What fails for longer is the runner's business.

use std::future::Future;
use std::time::Duration;

use tracing::debug;

use crate::error::BatchError;

/// Pauses before the repetitions, at most; after the last one the failure stands.
const PAUSES_MS: [u64; 7] = [50, 100, 200, 400, 800, 1_000, 1_000];

/// Makes the call; repeats it while it fails in a way that may pass. What is called has to be idempotent.
pub(crate) async fn retrying<T, F, Call>(call: F) -> Result<T, BatchError>
where
    F: Fn() -> Call,
    Call: Future<Output = Result<T, BatchError>>,
{
    for pause_ms in PAUSES_MS {
        match call().await {
            Err(error) if error.is_transient() => {
                debug!(cause = %error, "a call failed; trying again");
                let pause = Duration::from_millis(pause_ms).mul_f64(fastrand::f64());
                tokio::time::sleep(pause.max(error.retry_after().unwrap_or_default())).await;
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
        let cause =
            CallError::Refused { status, code: None, message: String::new(), retry_after: None };
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
