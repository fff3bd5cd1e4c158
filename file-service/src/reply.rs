//! The one match from [`FileError`] to status, code and message.

use actix_web::http::header::{CONTENT_RANGE, HeaderValue};
use serde_json::json;
use shared::reply::input::Violation;
use shared::reply::{ErrorCode, codes};
use shared::{ApiError, db::DbError};

use crate::error::FileError;
use crate::handlers::tus::{TUS_RESUMABLE, TUS_VERSION_HEADER};
use crate::storage::StorageError;

pub(crate) const NO_SUCH_FILE: ErrorCode = ErrorCode {
    code: "F001",
    status: 404,
    ko: "존재하지 않는 파일입니다.",
    en: "There is no such file.",
};
pub(crate) const TOO_LARGE: ErrorCode = ErrorCode {
    code: "F002",
    status: 413,
    ko: "파일이 너무 큽니다.",
    en: "The file is too large.",
};
pub(crate) const WRONG_DIGEST: ErrorCode = ErrorCode {
    code: "F003",
    status: 422,
    ko: "파일의 체크섬이 일치하지 않습니다.",
    en: "The checksum does not match the file.",
};
pub(crate) const OVER_QUOTA: ErrorCode = ErrorCode {
    code: "F002",
    status: 413,
    ko: "저장 공간이 부족합니다.",
    en: "The quota is used up.",
};
pub(crate) const WRONG_OFFSET: ErrorCode = ErrorCode {
    code: "F005",
    status: 409,
    ko: "업로드 위치가 일치하지 않습니다.",
    en: "The upload is at another offset.",
};
/// The status is tus's own.
pub(crate) const WRONG_CHECKSUM: ErrorCode = ErrorCode { status: 460, ..WRONG_DIGEST };
pub(crate) const UPLOAD_BUSY: ErrorCode = ErrorCode {
    code: "F007",
    status: 423,
    ko: "다른 요청이 이 업로드를 전송하고 있습니다.",
    en: "Another request is sending bytes of this upload.",
};
pub(crate) const TUS_VERSION: ErrorCode = ErrorCode {
    code: "F008",
    status: 412,
    ko: "지원하지 않는 tus 버전입니다.",
    en: "This version of tus is not supported.",
};
pub(crate) const NO_DOWNLOAD_URL: ErrorCode = ErrorCode {
    code: "F009",
    status: 409,
    ko: "이 저장소는 다운로드 주소를 만들 수 없습니다. 파일을 직접 받아 주세요.",
    en: "This storage has no addresses for downloads: get the file itself.",
};
pub(crate) const RANGE_NOT_SATISFIABLE: ErrorCode = ErrorCode {
    code: "F004",
    status: 416,
    ko: "요청한 범위가 파일의 크기를 벗어났습니다.",
    en: "The range is beyond the end of the file.",
};
pub(crate) const PRECONDITION_FAILED: ErrorCode = ErrorCode {
    code: "F010",
    status: 412,
    ko: "파일이 요청한 조건과 일치하지 않습니다.",
    en: "The file is not what the request says that it is.",
};
pub(crate) const TOO_SLOW: ErrorCode = ErrorCode {
    code: "F006",
    status: 408,
    ko: "업로드가 너무 오래 걸립니다.",
    en: "The upload takes too long.",
};
/// Space is made by people, so there is no point in coming back at once.
const FULL_RETRY_AFTER_S: u64 = 60;
const RETRY_AFTER_S: u64 = 2;

impl From<FileError> for ApiError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NoSuchFile => Self::new(&NO_SUCH_FILE),
            error @ (FileError::BadName
            | FileError::BadMediaType
            | FileError::BadDigest
            | FileError::BadIdempotencyKey
            | FileError::BadForm(_)
            | FileError::BadMoment(..)
            | FileError::EncodedContent) => of_input(error),
            FileError::TooLarge { max_file_bytes } => {
                Self::new(&TOO_LARGE).with_data(json!({ "maxFileBytes": max_file_bytes }))
            }
            FileError::OverQuota { quota_bytes, used_bytes } => Self::new(&OVER_QUOTA)
                .with_data(json!({ "quotaBytes": quota_bytes, "usedBytes": used_bytes })),
            error @ (FileError::BadTusHeader(_)
            | FileError::UnknownTusVersion
            | FileError::NotOffsetContent
            | FileError::WrongOffset { .. }
            | FileError::UploadBusy
            | FileError::BeyondLength
            | FileError::TooManyParts
            | FileError::WrongChecksum
            | FileError::LostLease) => of_resumable(error),
            FileError::Abandoned => Self::unavailable(RETRY_AFTER_S, error),
            FileError::NoDownloadUrl => Self::new(&NO_DOWNLOAD_URL),
            FileError::PreconditionFailed => Self::new(&PRECONDITION_FAILED),
            FileError::RangeNotSatisfiable { size_bytes } => out_of_range(size_bytes),
            FileError::WrongDigest => Self::new(&WRONG_DIGEST),
            FileError::IdempotencyKeyReused => Self::new(&codes::IDEMPOTENCY_KEY_REUSED),
            FileError::TooSlow => Self::new(&TOO_SLOW),
            FileError::BrokenBody(_) => Self::new(&codes::BAD_JSON)
                .with_sentences("요청 본문이 중간에 끊겼습니다.", "The body broke off.")
                .because(error),
            FileError::Page(error) => error.into(),
            FileError::Db(error @ DbError::Unavailable(_)) => {
                Self::unavailable(RETRY_AFTER_S, error)
            }
            FileError::Db(error) => Self::unexpected(error),
            FileError::Storage(error) => of_storage(error),
        }
    }
}

fn of_input(error: FileError) -> ApiError {
    match error {
        FileError::BadName => violation("name", "1 to 255 characters, no controls, no / or \\"),
        FileError::BadMediaType => violation("Content-Type", "a media type, as in text/csv"),
        FileError::BadDigest => violation("Content-Digest", "sha-256=:<base64>: (RFC 9530)"),
        FileError::BadForm(what) => violation("body", what),
        FileError::BadMoment(field, asked) => violation(field, asked),
        FileError::BadIdempotencyKey => {
            violation("Idempotency-Key", "1 to 255 visible ASCII characters")
        }
        // EncodedContent.
        _ => ApiError::new(&codes::MEDIA_TYPE).with_sentences(
            "Content-Encoding은 지원하지 않습니다.",
            "Send it without Content-Encoding.",
        ),
    }
}

fn violation(field: &'static str, message: &str) -> ApiError {
    Violation::new(field, "format", message).into()
}

fn of_resumable(error: FileError) -> ApiError {
    match error {
        FileError::BadTusHeader(name) => violation(name, "as tus 1.0 has it"),
        FileError::UnknownTusVersion => ApiError::new(&TUS_VERSION)
            .with_header(TUS_VERSION_HEADER, HeaderValue::from_static(TUS_RESUMABLE)),
        FileError::NotOffsetContent => ApiError::new(&codes::MEDIA_TYPE).with_sentences(
            "application/offset+octet-stream으로 전송해 주세요.",
            "Send it as application/offset+octet-stream.",
        ),
        FileError::WrongOffset { offset_bytes } => {
            ApiError::new(&WRONG_OFFSET).with_data(json!({ "offsetBytes": offset_bytes }))
        }
        FileError::BeyondLength => ApiError::new(&TOO_LARGE).with_sentences(
            "업로드가 Upload-Length보다 깁니다.",
            "The upload is longer than its Upload-Length.",
        ),
        FileError::TooManyParts => ApiError::new(&TOO_LARGE).with_sentences(
            "업로드가 너무 많은 조각으로 나뉘었습니다.",
            "The upload comes in too many parts.",
        ),
        FileError::WrongChecksum => ApiError::new(&WRONG_CHECKSUM),
        // UploadBusy, LostLease: the other one is at it.
        _ => ApiError::new(&UPLOAD_BUSY).retry_after(RETRY_AFTER_S),
    }
}

/// RFC 9110 section 15.5.17.
fn out_of_range(size_bytes: u64) -> ApiError {
    let size = HeaderValue::try_from(format!("bytes */{size_bytes}"));
    let error = ApiError::new(&RANGE_NOT_SATISFIABLE);
    size.map_or(error.clone(), |size| error.with_header(CONTENT_RANGE, size))
}

fn of_storage(error: StorageError) -> ApiError {
    match error {
        StorageError::Full(_) => ApiError::unavailable(FULL_RETRY_AFTER_S, error),
        StorageError::Unavailable(_) => ApiError::unavailable(RETRY_AFTER_S, error),
        StorageError::Address(_) | StorageError::Missing | StorageError::Damaged => {
            ApiError::unexpected(error)
        }
    }
}
