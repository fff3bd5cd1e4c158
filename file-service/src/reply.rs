//! The one match from [`FileError`] to status, code and message.

use actix_web::http::header::{CONTENT_RANGE, HeaderValue};
use serde_json::json;
use shared::reply::input::Violation;
use shared::reply::{ErrorCode, codes};
use shared::{ApiError, db::DbError};

use crate::error::FileError;
use crate::storage::StorageError;

const NO_SUCH_FILE: ErrorCode = ErrorCode {
    code: "F001",
    status: 404,
    ko: "존재하지 않는 파일입니다.",
    en: "There is no such file.",
};
const TOO_LARGE: ErrorCode = ErrorCode {
    code: "F002",
    status: 413,
    ko: "파일이 너무 큽니다.",
    en: "The file is too large.",
};
const WRONG_DIGEST: ErrorCode = ErrorCode {
    code: "F003",
    status: 422,
    ko: "파일의 체크섬이 일치하지 않습니다.",
    en: "The checksum does not match the file.",
};
const RANGE_NOT_SATISFIABLE: ErrorCode = ErrorCode {
    code: "F004",
    status: 416,
    ko: "요청한 범위가 파일의 크기를 벗어났습니다.",
    en: "The range is beyond the end of the file.",
};
const PRECONDITION_FAILED: ErrorCode = ErrorCode {
    code: "F010",
    status: 412,
    ko: "파일이 요청한 조건과 일치하지 않습니다.",
    en: "The file is not what the request says that it is.",
};
const TOO_SLOW: ErrorCode = ErrorCode {
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
            FileError::BadName => violation("name", "1 to 255 characters, no controls, no / or \\"),
            FileError::BadMediaType => violation("Content-Type", "a media type, as in text/csv"),
            FileError::BadDigest => violation("Content-Digest", "sha-256=:<base64>: (RFC 9530)"),
            FileError::BadIdempotencyKey => {
                violation("Idempotency-Key", "1 to 255 visible ASCII characters")
            }
            FileError::EncodedContent => Self::new(&codes::MEDIA_TYPE).with_sentences(
                "Content-Encoding은 지원하지 않습니다.",
                "Send it without Content-Encoding.",
            ),
            FileError::TooLarge { max_file_bytes } => {
                Self::new(&TOO_LARGE).with_data(json!({ "maxFileBytes": max_file_bytes }))
            }
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

fn violation(field: &'static str, message: &str) -> ApiError {
    Violation::new(field, "format", message).into()
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
