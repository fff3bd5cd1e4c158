//! A user of a company.

use shared::{CompanyId, Timestamp, UserId};

use crate::error::UserError;

/// The most users that can be asked for by their ids.
const MAX_IDS: usize = 200;
/// RFC 5321 section 4.5.3.1.3, less the angle brackets.
const MAX_EMAIL_BYTES: usize = 254;
/// RFC 5321 section 4.5.3.1.1.
const MAX_LOCAL_BYTES: usize = 64;
const MAX_NAME_CHARS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) email: Email,
    pub(crate) name: UserName,
    pub(crate) created_at: Timestamp,
}

/// An e-mail address in its one normal form: lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    pub(crate) fn parse(text: &str) -> Result<Self, BadUser> {
        let (local, domain) = text.split_once('@').ok_or(BadUser::NotAnEmail)?;
        let graphic = text.chars().all(|c| c.is_ascii_graphic() && !",;:<>()[]\\\"".contains(c));
        let dotted = |part: &str| part.split('.').all(|label| !label.is_empty());
        let sound = graphic
            && text.len() <= MAX_EMAIL_BYTES
            && local.len() <= MAX_LOCAL_BYTES
            && dotted(local)
            && dotted(domain)
            && domain.contains('.')
            && !domain.contains('@');
        if sound { Ok(Self(text.to_ascii_lowercase())) } else { Err(BadUser::NotAnEmail) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a user is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserName(String);

impl UserName {
    pub(crate) fn parse(text: &str) -> Result<Self, BadUser> {
        let sound = (1..=MAX_NAME_CHARS).contains(&text.chars().count())
            && !text.chars().any(char::is_control);
        if sound { Ok(Self(text.to_owned())) } else { Err(BadUser::NotAName) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why somebody cannot become a user. It holds nothing that a caller may not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadUser {
    #[error("not an e-mail address")]
    NotAnEmail,
    #[error("a name has 1 to 200 characters and no controls")]
    NotAName,
}

/// A user as it came in.
pub(crate) struct RawUser {
    pub(crate) email: String,
    pub(crate) name: Option<String>,
}

/// A user who is not in the database yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewUser {
    pub(crate) company_id: CompanyId,
    pub(crate) email: Email,
    pub(crate) name: UserName,
}

impl NewUser {
    /// Without a name, the address's first part stands in for it.
    pub(crate) fn parse(company_id: CompanyId, raw: &RawUser) -> Result<Self, BadUser> {
        let email = Email::parse(&raw.email)?;
        let local = email.as_str().split('@').next().unwrap_or_default();
        let name = raw.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let name = UserName::parse(name.unwrap_or(local))?;
        Ok(Self { company_id, email, name })
    }
}

/// What an import did with one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportOutcome {
    Created(UserId),
    Known(UserId),
    /// The address belongs to a user of another company.
    Elsewhere,
    Refused(BadUser),
}

/// Reads `1,2,3`.
pub(crate) fn parse_ids(text: &str) -> Result<Vec<UserId>, UserError> {
    let ids: Result<Vec<UserId>, _> = text.split(',').map(str::parse).collect();
    ids.ok().filter(|ids| ids.len() <= MAX_IDS).ok_or(UserError::BadIds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_normal_form() {
        let email = Email::parse("Min.Seo@Hanbit.Example").map(|email| email.as_str().to_owned());
        assert_eq!(email, Ok("min.seo@hanbit.example".to_owned()));
        assert!(Email::parse(&format!("{}@b.c", "x".repeat(64))).is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let bad = [
            "",
            "a",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a@b..c",
            "a b@c.d",
            "a@b.c,evil@x.y",
            "a@b@c.d",
            "a@b.c\r\nBcc: x@y.z",
            "ä@b.c",
            ".a@b.c",
            "a@b.c\0",
            &format!("{}@b.c", "x".repeat(65)),
            &format!("a@{}.c", "x".repeat(251)),
        ];
        for text in bad {
            assert_eq!(Email::parse(text), Err(BadUser::NotAnEmail), "{text}");
        }
    }

    #[test]
    fn a_user_without_a_name_goes_by_the_first_part_of_the_address() {
        let named = |name: Option<&str>| {
            let raw = RawUser { email: "Min@b.c".to_owned(), name: name.map(str::to_owned) };
            NewUser::parse(CompanyId::MIN, &raw).map(|user| user.name.as_str().to_owned())
        };
        for name in [None, Some(""), Some(" \n")] {
            assert_eq!(named(name).as_deref(), Ok("min"), "{name:?}");
        }
        assert_eq!(named(Some(" 서 민 ")).as_deref(), Ok("서 민"));
        let longest = "가".repeat(200);
        assert_eq!(named(Some(&longest)).as_deref(), Ok(longest.as_str()));
        for name in ["a\0b", "a\tb", "\u{85}x\u{7f}", &"가".repeat(201)] {
            assert_eq!(named(Some(name)), Err(BadUser::NotAName), "{name:?}");
        }
    }

    #[test]
    fn a_list_of_ids_has_at_most_two_hundred() {
        assert!(parse_ids(&vec!["1"; 200].join(",")).is_ok());
        for text in ["", "1,", "0", "-1", "1 ,2", "x", &vec!["1"; 201].join(",")] {
            assert!(matches!(parse_ids(text), Err(UserError::BadIds)), "{text}");
        }
    }
}
