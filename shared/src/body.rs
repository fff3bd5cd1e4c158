//! A deadline for the bodies of requests: actix's own covers the head only.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

/// A body may take this long, whatever its size.
const GRACE: Duration = Duration::from_secs(10);
/// And beyond that as long as it takes at this rate, in bytes a second.
const LEAST_RATE: u64 = 1024;

/// The same body; it ends with an error when it comes at less than 1 KiB a second after the first 10 seconds, so
/// that nobody keeps a connection by sending a byte now and then.
pub(crate) fn with_deadline(body: Payload, started: Instant) -> Payload {
    match body {
        Payload::None => Payload::None,
        body => Payload::Stream { payload: Box::pin(paced(body, started)) },
    }
}

fn paced(body: Payload, started: Instant) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    stream::unfold(Some((body, 0_u64)), move |state| async move {
        let (mut body, received) = state?;
        let earned = Duration::from_secs(received / LEAST_RATE);
        match timeout_at(started + GRACE + earned, body.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(piece))) => {
                let received = received.saturating_add(piece.len() as u64);
                Some((Ok(piece), Some((body, received))))
            }
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Err(_) => Some((Err(PayloadError::Io(std::io::ErrorKind::TimedOut.into())), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pieces: Vec<(u64, usize)>) -> Payload {
        let pieces = stream::iter(pieces).then(|(pause_s, bytes)| async move {
            tokio::time::sleep(Duration::from_secs(pause_s)).await;
            Ok(Bytes::from(vec![0; bytes]))
        });
        Payload::Stream { payload: Box::pin(pieces) }
    }

    async fn arrives(pieces: Vec<(u64, usize)>) -> bool {
        let started = Instant::now();
        let body = with_deadline(body(pieces), started);
        body.collect::<Vec<_>>().await.iter().all(Result::is_ok)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_dribbles_is_cut_and_one_that_keeps_its_pace_is_not() {
        assert!(arrives(vec![(9, 1), (0, 100)]).await);
        assert!(!arrives(vec![(9, 1), (9, 1)]).await);
        assert!(arrives(vec![(9, 64 * 1024), (60, 1024)]).await);
        assert!(!arrives(vec![(9, 64 * 1024), (80, 1024)]).await);
    }
}
