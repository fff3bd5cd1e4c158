//! A file of the local disk: from the page cache without another thread if it is there, and in buffers that the transfers of
//! a thread share.

use std::fs::File;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::StorageError;
use super::buffer::Buffer;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct LocalFile(Arc<File>);

impl LocalFile {
    /// Opens it; it has to be so long.
    pub(super) async fn open(path: PathBuf, size_bytes: u64) -> Result<Self, StorageError> {
        let file = match open_now(&path) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(StorageError::Missing),
            // Whatever else is wrong is found by the thread that may wait.
            Err(_) => joined(spawn_blocking(move || File::open(path)).await)?,
        };
        if file.metadata()?.len() != size_bytes {
            return Err(StorageError::Damaged);
        }
        Ok(Self(Arc::new(file)))
    }

    pub(super) fn read(&self, range: Range<u64>) -> FilePieces {
        FilePieces { file: Arc::clone(&self.0), left: range, reading: None }
    }

    pub(super) async fn read_all(&self, range: Range<u64>) -> Result<Bytes, StorageError> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        if read_now(&self.0, &mut bytes, range.start) == Some(length) {
            return Ok(bytes.into());
        }
        let file = Arc::clone(&self.0);
        let reading =
            spawn_blocking(move || file.read_exact_at(&mut bytes, range.start).map(|()| bytes));
        Ok(joined(reading.await)?.into())
    }
}

/// Opens it if that needs no disk: the kernel knows the path.
fn open_now(path: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).map(File::from)
}

/// Reads what is in the page cache; how much that was.
fn read_now(file: &File, bytes: &mut [u8], place: u64) -> Option<usize> {
    preadv2(file, &mut [IoSliceMut::new(bytes)], place, ReadWriteFlags::NOWAIT).ok()
}

fn joined<T>(outcome: Result<io::Result<T>, JoinError>) -> Result<T, StorageError> {
    let outcome = outcome.map_err(|error| StorageError::Unavailable(error.to_string()))?;
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StorageError::Missing,
        io::ErrorKind::UnexpectedEof => StorageError::Damaged,
        _ => error.into(),
    })
}

/// Bytes of a file, of which at most one piece is in memory.
#[derive(Debug)]
pub(super) struct FilePieces {
    file: Arc<File>,
    left: Range<u64>,
    reading: Option<JoinHandle<io::Result<Buffer>>>,
}

impl FilePieces {
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Bytes, StorageError>> {
        let buffer = ready!(self.poll_buffer(context))?;
        if buffer.is_empty() {
            return Poll::Ready(Err(StorageError::Damaged));
        }
        self.left.start = self.left.start.saturating_add(buffer.len() as u64);
        Poll::Ready(Ok(buffer.into()))
    }

    fn poll_buffer(&mut self, context: &mut Context<'_>) -> Poll<Result<Buffer, StorageError>> {
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => match self.read_now() {
                Some(buffer) => return Poll::Ready(Ok(buffer)),
                None => self.read_off_thread(),
            },
        };
        let polled = Pin::new(&mut reading).poll(context);
        if polled.is_pending() {
            self.reading = Some(reading);
        }
        polled.map(joined)
    }

    fn buffer(&self) -> Buffer {
        Buffer::of(self.left.end.saturating_sub(self.left.start))
    }

    /// A piece that is in memory.
    fn read_now(&self) -> Option<Buffer> {
        let mut buffer = self.buffer();
        let read = read_now(&self.file, buffer.as_mut(), self.left.start)?;
        buffer.shorten(read);
        (read > 0).then_some(buffer)
    }

    fn read_off_thread(&self) -> JoinHandle<io::Result<Buffer>> {
        let (file, place, mut buffer) = (Arc::clone(&self.file), self.left.start, self.buffer());
        spawn_blocking(move || {
            let read = file.read_at(buffer.as_mut(), place)?;
            buffer.shorten(read);
            Ok(buffer)
        })
    }
}
