//! Social login: what a browser takes along to a provider and brings back, and why somebody does not get in.

pub(crate) mod attempt;
pub(crate) mod id_token;
pub(crate) mod profile;
pub(crate) mod proof;
pub(crate) mod target;

use crate::domain::person::Provider;
use crate::domain::social::id_token::IdTokenFault;

/// Why nobody is logged in, or nothing is linked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SocialRefusal {
    #[error("there is no such provider here")]
    NoSuchProvider,
    /// What comes back does not belong to what this browser has begun. It is answered on the spot: whoever it is has
    /// been sent here by somebody else, and is led nowhere.
    #[error("{0}")]
    State(#[from] StateFault),
    #[error("the target is no path of the front end")]
    Target,
    /// Whoever wants to link has shown neither a password nor a login of just now.
    #[error("neither a password nor a login of the last minutes")]
    NotProved,
    #[error("wrong password")]
    WrongPassword,
    #[error("not the access token of a person who has logged in here")]
    NotAPerson,
    #[error("too many requests")]
    TooOften { retry_after_s: u64 },
    #[error("too many wrong passwords")]
    TooManyPasswords { retry_after_s: u64 },
    /// The person has said no.
    #[error("denied at the provider")]
    Denied,
    #[error("refused by the provider: {0}")]
    Refused(String),
    #[error("the ID token: {0}")]
    IdToken(#[from] IdTokenFault),
    #[error("the address is not verified, and nobody is known by the identity")]
    EmailNotVerified,
    /// The address belongs to an account that was made in this way.
    #[error("the address belongs to an account of {0}")]
    EmailTaken(Provider),
    #[error("the identity of {0} belongs to another account")]
    IdentityTaken(Provider),
    #[error("the account has gone")]
    NoSuchUser,
    #[error("the login that began the linking has ended")]
    LoginEnded,
    /// The provider is away, slow, or makes no sense.
    #[error("the provider: {0}")]
    Away(String),
    /// Something of ours is away.
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Unexpected(String),
}

impl SocialRefusal {
    /// Nobody has looked at what was to be looked at.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Unavailable(_))
    }
}

/// What is wrong with a state that a browser brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StateFault {
    #[error("the answer has no state, or is malformed")]
    Malformed,
    #[error("this browser has not begun a login of this state")]
    Unknown,
    #[error("the state has expired")]
    Expired,
    #[error("the state belongs to another provider")]
    OtherProvider,
    #[error("the answer comes from another issuer")]
    OtherIssuer,
    #[error("the state has been used")]
    Used,
}

impl SocialRefusal {
    /// The word for it that a front end finds in its address.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Denied => "access_denied",
            Self::EmailNotVerified => "email_unverified",
            Self::EmailTaken(_) => "email_taken",
            Self::IdentityTaken(_) => "identity_taken",
            Self::NoSuchUser | Self::LoginEnded => "login_ended",
            Self::Away(_) => "provider_unavailable",
            Self::TooOften { .. } | Self::Unavailable(_) | Self::Unexpected(_) => {
                "temporarily_unavailable"
            }
            _ => "social_login_failed",
        }
    }

    /// Which provider the account goes by that is in the way. No address: what stands in a URL is kept in many places.
    pub(crate) fn taken_by(&self) -> Option<Provider> {
        match self {
            Self::EmailTaken(provider) | Self::IdentityTaken(provider) => Some(*provider),
            _ => None,
        }
    }

    /// Whether it was decided on what a provider vouches for, and is worth a row of the audit log. Anybody can bring
    /// about the others, as often as he likes.
    pub(crate) fn is_decision(&self) -> bool {
        matches!(self, Self::EmailNotVerified | Self::EmailTaken(_) | Self::IdentityTaken(_))
    }

    /// Whether somebody here has to look after it.
    pub(crate) fn is_fault(&self) -> bool {
        match self {
            Self::Away(_) | Self::Unavailable(_) | Self::Unexpected(_) => true,
            // RFC 6749 section 5.2: the provider does not know us by the secret that we have.
            Self::Refused(code) => code == "invalid_client",
            _ => false,
        }
    }
}
