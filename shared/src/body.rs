//! A deadline for the bodies of requests: actix's own covers the head only.

use std::io::ErrorKind;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, stream};

/// A body may take this long, whatever its size.
const GRACE: Duration = Duration::from_secs(10);
/// And for each KiB that comes one second longer.
const PER_KIB: Duration = Duration::from_secs(1);

/// The same body; it ends with an error when it comes at less than 1 KiB a second after the first 10 seconds, so
/// that nobody keeps a connection by sending a byte now and then.
pub(crate) fn with_deadline(body: Payload) -> Payload {
    match body {
        Payload::None => Payload::None,
        body => Payload::Stream { payload: Box::pin(paced(body)) },
    }
}

fn paced(body: Payload) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let begun = Some((body, Box::pin(tokio::time::sleep(GRACE))));
    stream::unfold(begun, move |state| async move {
        let (mut body, mut deadline) = state?;
        let piece = tokio::select! {
            piece = body.next() => piece,
            () = deadline.as_mut() => {
                return Some((Err(PayloadError::Io(ErrorKind::TimedOut.into())), None));
            }
        };
        match piece? {
            Ok(piece) => {
                let bytes = u32::try_from(piece.len()).unwrap_or(u32::MAX);
                let later = deadline.deadline() + PER_KIB.mul_f64(f64::from(bytes) / 1024.0);
                deadline.as_mut().reset(later);
                Some((Ok(piece), Some((body, deadline))))
            }
            Err(error) => Some((Err(error), None)),
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
        let body = with_deadline(body(pieces));
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
