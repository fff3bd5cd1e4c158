//! Bytes in and out of an object store, streamed: no file is ever whole in memory.

mod buffer;
mod local_file;
pub(crate) mod object;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use url::Url;

use crate::domain::file::ObjectKey;
use object::StoredObject;

/// How much of one upload is in memory. (An S3 store would need parts of 5 MiB.)
const PIECE_BYTES: usize = 64 * 1024;
/// Written and removed to see whether the storage can be written.
const PROBE: &str = "probe";
/// What object_store adds to the path of a file while it is written; our paths are unique, so it is always 1.
const STAGED_SUFFIX: &str = "#1";

#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("{0}")]
    Address(String),
    /// No space is left.
    #[error("{0}")]
    Full(String),
    /// Away, read-only, broken.
    #[error("{0}")]
    Unavailable(String),
    #[error("an object is missing")]
    Missing,
    #[error("an object is not as long as its file")]
    Damaged,
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            // Only what is inside says something to the operator.
            object_store::Error::Generic { source, .. } if is_full(&*source) => {
                Self::Full(source.to_string())
            }
            object_store::Error::Generic { source, .. } => Self::Unavailable(source.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn is_full(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    match kind {
        Some(kind) => matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded),
        None => error.source().is_some_and(is_full),
    }
}

/// A folder of objects.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    folder: PathBuf,
    store: LocalFileSystem,
}

impl Storage {
    /// The storage at `file:///path/to/folder`; the folder is made where it is missing.
    pub(crate) fn open(url: &str) -> Result<Self, StorageError> {
        let folder = folder_of(url)?;
        let refused = |cause: &dyn std::fmt::Display| {
            StorageError::Address(format!("cannot use the folder {}: {cause}", folder.display()))
        };
        std::fs::create_dir_all(&folder).map_err(|error| refused(&error))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| refused(&error))?;
        // A row of the database says that its object is there, also after the power has failed.
        Ok(Self { folder, store: store.with_fsync(true) })
    }

    /// Whether objects can be written.
    pub(crate) async fn probe(&self) -> Result<(), StorageError> {
        // Without content: a full disk must not take the downloads away as well.
        let probe = Location::from(PROBE);
        self.store.put(&probe, PutPayload::default()).await?;
        match self.store.delete(&probe).await {
            // Another replica probes, too.
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    /// Begins an object. It is seen when it is [finished](ObjectUpload::finish), not before; dropped, it is
    /// gone.
    pub(crate) async fn create(&self, key: &ObjectKey) -> Result<ObjectUpload, StorageError> {
        let upload = self.store.put_multipart(&location(key)).await?;
        Ok(ObjectUpload { upload, part: Vec::new() })
    }

    /// An object that is so long.
    pub(crate) async fn open_object(
        &self,
        key: &ObjectKey,
        size_bytes: u64,
    ) -> Result<StoredObject, StorageError> {
        let path = self.folder.join(key.to_string());
        StoredObject::in_file(*key, path, size_bytes).await
    }

    /// Removes an object, or what is there of one; that there is none is no failure.
    pub(crate) async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        let location = location(key);
        match self.store.delete(&location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        // The crate leaves it when a last step fails, and cannot remove it after a kill.
        let mut staged = self.store.path_to_filesystem(&location)?.into_os_string();
        staged.push(STAGED_SUFFIX);
        match tokio::fs::remove_file(staged).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn folder_of(url: &str) -> Result<PathBuf, StorageError> {
    let parsed = Url::parse(url).ok().filter(|_| url.starts_with("file:///"));
    let folder = parsed.and_then(|url| url.to_file_path().ok());
    folder.filter(|folder| folder != Path::new("/")).ok_or_else(|| {
        StorageError::Address("it is file:///path/to/folder; no other kind is known".to_owned())
    })
}

fn location(key: &ObjectKey) -> Location {
    Location::from(key.to_string())
}

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct ObjectUpload {
    upload: Box<dyn MultipartUpload>,
    part: Vec<u8>,
}

impl ObjectUpload {
    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), StorageError> {
        self.part.extend_from_slice(piece);
        if self.part.len() < PIECE_BYTES {
            return Ok(());
        }
        self.flush().await
    }

    /// Makes the object seen; when this returns, it is on the disk.
    pub(crate) async fn finish(mut self) -> Result<(), StorageError> {
        self.flush().await?;
        self.upload.complete().await?;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), StorageError> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = std::mem::take(&mut self.part);
        Ok(self.upload.put_part(part.into()).await?)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::TryStreamExt;
    use shared::{CompanyId, Timestamp};

    use super::*;
    use crate::domain::file::FileId;

    type Outcome = Result<(), Box<dyn Error>>;

    fn storage_in(folder: &Path) -> Result<(Storage, ObjectKey), Box<dyn Error>> {
        let storage = Storage::open(&format!("file://{}/objects", folder.display()))?;
        let id = FileId::new_at(Timestamp::UNIX_EPOCH);
        Ok((storage, ObjectKey { company_id: CompanyId::try_from(100)?, id }))
    }

    #[tokio::test]
    async fn an_object_is_seen_when_it_is_finished_and_not_before() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (storage, key) = storage_in(folder.path())?;
        let content = vec![7; 3 * PIECE_BYTES + 1];
        let mut upload = storage.create(&key).await?;
        upload.write(&content).await?;
        assert!(matches!(storage.open_object(&key, 0).await, Err(StorageError::Missing)));
        upload.finish().await?;
        let size_bytes = content.len() as u64;
        let object = storage.open_object(&key, size_bytes).await?;
        let pieces: Vec<Bytes> = object.read(0..size_bytes).try_collect().await?;
        assert_eq!(pieces.concat(), content);
        assert!(matches!(storage.open_object(&key, 1).await, Err(StorageError::Damaged)));
        Ok(())
    }

    #[tokio::test]
    async fn nothing_is_left_of_what_is_deleted_finished_or_not() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (storage, key) = storage_in(folder.path())?;
        storage.create(&key).await?.finish().await?;
        let begun = storage.create(&key).await?;
        storage.delete(&key).await?;
        drop(begun);
        storage.delete(&key).await?;
        let company = folder.path().join("objects/100");
        assert_eq!(std::fs::read_dir(company)?.count(), 0);
        Ok(())
    }

    #[test]
    fn only_the_address_of_a_folder_is_taken() {
        let bad =
            ["", "/tmp/x", "s3://bucket", "file://relative", "file:///", "https://x/y", "file:x"];
        for url in bad {
            assert!(matches!(folder_of(url), Err(StorageError::Address(_))), "{url}");
        }
        let folder = folder_of("file:///var/lib/our%20files").ok();
        assert_eq!(folder.as_deref(), Some(Path::new("/var/lib/our files")));
    }
}
