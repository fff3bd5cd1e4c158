//! What our letters say, in Korean and in English.

mod news;

use shared::reply::Language;

use crate::domain::account::Provider;
use crate::mail::Letter;
pub(crate) use news::News;
use news::{news_en, news_ko};

/// Why a letter is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occasion<'c> {
    SignupCode { code: &'c str },
    AlreadyRegistered { code: &'c str, provider: Provider },
    ResetCode { code: &'c str },
    NothingToReset { provider: Provider },
    NobodyToReset,
    News(News),
}

impl Occasion<'_> {
    fn code(&self) -> Option<&str> {
        match self {
            Self::SignupCode { code }
            | Self::AlreadyRegistered { code, .. }
            | Self::ResetCode { code } => Some(code),
            _ => None,
        }
    }
}

/// A subject, and what stands before and after the code.
struct Words {
    subject: &'static str,
    before: String,
    after: &'static str,
}

/// The letter for this occasion. All that comes from outside are digits and names of providers.
pub(crate) fn letter(occasion: &Occasion<'_>, language: Language) -> Letter {
    let (lang, Words { subject, before, after }) = match language {
        Language::Korean => ("ko", korean(occasion)),
        Language::English => ("en", english(occasion)),
    };
    let code = occasion.code();
    let text: Vec<&str> =
        [Some(before.as_str()), code, Some(after)].into_iter().flatten().collect();
    let shown = code.map(|code| format!("<p style=\"font-size:2em\"><b>{code}</b></p>\n"));
    let html = format!(
        "<!doctype html>\n<html lang=\"{lang}\"><meta charset=\"utf-8\"><body>\n\
         <p>{before}</p>\n{}<p>{after}</p>\n</body></html>\n",
        shown.unwrap_or_default()
    );
    Letter { subject: subject.to_owned(), text: text.join("\n\n") + "\n", html }
}

fn words(subject: &'static str, before: impl Into<String>, after: &'static str) -> Words {
    Words { subject, before: before.into(), after }
}

const CODE_KO: &str =
    "코드는 5분 동안 유효합니다. 직접 요청하지 않으셨다면 이 메일을 무시해 주세요.";
const IGNORE_KO: &str = "직접 요청하지 않으셨다면 이 메일을 무시해 주세요.";

fn korean(occasion: &Occasion<'_>) -> Words {
    match occasion {
        Occasion::SignupCode { .. } => {
            words("회원가입 인증 코드", "회원가입을 위한 인증 코드입니다.", CODE_KO)
        }
        Occasion::AlreadyRegistered { provider, .. } => words(
            "이미 가입된 이메일입니다",
            format!(
                "이미 {provider}로 가입된 이메일입니다. {}로 로그인해 주세요. \
                 아래는 이메일 확인 코드입니다.",
                way_ko(*provider)
            ),
            CODE_KO,
        ),
        Occasion::ResetCode { .. } => {
            words("비밀번호 재설정 코드", "비밀번호 재설정을 위한 인증 코드입니다.", CODE_KO)
        }
        Occasion::NothingToReset { provider } => words(
            "재설정할 비밀번호가 없습니다",
            format!(
                "{provider}로 가입된 이메일이라 재설정할 비밀번호가 없습니다. {}로 로그인해 주세요.",
                way_ko(*provider)
            ),
            IGNORE_KO,
        ),
        Occasion::NobodyToReset => words(
            "가입되지 않은 이메일입니다",
            "비밀번호 재설정 요청을 받았지만, 이 이메일로 이용 중인 계정이 없습니다.",
            IGNORE_KO,
        ),
        Occasion::News(news) => news_ko(*news),
    }
}

fn way_ko(provider: Provider) -> &'static str {
    match provider {
        Provider::Local => "이메일과 비밀번호",
        other => other.as_str(),
    }
}

const CODE_EN: &str =
    "The code is good for five minutes. If you did not ask for it, please ignore this mail.";
const IGNORE_EN: &str = "If you did not ask for it, please ignore this mail.";

fn english(occasion: &Occasion<'_>) -> Words {
    match occasion {
        Occasion::SignupCode { .. } => {
            words("Your sign-up code", "This is your code for signing up.", CODE_EN)
        }
        Occasion::AlreadyRegistered { provider, .. } => words(
            "You already have an account",
            format!(
                "You already have an account, by {provider}. Please log in with {}. \
                 This code confirms your e-mail.",
                way_en(*provider)
            ),
            CODE_EN,
        ),
        Occasion::ResetCode { .. } => {
            words("Your password reset code", "This is your code for a new password.", CODE_EN)
        }
        Occasion::NothingToReset { provider } => words(
            "There is no password to reset",
            format!(
                "You signed up with {provider}, there is no password to reset. Please log in with {}.",
                way_en(*provider)
            ),
            IGNORE_EN,
        ),
        Occasion::NobodyToReset => words(
            "There is no account with this e-mail",
            "Somebody asked for a new password, but there is no account with this e-mail.",
            IGNORE_EN,
        ),
        Occasion::News(news) => news_en(*news),
    }
}

fn way_en(provider: Provider) -> &'static str {
    match provider {
        Provider::Local => "your e-mail and password",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_holds_its_code_and_no_other_number_of_that_length() {
        let (code, provider) = ("012345", Provider::Google);
        let table = [
            (Occasion::SignupCode { code }, true, false),
            (Occasion::AlreadyRegistered { code, provider }, true, true),
            (Occasion::ResetCode { code }, true, false),
            (Occasion::NothingToReset { provider }, false, true),
            (Occasion::NobodyToReset, false, false),
            (Occasion::News(News::PasswordChanged), false, false),
            (Occasion::News(News::PasswordReset), false, false),
            (Occasion::News(News::Withdrawn), false, false),
            (
                Occasion::News(News::Dormant { closes_on: chrono::NaiveDate::default() }),
                false,
                false,
            ),
            (Occasion::News(News::ClosedAsDormant), false, false),
            (Occasion::News(News::IdentityLinked(provider)), false, true),
        ];
        for (occasion, has_code, is_named) in table {
            for language in [Language::Korean, Language::English] {
                let Letter { subject, text, html } = letter(&occasion, language);
                for body in [&text, &html] {
                    let numbers = body.split(|c: char| !c.is_ascii_digit());
                    let codes: Vec<_> = numbers.filter(|number| number.len() == 6).collect();
                    let expected: &[&str] = if has_code { &[code] } else { &[] };
                    assert_eq!(codes, expected, "{occasion:?}");
                }
                assert!(!subject.contains(code), "a subject is shown on locked screens");
                assert_eq!(text.contains("GOOGLE"), is_named, "{occasion:?}");
            }
        }
    }
}
