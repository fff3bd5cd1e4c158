//! Bytes on their way in: while one piece is digested and written, the next is gathered. No more than two pieces of an
//! upload are in memory.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use crate::domain::note::Note;
use crate::error::FileError;
use crate::storage::ObjectUpload;

/// Large enough that crossing to another thread costs little beside the digest, small enough for many at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Why no more comes for now.
#[derive(Debug)]
pub(crate) enum End {
    /// The body is over.
    Over,
    /// The object is as large as it was to become.
    Full,
    /// The body broke off, or came too slowly.
    Broken(FileError),
}

/// A body, and what of it has come too early.
pub(crate) struct Source<B> {
    body: B,
    rest: Bytes,
    /// How long it may pause.
    idle: Duration,
}

impl<B> Source<B>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    pub(crate) fn new(body: B, idle: Duration) -> Self {
        Self { body, rest: Bytes::new(), idle }
    }

    /// Passes up to `most` bytes on to the object.
    pub(crate) async fn receive(
        &mut self,
        object: &mut ObjectUpload,
        note: &mut Note<'_>,
        most: u64,
    ) -> Result<End, FileError> {
        let mut left = most;
        let (mut piece, mut end) = self.gather(Vec::new(), left).await;
        let mut spare = Vec::new();
        loop {
            left = left.saturating_sub(piece.len() as u64);
            note.make_room(piece.len() as u64).await?;
            if let Some(end) = end {
                object.write(piece).await?;
                note.keep_multipart(object.multipart_id()).await?;
                return Ok(end);
            }
            let gathering = async { Ok(self.gather(spare, left).await) };
            let writing = async { object.write(piece).await.map_err(FileError::from) };
            (spare, (piece, end)) = try_join(writing, gathering).await?;
            note.keep_multipart(object.multipart_id()).await?;
        }
    }

    /// A whole piece, or less with the reason why.
    async fn gather(&mut self, mut piece: Vec<u8>, left: u64) -> (Vec<u8>, Option<End>) {
        let whole = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        piece.reserve_exact(whole.saturating_sub(piece.capacity()));
        while piece.len() < whole {
            match self.look_ahead().await {
                Ok(true) => {
                    let some = self.rest.len().min(whole - piece.len());
                    piece.extend_from_slice(&self.rest.split_to(some));
                }
                Ok(false) => return (piece, Some(End::Over)),
                Err(error) => return (piece, Some(End::Broken(error))),
            }
        }
        let full = piece.len() as u64 == left;
        (piece, full.then_some(End::Full))
    }

    /// Whether there is more.
    pub(crate) async fn look_ahead(&mut self) -> Result<bool, FileError> {
        while self.rest.is_empty() {
            let next = timeout(self.idle, self.body.next()).await;
            match next.map_err(|_| FileError::TooSlow)? {
                Some(bytes) => self.rest = bytes?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}
