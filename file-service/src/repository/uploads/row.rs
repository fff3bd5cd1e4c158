//! A resumable upload as it stands in its table.

use chrono::NaiveDateTime;
use diesel::{Insertable, Queryable, Selectable};
use shared::db::DbError;
use shared::{CompanyId, UserId};

use crate::domain::file::{FileId, FileName, MediaType};
use crate::domain::resumable::upload::{Part, ResumableUpload};
use crate::error::FileError;
use crate::repository::schema::uploads;
use crate::repository::{signed, unsigned};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = uploads)]
pub(in crate::repository) struct UploadRow {
    id: String,
    company_id: i64,
    name: String,
    content_type: String,
    metadata: String,
    size_bytes: i64,
    offset_bytes: i64,
    part_count: i64,
    fence: i64,
    file_id: Option<String>,
    created_at: NaiveDateTime,
    created_by: i64,
    created_through: Option<String>,
    expires_at: NaiveDateTime,
    file_expires_at: Option<NaiveDateTime>,
}

impl UploadRow {
    /// Of one that nobody has worked on yet.
    pub(super) fn new(upload: &ResumableUpload) -> Result<Self, FileError> {
        Ok(Self {
            id: upload.id.to_string(),
            company_id: upload.company_id.get(),
            name: upload.name.as_str().to_owned(),
            content_type: upload.media_type.as_str().to_owned(),
            metadata: upload.metadata.clone(),
            size_bytes: signed(upload.size_bytes)?,
            offset_bytes: signed(upload.offset_bytes)?,
            part_count: signed(upload.part_count)?,
            fence: 0,
            file_id: upload.file_id.map(|id| id.to_string()),
            created_at: upload.created_at.naive_utc(),
            created_by: upload.created_by.get(),
            created_through: upload.created_through.clone(),
            expires_at: upload.expires_at.naive_utc(),
            file_expires_at: upload.file_expires_at.map(|at| at.naive_utc()),
        })
    }
}

impl TryFrom<UploadRow> for ResumableUpload {
    type Error = FileError;

    fn try_from(row: UploadRow) -> Result<Self, FileError> {
        let file_id = row.file_id.as_deref().map(id).transpose()?;
        Ok(Self {
            id: id(&row.id)?,
            company_id: CompanyId::try_from(row.company_id)
                .map_err(|_| DbError::Corrupt("company id"))?,
            name: FileName::parse(&row.name).map_err(|_| DbError::Corrupt("file name"))?,
            media_type: MediaType::parse(&row.content_type)
                .map_err(|_| DbError::Corrupt("media type"))?,
            metadata: row.metadata,
            size_bytes: unsigned(row.size_bytes)?,
            offset_bytes: unsigned(row.offset_bytes)?,
            part_count: unsigned(row.part_count)?,
            file_id,
            created_at: row.created_at.and_utc(),
            created_by: UserId::try_from(row.created_by)
                .map_err(|_| DbError::Corrupt("user id"))?,
            created_through: row.created_through,
            expires_at: row.expires_at.and_utc(),
            file_expires_at: row.file_expires_at.map(|at| at.and_utc()),
        })
    }
}

pub(super) fn part((part, first_byte, size_bytes): (String, i64, i64)) -> Result<Part, FileError> {
    Ok(Part {
        id: id(&part)?,
        first_byte: unsigned(first_byte)?,
        size_bytes: unsigned(size_bytes)?,
    })
}

fn id(text: &str) -> Result<FileId, FileError> {
    Ok(FileId::parse(text).map_err(|_| DbError::Corrupt("id"))?)
}
