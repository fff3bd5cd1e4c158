//! [`Profile`]: who somebody is, as his provider says, whatever the shape in which it says so.

use crate::domain::person::{Provider, SocialIdentity};
use crate::domain::social::SocialRefusal;

/// The longest id of a provider, in characters (OpenID Connect Core section 2).
const MAX_SUBJECT_CHARS: usize = 255;
/// The longest address, in bytes (RFC 5321 section 4.5.3.1.3, without the brackets).
const MAX_EMAIL_BYTES: usize = 254;
const MAX_NAME_CHARS: usize = 200;

/// An address, and what the provider says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// It gives none, or gives one and does not say whether it is verified: that is as good as none.
    None,
    Verified(String),
    /// It says itself that nobody has proved to own it.
    NotVerified,
}

impl Address {
    /// What there is, and whether the provider calls it verified, unverified, or says nothing.
    pub(crate) fn new(email: Option<String>, verified: Option<bool>) -> Self {
        match (email.filter(|email| is_address(email)), verified) {
            (None, _) | (Some(_), None) => Self::None,
            (Some(_), Some(false)) => Self::NotVerified,
            (Some(email), Some(true)) => Self::Verified(email),
        }
    }
}

/// Good enough to be an address; user-service looks closer.
fn is_address(text: &str) -> bool {
    let sound =
        !text.contains(|character: char| character.is_control() || character.is_whitespace());
    let parts = text.rsplit_once('@');
    sound
        && text.len() <= MAX_EMAIL_BYTES
        && parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) identity: SocialIdentity,
    /// There is an address, and the provider says that it is not verified: it is not in the identity.
    pub(crate) is_unverified: bool,
}

impl Profile {
    pub(crate) fn new(
        provider: Provider,
        subject: &str,
        (address, name): (Address, Option<&str>),
    ) -> Result<Self, SocialRefusal> {
        let sound = subject.bytes().all(|byte| byte.is_ascii_graphic());
        if !sound || !(1..=MAX_SUBJECT_CHARS).contains(&subject.len()) {
            return Err(SocialRefusal::Away("the id of the user is none".to_owned()));
        }
        let is_unverified = address == Address::NotVerified;
        let email = match address {
            Address::Verified(email) => Some(email),
            Address::None | Address::NotVerified => None,
        };
        let name = Some(display_name(name, email.as_deref(), provider));
        let subject = subject.to_owned();
        Ok(Self { identity: SocialIdentity { provider, subject, email, name }, is_unverified })
    }
}

/// What to call somebody: text, whatever it looks like. In its place the first part of the address, or the provider.
fn display_name(name: Option<&str>, email: Option<&str>, provider: Provider) -> String {
    let local = email.and_then(|email| email.rsplit_once('@')).map(|(local, _)| local);
    let given = [name, local].into_iter().flatten().map(cleaned).find(|name| !name.is_empty());
    given.unwrap_or_else(|| provider.name().to_owned())
}

fn cleaned(name: &str) -> String {
    let shown = name.chars().filter(|character| !is_invisible(*character));
    let name: String = shown.take(MAX_NAME_CHARS).collect();
    name.trim().to_owned()
}

/// Controls, and what turns the direction of the text around it or takes no room.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(subject: &str, address: Address, name: &str) -> Result<Profile, SocialRefusal> {
        Profile::new(Provider::Kakao, subject, (address, Some(name)))
    }

    #[test]
    fn only_a_verified_address_becomes_part_of_the_identity() {
        let email = || Some("a@example.com".to_owned());
        let table = [
            (Address::new(email(), Some(true)), (email(), false)),
            (Address::new(email(), Some(false)), (None, true)),
            (Address::new(email(), None), (None, false)),
            (Address::new(None, Some(true)), (None, false)),
            (Address::new(None, Some(false)), (None, false)),
            (Address::new(Some("no address".to_owned()), Some(true)), (None, false)),
            (Address::new(Some("a@b\r\nBcc: c@d".to_owned()), Some(true)), (None, false)),
            (Address::new(Some("@example.com".to_owned()), Some(true)), (None, false)),
            (Address::new(Some(format!("a@{}", "b".repeat(300))), Some(true)), (None, false)),
        ];
        for (address, expected) in table {
            let shown = format!("{address:?}");
            let found =
                profile("1", address, "name").map(|own| (own.identity.email, own.is_unverified));
            assert_eq!(found, Ok(expected), "{shown}");
        }
    }

    #[test]
    fn a_name_is_text_without_what_cannot_be_seen_and_there_is_always_one() {
        let long = "가".repeat(300);
        let table = [
            ("닉네임", "닉네임"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("a\r\nSet-Cookie: b\0", "aSet-Cookie: b"),
            ("\u{202e}evil\u{2066}", "evil"),
            (" \t\u{200b} ", "local"),
            ("", "local"),
            (&long, &long[..600]),
        ];
        for (given, expected) in table {
            let address = Address::Verified("local@example.com".to_owned());
            let name = profile("1", address, given).map(|own| own.identity.name);
            assert_eq!(name, Ok(Some(expected.to_owned())), "{given:?}");
        }
        let name = Profile::new(Provider::Kakao, "1", (Address::None, None));
        assert_eq!(name.map(|own| own.identity.name), Ok(Some("KAKAO".to_owned())));
    }

    #[test]
    fn an_id_is_short_and_visible() {
        for subject in ["", "a b", "a\r\n", "\0", "한", &"1".repeat(256)] {
            assert!(profile(subject, Address::None, "").is_err(), "{subject:?}");
        }
        assert!(profile(&"1".repeat(255), Address::None, "").is_ok());
    }
}
