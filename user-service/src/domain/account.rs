//! An account: a user, and by which way he comes in.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use shared::{CompanyId, Timestamp, UserId};
use utoipa::ToSchema;

use crate::domain::password::PasswordHash;
use crate::domain::user::{Email, UserName};

/// RFC 5321 gives an address fewer; what providers give as a subject is shorter still.
const MAX_SUBJECT_BYTES: usize = 255;

/// Who vouches for the user: we ourselves, or somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Provider {
    Local,
    Google,
    Naver,
    Kakao,
}

impl Provider {
    pub(crate) const ALL: [Self; 4] = [Self::Local, Self::Google, Self::Naver, Self::Kakao];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Google => "GOOGLE",
            Self::Naver => "NAVER",
            Self::Kakao => "KAKAO",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Not a provider.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAProvider;

impl FromStr for Provider {
    type Err = NotAProvider;

    fn from_str(text: &str) -> Result<Self, NotAProvider> {
        Self::ALL.into_iter().find(|own| own.as_str() == text).ok_or(NotAProvider)
    }
}

/// Who somebody is at another provider. He keeps it, whatever becomes of his address there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    provider: Provider,
    subject: String,
}

/// Not an identity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identity at another provider")]
pub(crate) struct NotAnIdentity;

impl Identity {
    pub(crate) fn parse(provider: Provider, subject: &str) -> Result<Self, NotAnIdentity> {
        let sound = (1..=MAX_SUBJECT_BYTES).contains(&subject.len())
            && !subject.chars().any(char::is_control);
        if sound && provider != Provider::Local {
            Ok(Self { provider, subject: subject.to_owned() })
        } else {
            Err(NotAnIdentity)
        }
    }

    pub(crate) fn provider(&self) -> Provider {
        self.provider
    }

    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }
}

/// An identity that an account has, as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linked {
    pub(crate) provider: Provider,
    pub(crate) at: Timestamp,
}

/// What became of an identity that was to be taken from an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlinked {
    Done,
    /// There is none at this provider.
    NotThere,
    /// Without it nobody could come in any more.
    LastWayIn,
}

/// An account that has not been erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: UserId,
    pub(crate) company_id: CompanyId,
    pub(crate) email: Option<Email>,
    pub(crate) name: UserName,
    pub(crate) provider: Provider,
    pub(crate) password: Option<PasswordHash>,
    /// One higher with each change of the password, and when the account is closed: a login that was let in by what was
    /// true before is known by it, whatever the clocks say.
    pub(crate) credentials_version: i64,
    pub(crate) created_at: Timestamp,
    /// Its owner has left. Only the address and the identities are still held.
    pub(crate) is_closed: bool,
    /// To the day.
    pub(crate) last_seen_at: Timestamp,
    /// Its owner has been told that it will be closed, since he has not been seen for long.
    pub(crate) is_warned: bool,
}

impl Account {
    /// Whether there is a password that could be forgotten. Imported users have none yet, and set it by that way.
    pub(crate) fn may_reset_password(&self) -> bool {
        !self.is_closed && (self.provider == Provider::Local || self.password.is_some())
    }

    /// That of its credentials after the next change of them.
    pub(crate) fn next_version(&self) -> i64 {
        self.credentials_version.saturating_add(1)
    }

    /// What others are told who want the same address.
    pub(crate) fn registered(&self) -> Registered {
        Registered { email: self.email.clone(), provider: self.provider }
    }
}

/// An address or an identity is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) email: Option<Email>,
    pub(crate) provider: Provider,
}

/// An account that is not in the database yet.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    pub(crate) email: Option<Email>,
    pub(crate) name: UserName,
    pub(crate) way: Way,
    /// Which company it joins; none: one of its own.
    pub(crate) company: Option<CompanyId>,
}

/// How its owner comes in.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Password(PasswordHash),
    Identity(Identity),
}

impl Way {
    pub(crate) fn provider(&self) -> Provider {
        match self {
            Self::Password(_) => Provider::Local,
            Self::Identity(identity) => identity.provider,
        }
    }
}

/// SHA-256 of an address, in hexadecimal: what is left of it when the account has been erased.
pub(crate) fn digest_of(email: &Email) -> String {
    let digest = digest::digest(&digest::SHA256, email.as_str().as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why logins end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    PasswordChanged,
    PasswordReset,
    Withdrawn,
}

impl EndReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PasswordChanged => "PASSWORD_CHANGED",
            Self::PasswordReset => "PASSWORD_RESET",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

/// Word for auth-service that the logins of a user end which were made with an older version of his credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginEnd {
    pub(crate) id: String,
    pub(crate) user_id: i64,
    pub(crate) reason: String,
    /// That of his credentials from now on.
    pub(crate) version: i64,
    /// The login that goes on: the one in which it was asked for.
    pub(crate) except_sid: Option<String>,
    /// How often it has been tried to deliver it.
    pub(crate) attempts: i32,
}

impl LoginEnd {
    /// For a change of this account, which is made only if nobody has changed its credentials in between.
    pub(crate) fn new(account: &Account, reason: EndReason) -> Self {
        Self {
            id: uuid::Uuid::now_v7().to_string(),
            user_id: account.id.get(),
            reason: reason.as_str().to_owned(),
            version: account.next_version(),
            except_sid: None,
            attempts: 0,
        }
    }

    pub(crate) fn except(self, sid: Option<String>) -> Self {
        Self { except_sid: sid, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_written_as_it_is_read() {
        for provider in Provider::ALL {
            assert_eq!(provider.as_str().parse(), Ok(provider));
            assert_eq!(serde_json::json!(provider), provider.as_str());
        }
        assert_eq!("google".parse::<Provider>(), Err(NotAProvider));
    }

    #[test]
    fn an_identity_is_somebody_elses() {
        assert!(Identity::parse(Provider::Kakao, "1").is_ok());
        let long = "x".repeat(256);
        let bad = [
            (Provider::Local, "1"),
            (Provider::Google, ""),
            (Provider::Google, "a\0"),
            (Provider::Naver, &long),
        ];
        for (provider, subject) in bad {
            assert_eq!(Identity::parse(provider, subject), Err(NotAnIdentity));
        }
    }
}
