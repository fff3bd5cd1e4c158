//! A person, as user-service knows him, and by what he came.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::{CompanyId, Session, UserId};
use utoipa::ToSchema;

/// Who vouches for a person: we ourselves, by a password, or somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Provider {
    Local,
    Google,
    Naver,
    Kakao,
}

impl Provider {
    /// As it is stored, and stands in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Google => "GOOGLE",
            Self::Naver => "NAVER",
            Self::Kakao => "KAKAO",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Local, Self::Google, Self::Naver, Self::Kakao]
            .into_iter()
            .find(|own| own.name() == name)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Somebody who has an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) user_id: UserId,
    pub(crate) company_id: CompanyId,
    /// None where a provider gave none.
    pub(crate) email: Option<String>,
    pub(crate) name: String,
    /// By what the account was made.
    pub(crate) provider: Provider,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// Raised with each change of the password and at the end of the account: what was checked before that is over.
    pub(crate) credentials_version: i64,
}

impl Person {
    /// What travels in the tokens of this person.
    pub(crate) fn session(&self) -> Session {
        let session = Session::new(self.company_id, self.user_id);
        self.roles.iter().fold(session, |session, role| session.with_role(role.clone()))
    }
}

/// Somebody as a provider knows him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SocialIdentity {
    pub(crate) provider: Provider,
    /// The provider's own id: it stays when the address changes.
    pub(crate) subject: String,
    /// Only one that the provider has verified.
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
}
