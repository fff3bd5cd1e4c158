//! Bytes on their way in: while one piece is digested and written, the next is gathered. No more than two pieces of an
//! upload are in memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use crate::domain::note::Note;
use crate::error::FileError;
use crate::state::AppState;
use crate::storage::ObjectUpload;

/// Crossing to another thread costs little beside the digest of so many bytes.
const MAX_PIECE_BYTES: usize = 1024 * 1024;
const MIN_PIECE_BYTES: usize = 128 * 1024;
/// What all uploads share: each has two pieces in memory.
const ALL_PIECES_BYTES: usize = 12 * 1024 * 1024;

/// All who are sending: the more they are, the smaller their pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd(Arc<()>);

impl Crowd {
    fn piece_bytes(&self) -> usize {
        let senders = Arc::strong_count(&self.0).saturating_sub(1).max(1);
        (ALL_PIECES_BYTES / 2 / senders).clamp(MIN_PIECE_BYTES, MAX_PIECE_BYTES)
    }
}

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
    crowd: Crowd,
}

impl<B> Source<B>
where
    B: Stream<Item = Result<Bytes, FileError>> + Unpin,
{
    pub(crate) fn new(body: B, state: &AppState) -> Self {
        let (idle, crowd) = (state.limits.idle, state.crowd.clone());
        Self { body, rest: Bytes::new(), idle, crowd }
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
        let share = self.crowd.piece_bytes();
        let whole = usize::try_from(left).map_or(share, |left| left.min(share));
        piece.shrink_to(share);
        piece.reserve_exact(whole);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_send_the_smaller_are_their_pieces() {
        let crowd = Crowd::default();
        assert_eq!(crowd.piece_bytes(), MAX_PIECE_BYTES);
        let many: Vec<_> = (0..40).map(|_| crowd.clone()).collect();
        assert!(2 * many.len() * crowd.piece_bytes() <= ALL_PIECES_BYTES);
        let _more: Vec<_> = (0..5000).map(|_| crowd.clone()).collect();
        assert_eq!(crowd.piece_bytes(), MIN_PIECE_BYTES);
    }
}
