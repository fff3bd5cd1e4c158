//! A pipe from who makes bytes to a request that sends them: a few pieces are in it, whatever the sum is.

use std::io;

use futures_util::{Stream, stream};
use shared::client::Body;
use tokio::sync::mpsc;

/// Pieces that wait.
const PIECES: usize = 4;

/// Where pieces go in. When it is dropped without [`Inlet::finish`], the body breaks off: half a file is none.
pub(crate) struct Inlet(mpsc::Sender<Piece>);

/// Where they come out, as the body of a request.
pub(crate) struct Outlet(mpsc::Receiver<Piece>);

enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// Nobody takes them any more: the request has ended.
#[derive(Debug)]
pub(crate) struct Closed;

pub(crate) fn pipe() -> (Inlet, Outlet) {
    let (inlet, outlet) = mpsc::channel(PIECES);
    (Inlet(inlet), Outlet(outlet))
}

impl Inlet {
    pub(crate) async fn write(&self, bytes: Vec<u8>) -> Result<(), Closed> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.0.send(Piece::Bytes(bytes)).await.map_err(|_| Closed)
    }

    /// That was all of it.
    pub(crate) async fn finish(self) -> Result<(), Closed> {
        self.0.send(Piece::End).await.map_err(|_| Closed)
    }
}

impl Outlet {
    fn into_stream(self) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
        stream::try_unfold(self.0, |mut pieces| async move {
            match pieces.recv().await {
                Some(Piece::Bytes(bytes)) => Ok(Some((bytes, pieces))),
                Some(Piece::End) => Ok(None),
                None => Err(io::Error::other("the file was not made to its end")),
            }
        })
    }
}

impl From<Outlet> for Body {
    fn from(outlet: Outlet) -> Self {
        Self::wrap_stream(outlet.into_stream())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    #[tokio::test]
    async fn a_body_ends_well_only_if_it_was_written_to_its_end() {
        for whole in [true, false] {
            let (inlet, outlet) = pipe();
            let written = inlet.write(b"ab".to_vec()).await.is_ok();
            if whole {
                assert!(inlet.finish().await.is_ok());
            } else {
                drop(inlet);
            }
            let pieces: Vec<io::Result<Vec<u8>>> = outlet.into_stream().collect().await;
            let last = pieces.last().is_some_and(Result::is_ok);
            assert_eq!((written, last, pieces.len()), (true, whole, if whole { 1 } else { 2 }));
        }
    }

    #[tokio::test]
    async fn no_more_than_a_few_pieces_wait_and_none_for_nobody() {
        let (inlet, outlet) = pipe();
        for _ in 0..PIECES {
            assert!(inlet.write(vec![0]).await.is_ok());
        }
        assert!(inlet.write(vec![0]).now_or_never().is_none(), "it waits");
        drop(outlet);
        assert!(inlet.write(vec![0]).await.is_err());
    }
}
