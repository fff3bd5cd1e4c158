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
    /// A field, and what is asked for.
    #[error("{0}: {1}")]
    BadMoment(&'static str, &'static str),
    #[error("the content has a coding")]
    EncodedContent,
    #[error("not a form with one file: {0}")]
    BadForm(&'static str),
    #[error("larger than {max_file_bytes} bytes")]
    TooLarge { max_file_bytes: u64 },
    #[error("the quota of {quota_bytes} bytes is used up: {used_bytes} are in use")]
    OverQuota { quota_bytes: u64, used_bytes: u64 },
    #[error("{0} is not as tus has it")]
    BadTusHeader(&'static str),
    #[error("not a version of tus that we speak")]
    UnknownTusVersion,
    #[error("not application/offset+octet-stream")]
    NotOffsetContent,
    #[error("the upload is at {offset_bytes}")]
    WrongOffset { offset_bytes: u64 },
    #[error("somebody else is sending bytes of this upload")]
    UploadBusy,
    #[error("the upload goes beyond the length that it began with")]
    BeyondLength,
    #[error("the upload comes in too many parts")]
    TooManyParts,
    #[error("the checksum is of other bytes")]
    WrongChecksum,
    #[error("somebody else has gone on with the upload")]
    LostLease,
    #[error("the upload was given up for dead")]
    Abandoned,
    #[error("the storage has no addresses for downloads")]
    NoDownloadUrl,
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

impl From<diesel::result::Error> for FileError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Alike if they are of one kind: for tests.
#[cfg(test)]
impl PartialEq for FileError {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
