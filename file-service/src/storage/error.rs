//! What can go wrong with a storage.

use std::error::Error;
use std::io::{self, ErrorKind};

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
        if is_full(&error) {
            Self::Full(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

/// A file may also be larger than its file system, or its process, may make one.
fn is_full(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    match kind {
        Some(kind) => matches!(
            kind,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
        ),
        None => error.source().is_some_and(is_full),
    }
}
