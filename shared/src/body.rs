//! A deadline for the bodies of requests: actix's own covers the head only.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

/// A body may take this long, whatever its size.
const GRACE: Duration = Duration::from_secs(10);
/// And for each KiB that comes one second longer.
const PER_KIB: Duration = Duration::from_secs(1);

/// The same body; it ends with an error when it comes at less than 1 KiB a second after the first 10 seconds, so
/// that nobody keeps a connection by sending a byte now and then.
pub(crate) fn with_deadline(body: Payload) -> Payload {
    match body {
        Payload::None => Payload::None,
        body => {
            let deadline = tokio::time::sleep(GRACE);
            let first = deadline.deadline();
            let (kib, over) = (0.0, false);
            Payload::Stream { payload: Box::pin(Paced { body, deadline, first, kib, over }) }
        }
    }
}

pin_project! {
    /// Most bodies are there before they are asked for: the clock is looked at only when one has to be waited for.
    struct Paced {
        body: Payload,
        #[pin]
        deadline: Sleep,
        // The deadline of a body of no size.
        first: Instant,
        // How much has come.
        kib: f64,
        over: bool,
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut own = self.project();
        if *own.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(piece) = Pin::new(own.body).poll_next(context) {
            match &piece {
                Some(Ok(piece)) => *own.kib += piece.len() as f64 / 1024.0,
                Some(Err(_)) | None => *own.over = true,
            }
            return Poll::Ready(piece);
        }
        let due = *own.first + PER_KIB.mul_f64(*own.kib);
        if own.deadline.deadline() != due {
            own.deadline.as_mut().reset(due);
        }
        own.deadline.poll(context).map(|()| {
            *own.over = true;
            Some(Err(PayloadError::Io(ErrorKind::TimedOut.into())))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

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
