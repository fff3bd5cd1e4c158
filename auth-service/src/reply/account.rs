//! The one match from [`AccountError`] to status, code and message.

use serde_json::json;
use shared::ApiError;
use shared::db::DbError;
use shared::reply::{ErrorCode, codes};

use crate::error::{AccountError, TokenRefusal};
use crate::reply::RETRY_AFTER_S;
use crate::user_api::Taken;

const fn code(code: &'static str, status: u16, ko: &'static str, en: &'static str) -> ErrorCode {
    ErrorCode { code, status, ko, en }
}

pub(crate) const WRONG_CREDENTIALS: ErrorCode = code(
    "A006",
    401,
    "이메일 또는 비밀번호가 올바르지 않습니다.",
    "The e-mail or the password is wrong.",
);
pub(crate) const REFRESH_INVALID: ErrorCode =
    code("A007", 401, "다시 로그인해 주세요.", "Please log in again.");
pub(crate) const REFRESH_REUSED: ErrorCode = code(
    "A008",
    401,
    "이미 사용된 로그인 정보입니다. 안전을 위해 로그아웃되었습니다. 다시 로그인해 주세요.",
    "This login was used in two places. For safety it is ended: please log in again.",
);
pub(crate) const TOO_MANY_ATTEMPTS: ErrorCode = code(
    "A009",
    429,
    "로그인 실패가 너무 많습니다. 잠시 후 다시 시도해 주세요.",
    "Too many failed logins. Please try again later.",
);
pub(crate) const CROSS_SITE: ErrorCode = code(
    "A013",
    403,
    "다른 사이트에서 보낸 요청은 처리할 수 없습니다.",
    "A request from another site is refused.",
);
pub(crate) const TAKEN: ErrorCode =
    code("U001", 409, "이미 가입된 이메일입니다.", "This e-mail is already registered.");
pub(crate) const NO_SUCH_USER: ErrorCode =
    code("U002", 404, "존재하지 않는 사용자입니다.", "There is no such user.");

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            // RFC 9110 section 15.5.2: every 401 has a challenge.
            AccountError::WrongCredentials => {
                Self::new(&WRONG_CREDENTIALS).with_challenge("Bearer")
            }
            AccountError::RefreshInvalid(why) => {
                Self::new(&REFRESH_INVALID).with_challenge("Bearer").because(why)
            }
            AccountError::RefreshReused => Self::new(&REFRESH_REUSED).with_challenge("Bearer"),
            AccountError::TooManyAttempts { retry_after_s } => {
                Self::new(&TOO_MANY_ATTEMPTS).retry_after(retry_after_s)
            }
            AccountError::CrossSite(why) => Self::new(&CROSS_SITE).because(why),
            AccountError::NoSuchLogin | AccountError::NoSuchHandoff => {
                Self::new(&codes::NO_SUCH_PATH).because(error)
            }
            AccountError::NotConfigured => Self::new(&codes::NO_SUCH_PATH).because(error),
            AccountError::Taken(taken) => taken_by(&taken),
            AccountError::NoSuchUser => Self::new(&NO_SUCH_USER),
            AccountError::Busy { retry_after_s } => Self::unavailable(retry_after_s, error),
            AccountError::UserServiceAway(_)
            | AccountError::Redis(_)
            | AccountError::Db(DbError::Unavailable(_))
            | AccountError::Token(TokenRefusal::Stale | TokenRefusal::Db(_)) => {
                Self::unavailable(RETRY_AFTER_S, error)
            }
            AccountError::Db(_) | AccountError::Token(_) | AccountError::Crypto => {
                Self::unexpected(error)
            }
        }
    }
}

/// Only for those who have proved that the address is theirs.
fn taken_by(taken: &Taken) -> ApiError {
    let provider = taken.provider;
    ApiError::new(&TAKEN)
        .with_sentences(
            format!("{provider}로 가입된 이메일입니다."),
            format!("This e-mail is already registered with {provider}."),
        )
        .with_data(json!(taken))
}
