//! What a resumable upload is, and the rules that it obeys.

use shared::{CompanyId, Timestamp, UserId};

use crate::domain::file::{FileId, FileName, MediaType, ObjectKey};
use crate::error::FileError;
use crate::repository::loose_objects::LooseObject;
use crate::storage::Algorithm;

/// Each part is an object and a row: whoever sends a byte at a time is stopped.
const MAX_PARTS: u64 = 10_000;

/// An upload that may come in many requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResumableUpload {
    pub(crate) id: FileId,
    pub(crate) company_id: CompanyId,
    pub(crate) name: FileName,
    pub(crate) media_type: MediaType,
    /// As the client has written it.
    pub(crate) metadata: String,
    pub(crate) size_bytes: u64,
    /// How much has come.
    pub(crate) offset_bytes: u64,
    pub(crate) part_count: u64,
    /// What it has become.
    pub(crate) file_id: Option<FileId>,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: UserId,
    pub(crate) created_through: Option<String>,
    pub(crate) expires_at: Timestamp,
    /// When the file that it becomes expires.
    pub(crate) file_expires_at: Option<Timestamp>,
}

/// Some of it, in an object of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) id: FileId,
    pub(crate) first_byte: u64,
    pub(crate) size_bytes: u64,
}

impl Part {
    /// As it is when the upload needs it no more. Parts are small, and have no parts of their own.
    pub(crate) fn as_loose(&self, company_id: CompanyId) -> LooseObject {
        LooseObject { key: ObjectKey { company_id, id: self.id }, multipart_id: None }
    }
}

/// The right to add to an upload. Who has a later one has a higher fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) upload_id: FileId,
    pub(crate) fence: i64,
}

/// What a client says of the bytes that it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) offset_bytes: u64,
    /// None: nobody knows before the end.
    pub(crate) size_bytes: Option<u64>,
    pub(crate) checksum: Option<Checksum>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) digest: Vec<u8>,
}

/// What a client says of an upload that it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    pub(crate) name: FileName,
    pub(crate) media_type: MediaType,
    pub(crate) metadata: String,
    pub(crate) size_bytes: u64,
    pub(crate) file_expires_at: Option<Timestamp>,
}

impl ResumableUpload {
    pub(crate) fn is_complete(&self) -> bool {
        self.offset_bytes == self.size_bytes
    }

    pub(crate) fn left_bytes(&self) -> u64 {
        self.size_bytes.saturating_sub(self.offset_bytes)
    }

    pub(crate) fn object_key(&self, part: &Part) -> ObjectKey {
        ObjectKey { company_id: self.company_id, id: part.id }
    }

    /// Whether these bytes may come next.
    pub(crate) fn check(&self, chunk: &Chunk) -> Result<(), FileError> {
        if chunk.offset_bytes != self.offset_bytes {
            return Err(FileError::WrongOffset { offset_bytes: self.offset_bytes });
        }
        if chunk.size_bytes.unwrap_or_default() > self.left_bytes() {
            return Err(FileError::BeyondLength);
        }
        if self.part_count >= MAX_PARTS && !self.is_complete() {
            return Err(FileError::TooManyParts);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(offset_bytes: u64, part_count: u64) -> Result<ResumableUpload, FileError> {
        let id = FileId::new_at(Timestamp::UNIX_EPOCH);
        Ok(ResumableUpload {
            id,
            company_id: CompanyId::MIN,
            name: FileName::parse("a")?,
            media_type: MediaType::default(),
            metadata: String::new(),
            size_bytes: 10,
            offset_bytes,
            part_count,
            file_id: None,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: UserId::MIN,
            created_through: None,
            expires_at: Timestamp::UNIX_EPOCH,
            file_expires_at: None,
        })
    }

    #[test]
    fn bytes_come_at_the_offset_and_not_beyond_the_length() -> Result<(), FileError> {
        let chunk = |offset_bytes, size_bytes| Chunk { offset_bytes, size_bytes, checksum: None };
        let wrong = || FileError::WrongOffset { offset_bytes: 0 };
        let table = [
            (chunk(4, Some(6)), Ok(())),
            (chunk(4, Some(0)), Ok(())),
            (chunk(4, None), Ok(())),
            (chunk(4, Some(7)), Err(FileError::BeyondLength)),
            (chunk(4, Some(u64::MAX)), Err(FileError::BeyondLength)),
            (chunk(3, Some(1)), Err(wrong())),
            (chunk(5, Some(1)), Err(wrong())),
            (chunk(u64::MAX, Some(1)), Err(wrong())),
        ];
        for (chunk, expected) in table {
            assert_eq!(upload(4, 0)?.check(&chunk), expected, "{chunk:?}");
        }
        assert_eq!(upload(4, MAX_PARTS)?.check(&chunk(4, None)), Err(FileError::TooManyParts));
        assert_eq!(upload(10, MAX_PARTS)?.check(&chunk(10, Some(0))), Ok(()));
        Ok(())
    }
}
