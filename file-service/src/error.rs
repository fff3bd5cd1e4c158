//! What can go wrong.

use shared::db::DbError;
use shared::paging::PageError;

use crate::storage::StorageError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("no such file")]
    NoSuchFile,
    #[error("not the name of a file")]
    BadName,
    #[error("not a media type")]
    BadMediaType,
    #[error("not a digest that can be checked")]
    BadDigest,
    #[error("not an idempotency key")]
    BadIdempotencyKey,
    #[error("the content has a coding")]
    EncodedContent,
    #[error("larger than {max_file_bytes} bytes")]
    TooLarge { max_file_bytes: u64 },
    #[error("the digest is of other content")]
    WrongDigest,
    #[error("the idempotency key was used for another file")]
    IdempotencyKeyReused,
    #[error("what the caller says of the file is not so")]
    PreconditionFailed,
    #[error("all ranges are beyond the end")]
    RangeNotSatisfiable { size_bytes: u64 },
    #[error("the upload was too slow")]
    TooSlow,
    #[error("the body broke off: {0}")]
    BrokenBody(String),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Alike if they are of one kind: for tests.
#[cfg(test)]
impl PartialEq for FileError {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
