//! What a password has to be, and what is stored of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use serde::Serialize;
use shared::Secret;
use utoipa::ToSchema;

use crate::domain::user::Email;

/// In Unicode scalar values, as they were typed: nothing is normalised, nothing is cut off.
const MIN_CHARS: usize = 10;
const MAX_CHARS: usize = 128;
/// A shorter first part of an address is in many a good password by accident.
const MIN_LOCAL_CHARS: usize = 4;
/// Those that are tried first by whoever guesses; in lower case, sorted. Made from patterns, not from anybody's leak.
const COMMON: &str = include_str!("password/common.txt");
static COMMON_ONES: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.lines().collect());

/// What a password lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    MinLength,
    MaxLength,
    NoNul,
    Common,
    ContainsEmail,
}

/// A password that is good enough to be somebody's.
#[derive(Clone, Debug)]
pub(crate) struct NewPassword(Secret);

impl NewPassword {
    /// For the owner of this address.
    pub(crate) fn parse(text: Secret, email: Option<&Email>) -> Result<Self, Vec<Missing>> {
        let missing = missing(text.expose(), email);
        if missing.is_empty() { Ok(Self(text)) } else { Err(missing) }
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }
}

fn missing(text: &str, email: Option<&Email>) -> Vec<Missing> {
    let (chars, lower) = (text.chars().count(), text.to_lowercase());
    let verdicts = [
        (Missing::MinLength, chars < MIN_CHARS),
        (Missing::MaxLength, chars > MAX_CHARS),
        (Missing::NoNul, text.contains('\0')),
        (Missing::Common, COMMON_ONES.contains(lower.as_str())),
        (Missing::ContainsEmail, email.is_some_and(|email| contains(&lower, email))),
    ];
    verdicts.into_iter().filter(|(_, is_so)| *is_so).map(|(missing, _)| missing).collect()
}

fn contains(lower: &str, email: &Email) -> bool {
    let local = email.local_part();
    local.len() >= MIN_LOCAL_CHARS && lower.contains(local)
}

/// Whether it could be anybody's at all: what is longer is not even hashed.
pub(crate) fn could_be_one(text: &str) -> bool {
    text.chars().count() <= MAX_CHARS && !text.contains('\0')
}

/// What is stored of a password: a PHC string. It is nobody's business either.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    pub(crate) fn new(phc: String) -> Self {
        Self(phc)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(text: &str) -> Vec<Missing> {
        let email = Email::parse("minseo@hanbit.example").ok();
        NewPassword::parse(Secret::new(text), email.as_ref()).err().unwrap_or_default()
    }

    #[test]
    fn what_a_password_lacks_is_said() {
        let table: [(&str, &[Missing]); 9] = [
            ("short", &[Missing::MinLength]),
            ("", &[Missing::MinLength]),
            ("가나다라마바사아자", &[Missing::MinLength]),
            (&"x가".repeat(65), &[Missing::MaxLength]),
            ("a\0sufficiently long one", &[Missing::NoNul]),
            ("qwertyuiop", &[Missing::Common]),
            ("QwertyUIOP", &[Missing::Common]),
            ("my MinSeo pass", &[Missing::ContainsEmail]),
            ("minseo\0", &[Missing::MinLength, Missing::NoNul, Missing::ContainsEmail]),
        ];
        for (text, expected) in table {
            assert_eq!(lacks(text), expected, "{text:?}");
        }
    }

    #[test]
    fn length_spaces_and_any_script_are_fine() {
        let good = [
            "a-b-c-d-e-",
            "     x    y",
            "가나다라마바사아자차",
            "🐢🐢🐢🐢🐢🐢🐢🐢🐢🐢",
            &"correct horse ".repeat(9),
        ];
        for text in good {
            assert_eq!(lacks(text), [], "{text:?}");
        }
        let longest = "x가".repeat(64);
        assert_eq!(lacks(&longest), []);
        assert!(could_be_one(&longest) && !could_be_one(&format!("{longest}x")));
    }

    #[test]
    fn the_first_part_of_an_address_counts_when_it_is_a_word() {
        let short = Email::parse("li@b.c").ok();
        assert!(NewPassword::parse(Secret::new("lilac-and-olive"), short.as_ref()).is_ok());
    }

    #[test]
    fn the_list_is_sorted_in_lower_case_and_holds_nothing_that_is_too_short_anyway() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!(lines.len() > 3_000 && lines.is_sorted());
        let sound =
            |line: &&str| line.chars().count() >= MIN_CHARS && line.to_lowercase() == **line;
        assert_eq!(lines.iter().find(|line| !sound(line)), None);
    }

    #[test]
    fn neither_a_password_nor_its_hash_prints() {
        let password = NewPassword::parse(Secret::new("s3cret-s3cret"), None);
        let hash = PasswordHash::new("s3cret".to_owned());
        assert!(!format!("{password:?}{hash:?}").contains("s3cret"));
    }
}
