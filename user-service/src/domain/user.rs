//! A user of a company.

use shared::{CompanyId, Timestamp, UserId};

use crate::error::UserError;

/// The most users in one import.
pub(crate) const MAX_IMPORT: usize = 500;
/// The most users that can be asked for by their ids.
const MAX_IDS: usize = 200;
/// RFC 5321 section 4.5.3.1.3, less the angle brackets.
const MAX_EMAIL_BYTES: usize = 254;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) email: Email,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

/// An e-mail address in its one normal form: lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    pub(crate) fn parse(text: &str) -> Result<Self, UserError> {
        let (local, domain) = text.split_once('@').ok_or(UserError::NotAnEmail)?;
        let graphic = text.chars().all(|c| c.is_ascii_graphic() && !",;:<>()[]\\\"".contains(c));
        let dotted = |part: &str| part.split('.').all(|label| !label.is_empty());
        let sound = graphic
            && text.len() <= MAX_EMAIL_BYTES
            && dotted(local)
            && dotted(domain)
            && domain.contains('.')
            && !domain.contains('@');
        if sound { Ok(Self(text.to_ascii_lowercase())) } else { Err(UserError::NotAnEmail) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user who is not in the database yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewUser {
    pub(crate) company_id: CompanyId,
    pub(crate) email: Email,
    pub(crate) name: String,
}

impl NewUser {
    /// Without a name, the address's first part stands in for it.
    pub(crate) fn parse(
        company_id: CompanyId,
        email: &str,
        name: Option<&str>,
    ) -> Result<Self, UserError> {
        let email = Email::parse(email)?;
        let local = email.as_str().split('@').next().unwrap_or_default();
        let name = name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(local).to_owned();
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
        ];
        for text in bad {
            assert_eq!(Email::parse(text), Err(UserError::NotAnEmail), "{text}");
        }
    }
}
