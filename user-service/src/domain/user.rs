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
    /// Who came by way of another provider may have none.
    pub(crate) email: Option<Email>,
    pub(crate) name: UserName,
    pub(crate) created_at: Timestamp,
}

/// An e-mail address in its one normal form: lower case. A domain that is not ASCII is refused, also where it is
/// written in ASCII (`xn--`): two that look alike would be two accounts.
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
            && domain.contains('.')
            && domain.split('.').all(is_label);
        if sound { Ok(Self(text.to_ascii_lowercase())) } else { Err(BadUser::NotAnEmail) }
    }

    /// One that comes from the database: it was good by the rules of its day.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// What stands before the `@`.
    pub(crate) fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 1035 section 2.3.1.
fn is_label(label: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
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

    /// The name that another provider gives, as far as it can be used; else the address's first part stands in for it.
    pub(crate) fn given(name: Option<&str>, email: Option<&Email>) -> Self {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
        };
        let name = name.map(|name| plain(name).trim().to_owned()).filter(|name| !name.is_empty());
        let local = || email.map(|email| email.local_part().to_owned());
        Self(name.or_else(local).unwrap_or_else(|| "user".to_owned()))
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
        let local = email.local_part();
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
    /// The address belongs to a user who has left.
    Closed,
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
            "a@-b.c",
            "a@b-.c",
            "a@b_c.d",
            "a@xn--80ak6aa92e.com",
            "a@XN--80ak6aa92e.com",
            "a@аpple.com",
            &format!("a@{}.c", "x".repeat(64)),
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
    fn what_another_provider_calls_somebody_is_taken_as_far_as_it_can_be() {
        let email = Email::parse("min@b.c").ok();
        let given = |name| UserName::given(name, email.as_ref()).as_str().to_owned();
        assert_eq!(given(Some("서민")), "서민");
        assert_eq!(given(Some("<script>\r\n\0x")), "<script>x");
        let long = "가".repeat(300);
        assert_eq!(given(Some(&long)).chars().count(), 200);
        assert_eq!((given(Some(" \n")), given(None)), ("min".to_owned(), "min".to_owned()));
        assert_eq!(UserName::given(None, None).as_str(), "user");
    }

    #[test]
    fn a_list_of_ids_has_at_most_two_hundred() {
        assert!(parse_ids(&vec!["1"; 200].join(",")).is_ok());
        for text in ["", "1,", "0", "-1", "1 ,2", "x", &vec!["1"; 201].join(",")] {
            assert!(matches!(parse_ids(text), Err(UserError::BadIds)), "{text}");
        }
    }
}
