//! The one match from [`UserError`] to status, code and message.

use shared::reply::ErrorCode;
use shared::reply::input::Violation;
use shared::{ApiError, db::DbError};

use crate::error::UserError;

const NO_SUCH_USER: ErrorCode = ErrorCode {
    code: "U002",
    status: 404,
    ko: "존재하지 않는 사용자입니다.",
    en: "There is no such user.",
};

impl From<UserError> for ApiError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NoSuchUser => Self::new(&NO_SUCH_USER),
            UserError::BadIds => {
                Violation::new("ids", "format", "at most 200 ids, separated by commas").into()
            }
            UserError::TooManyUsers => {
                Violation::new("users", "max", "at most 500 users at once").into()
            }
            UserError::Page(error) => error.into(),
            UserError::Db(error @ DbError::Unavailable(_)) => Self::unavailable(2, error),
            UserError::Db(error) => Self::unexpected(error),
        }
    }
}
