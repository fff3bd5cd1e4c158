//! An object that is open for reading, and its bytes on their way out: one piece at a time, from the page cache without
//! another thread if they are there, and in a buffer that the transfers of a thread share.

use std::fs::File;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::error;

use super::StorageError;
use super::buffer::Buffer;
use crate::domain::file::ObjectKey;

pub(crate) use super::buffer::PIECE_BYTES;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct StoredObject {
    key: ObjectKey,
    file: Arc<File>,
}

impl StoredObject {
    /// Opens the file of this object, which has to be so long.
    pub(super) async fn open(
        key: ObjectKey,
        path: PathBuf,
        size_bytes: u64,
    ) -> Result<Self, StorageError> {
        let file = match open_now(&path) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(StorageError::Missing),
            Err(_) => off_thread(move || File::open(path)).await?,
        };
        if file.metadata()?.len() != size_bytes {
            return Err(StorageError::Damaged);
        }
        Ok(Self { key, file: Arc::new(file) })
    }

    /// These bytes of it.
    pub(crate) fn read(&self, range: Range<u64>) -> Pieces {
        Pieces { object: self.clone(), left: range, reading: None }
    }

    /// These bytes of it, which are few, at once.
    pub(crate) async fn read_all(&self, range: Range<u64>) -> Result<Bytes, StorageError> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        if read_now(&self.file, &mut bytes, range.start) == Some(length) {
            return Ok(bytes.into());
        }
        let file = Arc::clone(&self.file);
        let read = off_thread(move || file.read_exact_at(&mut bytes, range.start).map(|()| bytes));
        Ok(read.await?.into())
    }
}

/// Opens it if that needs no disk: the path is known to the kernel.
fn open_now(path: &PathBuf) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).map(File::from)
}

/// Reads what is in the page cache; how much that was.
fn read_now(file: &File, bytes: &mut [u8], place: u64) -> Option<usize> {
    preadv2(file, &mut [IoSliceMut::new(bytes)], place, ReadWriteFlags::NOWAIT).ok()
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    joined(spawn_blocking(work).await)
}

fn joined<T>(outcome: Result<io::Result<T>, tokio::task::JoinError>) -> Result<T, StorageError> {
    let outcome = outcome.map_err(|error| StorageError::Unavailable(error.to_string()))?;
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StorageError::Missing,
        io::ErrorKind::UnexpectedEof => StorageError::Damaged,
        _ => error.into(),
    })
}

/// Bytes of an object. Ends with an error when the object does, and the answer is cut: it has promised more.
#[derive(Debug)]
pub(crate) struct Pieces {
    object: StoredObject,
    left: Range<u64>,
    reading: Option<JoinHandle<io::Result<Buffer>>>,
}

impl Pieces {
    /// A piece that is in memory. Whatever is wrong otherwise is found by the thread that may wait.
    fn read_now(&self) -> Option<Buffer> {
        let mut buffer = Buffer::of(self.left.end.saturating_sub(self.left.start));
        let read = read_now(&self.object.file, buffer.as_mut(), self.left.start)?;
        buffer.shorten(read);
        (read > 0).then_some(buffer)
    }

    fn read_off_thread(&self) -> JoinHandle<io::Result<Buffer>> {
        let (file, place) = (Arc::clone(&self.object.file), self.left.start);
        let mut buffer = Buffer::of(self.left.end.saturating_sub(self.left.start));
        spawn_blocking(move || {
            let read = file.read_at(buffer.as_mut(), place)?;
            buffer.shorten(read);
            Ok(buffer)
        })
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Buffer, StorageError>> {
        if self.reading.is_none()
            && let Some(buffer) = self.read_now()
        {
            return Poll::Ready(Ok(buffer));
        }
        let object = self.read_off_thread_if_idle();
        let buffer = joined(ready!(Pin::new(object).poll(context)))?;
        self.reading = None;
        Poll::Ready(if buffer.is_empty() { Err(StorageError::Damaged) } else { Ok(buffer) })
    }

    fn read_off_thread_if_idle(&mut self) -> &mut JoinHandle<io::Result<Buffer>> {
        let reading = self.reading.take().unwrap_or_else(|| self.read_off_thread());
        self.reading.insert(reading)
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let piece = ready!(self.poll_piece(context));
        if let Err(cause) = &piece {
            let key = self.object.key;
            error!(object = %key, %cause, "a download of object {key} is cut");
            self.left = 0..0;
        }
        Poll::Ready(Some(piece.map(|buffer| {
            self.left.start += buffer.len() as u64;
            Bytes::from(buffer)
        })))
    }
}
