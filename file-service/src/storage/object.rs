//! An object that is open for reading, and its bytes on their way out, one piece at a time.

use std::future::poll_fn;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::path::Path as Location;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};
use tracing::error;

use super::StorageError;
use super::local_file::{FilePieces, LocalFile};
use crate::domain::file::ObjectKey;

pub(crate) use super::buffer::PIECE_BYTES;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct StoredObject {
    key: ObjectKey,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Local(LocalFile),
    /// Asked again for each range.
    Remote(Arc<dyn ObjectStore>, Location),
}

impl StoredObject {
    /// The object in this file, which has to be so long.
    pub(super) async fn in_file(
        key: ObjectKey,
        path: PathBuf,
        size_bytes: u64,
    ) -> Result<Self, StorageError> {
        let place = Place::Local(LocalFile::open(path, size_bytes).await?);
        Ok(Self { key, place })
    }

    /// The object of this store, which has to be so long.
    pub(super) async fn in_store(
        key: ObjectKey,
        (store, location): (Arc<dyn ObjectStore>, Location),
        size_bytes: u64,
    ) -> Result<Self, StorageError> {
        if store.head(&location).await?.size != size_bytes {
            return Err(StorageError::Damaged);
        }
        Ok(Self { key, place: Place::Remote(store, location) })
    }

    /// These bytes of it.
    pub(crate) fn read(&self, range: Range<u64>) -> Pieces {
        let left = range.end.saturating_sub(range.start);
        let source = match &self.place {
            Place::Local(file) => Source::File(file.read(range)),
            Place::Remote(store, location) => Source::Store(ask(store, location, range)),
        };
        Pieces { key: self.key, left, source }
    }

    /// These bytes of it, which are few, at once.
    pub(crate) async fn read_all(&self, range: Range<u64>) -> Result<Bytes, StorageError> {
        if let Place::Local(file) = &self.place {
            return file.read_all(range).await;
        }
        let mut pieces = pin!(self.read(range));
        let mut all = BytesMut::new();
        while let Some(piece) = poll_fn(|context| pieces.as_mut().poll_next(context)).await {
            all.extend_from_slice(&piece?);
        }
        Ok(all.freeze())
    }
}

fn ask(
    store: &Arc<dyn ObjectStore>,
    location: &Location,
    range: Range<u64>,
) -> BoxStream<'static, Result<Bytes, StorageError>> {
    let (store, location) = (Arc::clone(store), location.clone());
    let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
    let asking = async move { store.get_opts(&location, options).await };
    let pieces = stream::once(asking).map_ok(object_store::GetResult::into_stream);
    pieces.try_flatten().map_err(StorageError::from).boxed()
}

/// Bytes of an object. Ends with an error when the object ends before, and the answer is cut: it has promised more.
pub(crate) struct Pieces {
    key: ObjectKey,
    left: u64,
    source: Source,
}

enum Source {
    File(FilePieces),
    Store(BoxStream<'static, Result<Bytes, StorageError>>),
}

impl Source {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, StorageError>> {
        match self {
            Self::File(pieces) => pieces.poll_piece(context),
            Self::Store(pieces) => {
                let piece = ready!(pieces.poll_next_unpin(context));
                Poll::Ready(piece.unwrap_or(Err(StorageError::Damaged)))
            }
        }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = ready!(self.source.poll_piece(context));
        match &piece {
            Ok(piece) => self.left = self.left.saturating_sub(piece.len() as u64),
            Err(cause) => {
                error!(object = %self.key, %cause, "reading object {} breaks off", self.key);
                self.left = 0;
            }
        }
        Poll::Ready(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::{ObjectStoreExt, PutPayload};
    use shared::{CompanyId, Timestamp};

    use super::*;
    use crate::domain::file::FileId;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const SIZE: usize = 3 * PIECE_BYTES + 1;

    fn content() -> Vec<u8> {
        (0..SIZE).map(|place| (place % 251) as u8).collect()
    }

    fn key() -> Result<ObjectKey, Box<dyn std::error::Error>> {
        let id = FileId::new_at(Timestamp::UNIX_EPOCH);
        Ok(ObjectKey { company_id: CompanyId::try_from(100)?, id })
    }

    async fn read(object: &StoredObject, range: Range<u64>) -> Result<Vec<u8>, StorageError> {
        let pieces: Vec<Bytes> = object.read(range).try_collect().await?;
        Ok(pieces.concat())
    }

    async fn check_ranges(object: &StoredObject) -> Outcome {
        let (content, piece, size) = (content(), PIECE_BYTES as u64, SIZE as u64);
        for range in [0..1, 0..size, 5..5 + piece, piece - 1..piece + 1, size - 1..size, 9..9] {
            let expected = &content[range.start as usize..range.end as usize];
            assert!(read(object, range.clone()).await? == expected, "{range:?}");
            assert!(object.read_all(range.clone()).await? == expected, "{range:?} at once");
        }
        Ok(())
    }

    #[tokio::test]
    async fn any_range_is_read_from_a_file() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("object");
        std::fs::write(&path, content())?;
        let object = StoredObject::in_file(key()?, path.clone(), SIZE as u64).await?;
        check_ranges(&object).await?;
        let short = StoredObject::in_file(key()?, path.clone(), 1 + SIZE as u64).await;
        assert!(matches!(short, Err(StorageError::Damaged)));
        // Somebody cuts it while it is read.
        std::fs::OpenOptions::new().write(true).open(&path)?.set_len(10)?;
        assert!(matches!(read(&object, 0..SIZE as u64).await, Err(StorageError::Damaged)));
        assert!(matches!(object.read_all(5..20).await, Err(StorageError::Damaged)));
        std::fs::remove_file(&path)?;
        let gone = StoredObject::in_file(key()?, path, SIZE as u64).await;
        assert!(matches!(gone, Err(StorageError::Missing)));
        Ok(())
    }

    #[tokio::test]
    async fn any_range_is_read_from_a_store() -> Outcome {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let location = Location::from("100/object");
        store.put(&location, PutPayload::from(content())).await?;
        let place = || (Arc::clone(&store), location.clone());
        let object = StoredObject::in_store(key()?, place(), SIZE as u64).await?;
        check_ranges(&object).await?;
        let short = StoredObject::in_store(key()?, place(), 1 + SIZE as u64).await;
        assert!(matches!(short, Err(StorageError::Damaged)));
        store.put(&location, PutPayload::from(vec![0; 10])).await?;
        assert!(read(&object, 0..SIZE as u64).await.is_err());
        store.delete(&location).await?;
        assert!(matches!(read(&object, 0..1).await, Err(StorageError::Missing)));
        Ok(())
    }
}
