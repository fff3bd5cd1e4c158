//! The one match from [`UserError`] to status, code and message.

use serde_json::json;
use shared::reply::input::Violation;
use shared::reply::{ErrorCode, codes};
use shared::{ApiError, db::DbError};

use crate::domain::account::Registered;
use crate::domain::user::Email;
use crate::error::UserError;
use crate::hashing::HashingError;

const fn code(code: &'static str, status: u16, ko: &'static str, en: &'static str) -> ErrorCode {
    ErrorCode { code, status, ko, en }
}

pub(crate) const REGISTERED: ErrorCode =
    code("U001", 409, "이미 가입된 이메일입니다.", "This e-mail is already registered.");
pub(crate) const NO_SUCH_USER: ErrorCode =
    code("U002", 404, "존재하지 않는 사용자입니다.", "There is no such user.");
pub(crate) const NOT_PROVEN: ErrorCode =
    code("U003", 400, "이메일 인증이 필요합니다.", "The e-mail has not been verified yet.");
pub(crate) const BAD_CODE: ErrorCode = code(
    "U004",
    400,
    "인증 코드가 올바르지 않거나 만료되었습니다.",
    "The code is wrong, expired or used up.",
);
pub(crate) const BAD_RESET_TOKEN: ErrorCode = code(
    "U005",
    400,
    "비밀번호 재설정 토큰이 올바르지 않거나 만료되었습니다.",
    "The reset token is wrong, expired or used.",
);
pub(crate) const WEAK_PASSWORD: ErrorCode = code(
    "U006",
    400,
    "비밀번호가 보안 조건을 충족하지 않습니다.",
    "The password does not meet the requirements.",
);
pub(crate) const NO_SUCH_IDENTITY: ErrorCode = code(
    "U007",
    404,
    "연결되지 않은 로그인 수단입니다.",
    "This way to log in is not linked to your account.",
);
pub(crate) const LAST_WAY_IN: ErrorCode = code(
    "U008",
    409,
    "마지막 로그인 수단은 연결을 해제할 수 없습니다.",
    "This is your only way to log in. It cannot be unlinked.",
);
pub(crate) const WRONG_PASSWORD: ErrorCode = code(
    "A006",
    401,
    "이메일 또는 비밀번호가 올바르지 않습니다.",
    "The e-mail or the password is wrong.",
);
pub(crate) const TOO_MANY_FAILURES: ErrorCode = code(
    "A009",
    429,
    "로그인 실패가 너무 많습니다. 잠시 후 다시 시도해 주세요.",
    "Too many failed logins. Please try again later.",
);

impl From<UserError> for ApiError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NoSuchUser => Self::new(&NO_SUCH_USER),
            UserError::NoSuchIdentity => Self::new(&NO_SUCH_IDENTITY),
            UserError::LastWayIn => Self::new(&LAST_WAY_IN),
            UserError::BadIds => {
                Violation::new("ids", "format", "at most 200 ids, separated by commas").into()
            }
            UserError::TooManyUsers => {
                Violation::new("users", "max", "at most 500 users at once").into()
            }
            UserError::BadField(field, asked) => Violation::new(field, "format", asked).into(),
            UserError::Registered(registered) => taken(&registered),
            UserError::NotProven => Self::new(&NOT_PROVEN),
            UserError::BadCode => Self::new(&BAD_CODE),
            UserError::BadResetToken => Self::new(&BAD_RESET_TOKEN),
            UserError::WeakPassword(missing) => {
                Self::new(&WEAK_PASSWORD).with_data(json!({ "missing": missing }))
            }
            // Not `invalid_token`: the caller's token is good.
            UserError::WrongPassword => Self::new(&WRONG_PASSWORD).with_challenge("Bearer"),
            UserError::TooManyFailures { retry_after_s } => {
                Self::new(&TOO_MANY_FAILURES).retry_after(retry_after_s)
            }
            UserError::TooOften { retry_after_s } => {
                Self::new(&codes::TOO_MANY_REQUESTS).retry_after(retry_after_s)
            }
            UserError::Hashing(error @ HashingError::Busy) => Self::unavailable(1, error),
            UserError::Hashing(error) => Self::unexpected(error),
            error @ UserError::NoRandomness => Self::unexpected(error),
            UserError::Cache(error) => Self::unavailable(2, error),
            UserError::Page(error) => error.into(),
            UserError::Db(error @ DbError::Unavailable(_)) => Self::unavailable(2, error),
            UserError::Db(error) => Self::unexpected(error),
        }
    }
}

fn taken(Registered { email, provider }: &Registered) -> ApiError {
    let email = email.as_ref().map(Email::as_str);
    ApiError::new(&REGISTERED)
        .with_sentences(
            format!("{provider}로 가입된 이메일입니다."),
            format!("This e-mail is already registered with {provider}."),
        )
        .with_data(json!({ "email": email, "provider": provider }))
}
