//! A folder of objects. An object is written under another name beside its own, and renamed when it is on the disk.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::local::LocalFileSystem;

use super::StorageError;
use crate::domain::file::ObjectKey;

/// What is added to the path of an object while it is written. (The crate leaves paths of this kind out when it lists.)
const STAGED_SUFFIX: &str = "#1";

#[derive(Clone, Debug)]
pub(super) struct LocalFolder {
    root: PathBuf,
}

impl LocalFolder {
    /// The folder, which is made where it is missing, and the crate's view of it.
    pub(super) fn open(root: PathBuf) -> Result<(LocalFileSystem, Self), StorageError> {
        let refused = |cause: &dyn std::fmt::Display| {
            StorageError::Address(format!("cannot use the folder {}: {cause}", root.display()))
        };
        fs::create_dir_all(&root).map_err(|error| refused(&error))?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|error| refused(&error))?;
        Ok((store, Self { root }))
    }

    pub(super) async fn create(&self, key: &ObjectKey) -> Result<StagedFile, StorageError> {
        let (root, path) = (self.root.clone(), self.path(key));
        off_the_loop(move || StagedFile::create(&root, path)).await
    }

    /// What is left of an object that was not finished, if there is something.
    pub(super) async fn delete_staged(&self, key: &ObjectKey) -> Result<(), StorageError> {
        let staged = staged(&self.path(key));
        off_the_loop(move || match fs::remove_file(staged) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    pub(super) fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.company_id.to_string()).join(key.id.to_string())
    }
}

fn staged(path: &Path) -> PathBuf {
    let mut staged = path.as_os_str().to_owned();
    staged.push(STAGED_SUFFIX);
    staged.into()
}

/// An object that is being written.
#[derive(Clone, Debug)]
pub(super) struct StagedFile {
    file: Arc<File>,
    path: PathBuf,
}

impl StagedFile {
    fn create(root: &Path, path: PathBuf) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(root);
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            sync_folder(root)?;
        }
        Ok(Self { file: Arc::new(File::create_new(staged(&path))?), path })
    }

    /// Not for an event loop.
    pub(super) fn write(&self, piece: &[u8]) -> io::Result<()> {
        (&*self.file).write_all(piece)
    }

    /// When this returns, it is on the disk, and so is its name: a row of the database says that the object is there,
    /// also after the power has failed.
    pub(super) async fn finish(self) -> Result<(), StorageError> {
        off_the_loop(move || {
            self.file.sync_all()?;
            fs::rename(staged(&self.path), &self.path)?;
            self.path.parent().map_or(Ok(()), sync_folder)
        })
        .await
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Work that waits for the disk.
pub(super) async fn off_the_loop<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, StorageError>
where
    T: Send + 'static,
    E: Send + 'static,
    StorageError: From<E>,
{
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| StorageError::Unavailable(error.to_string()))??)
}
