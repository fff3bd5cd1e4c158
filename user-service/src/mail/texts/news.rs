//! [`News`]: what an owner is told of his account, so that he sees what he has not done himself.

use chrono::NaiveDate;

use super::{Words, words};
use crate::domain::account::Provider;

/// What has become of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    PasswordChanged,
    PasswordReset,
    IdentityLinked(Provider),
    Withdrawn,
    /// It will be closed on that day.
    Dormant {
        closes_on: NaiveDate,
    },
    ClosedAsDormant,
}

const ALARM_KO: &str = "다른 모든 기기에서 로그아웃되었습니다. \
     직접 하신 일이 아니라면 지금 바로 비밀번호를 재설정해 주세요.";

pub(super) fn news_ko(news: News) -> Words {
    match news {
        News::PasswordChanged => {
            words("비밀번호가 변경되었습니다", "비밀번호가 변경되었습니다.", ALARM_KO)
        }
        News::PasswordReset => {
            words("비밀번호가 재설정되었습니다", "비밀번호가 재설정되었습니다.", ALARM_KO)
        }
        News::IdentityLinked(provider) => words(
            "새로운 로그인 수단이 연결되었습니다",
            format!("회원님의 계정에 {provider} 로그인이 연결되었습니다."),
            "직접 하신 일이 아니라면 지금 바로 연결을 해제하고 비밀번호를 변경해 주세요.",
        ),
        News::Withdrawn => words(
            "탈퇴가 완료되었습니다",
            "회원 탈퇴가 완료되어 계정이 닫혔고 모든 기기에서 로그아웃되었습니다.",
            "개인정보는 보관 기간이 지나면 삭제됩니다. 직접 하신 일이 아니라면 지금 바로 알려 주세요.",
        ),
        News::Dormant { closes_on } => words(
            "계정이 곧 탈퇴 처리됩니다",
            format!("오랫동안 로그인하지 않으셔서 {closes_on}에 계정이 탈퇴 처리될 예정입니다."),
            "계속 이용하시려면 그 전에 한 번만 로그인해 주세요.",
        ),
        News::ClosedAsDormant => words(
            "장기 미이용으로 탈퇴 처리되었습니다",
            "안내해 드린 대로, 오랫동안 이용하지 않으신 계정이 탈퇴 처리되었습니다.",
            "개인정보는 보관 기간이 지나면 삭제됩니다.",
        ),
    }
}

const ALARM_EN: &str = "You have been logged out everywhere else. \
     If this was not you, please reset your password right now.";

pub(super) fn news_en(news: News) -> Words {
    match news {
        News::PasswordChanged => {
            words("Your password was changed", "Your password was changed.", ALARM_EN)
        }
        News::PasswordReset => {
            words("Your password was reset", "Your password was reset.", ALARM_EN)
        }
        News::IdentityLinked(provider) => words(
            "A new way to log in was linked to your account",
            format!("{provider} was linked to your account."),
            "If this was not you, please unlink it right now and change your password.",
        ),
        News::Withdrawn => words(
            "Your account was closed",
            "Your account was closed, as you asked, and you have been logged out everywhere.",
            "What we hold of you is erased after a while. If this was not you, please let us know right now.",
        ),
        News::Dormant { closes_on } => words(
            "Your account is about to be closed",
            format!(
                "You have not logged in for a long time. Your account will be closed on {closes_on}."
            ),
            "To keep it, just log in once before that day.",
        ),
        News::ClosedAsDormant => words(
            "Your account was closed",
            "As we have told you, your account was closed, since it was not used for a long time.",
            "What we hold of you is erased after a while.",
        ),
    }
}
