//! The one match from [`SocialRefusal`] to status, code and message.

use serde_json::json;
use shared::ApiError;
use shared::reply::input::Violation;
use shared::reply::{ErrorCode, codes};

use crate::domain::social::SocialRefusal;
use crate::reply::RETRY_AFTER_S;
use crate::reply::account::{NO_SUCH_USER, TAKEN, TOO_MANY_ATTEMPTS, WRONG_CREDENTIALS};

pub(crate) const FAILED: ErrorCode = ErrorCode {
    code: "A010",
    status: 400,
    ko: "소셜 로그인에 실패했습니다.",
    en: "The social login has failed.",
};
pub(crate) const EMAIL_NOT_VERIFIED: ErrorCode = ErrorCode {
    code: "A011",
    status: 403,
    ko: "이메일 인증이 완료되지 않은 계정입니다.",
    en: "The provider has not verified this e-mail.",
};
pub(crate) const PROVIDER_AWAY: ErrorCode = ErrorCode {
    code: "A012",
    status: 502,
    ko: "소셜 로그인 제공자가 응답하지 않습니다.",
    en: "The provider of the social login does not answer.",
};

impl From<SocialRefusal> for ApiError {
    fn from(refusal: SocialRefusal) -> Self {
        let of = |code: &'static ErrorCode| Self::new(code).because(&refusal);
        match &refusal {
            SocialRefusal::NoSuchProvider => of(&codes::NO_SUCH_PATH),
            SocialRefusal::State(_)
            | SocialRefusal::Denied
            | SocialRefusal::Refused(_)
            | SocialRefusal::IdToken(_) => of(&FAILED),
            SocialRefusal::Target => {
                Violation::new("target", "format", "a path of the front end").into()
            }
            SocialRefusal::NotProved => {
                let asked = "the password, or a login of the last minutes";
                Violation::new("password", "required", asked).into()
            }
            SocialRefusal::WrongPassword => of(&WRONG_CREDENTIALS).with_challenge("Bearer"),
            SocialRefusal::NotAPerson => {
                of(&codes::SCOPE_MISSING).with_challenge(r#"Bearer error="insufficient_scope""#)
            }
            SocialRefusal::TooOften { retry_after_s } => {
                of(&codes::TOO_MANY_REQUESTS).retry_after(*retry_after_s)
            }
            SocialRefusal::TooManyPasswords { retry_after_s } => {
                of(&TOO_MANY_ATTEMPTS).retry_after(*retry_after_s)
            }
            SocialRefusal::EmailNotVerified => of(&EMAIL_NOT_VERIFIED),
            SocialRefusal::EmailTaken(provider) | SocialRefusal::IdentityTaken(provider) => {
                of(&TAKEN).with_data(json!({ "email": null, "provider": provider }))
            }
            SocialRefusal::NoSuchUser => of(&NO_SUCH_USER),
            SocialRefusal::LoginEnded => of(&codes::TOKEN_REVOKED),
            SocialRefusal::Away(_) => of(&PROVIDER_AWAY),
            SocialRefusal::Unavailable(_) => of(&codes::UNAVAILABLE).retry_after(RETRY_AFTER_S),
            SocialRefusal::Unexpected(_) => of(&codes::UNEXPECTED),
        }
    }
}
