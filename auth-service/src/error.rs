//! What can go wrong: at the OAuth endpoints, with logins, in the commands.

use aws_lc_rs::error::Unspecified;
use shared::SigningError;
use shared::db::DbError;
use shared::scopes::NotAScope;

use crate::domain::assertion::AssertionRefusal;
use crate::domain::clients_file::ClientsFileError;
use crate::domain::exchange::ExchangeRefusal;
use crate::domain::grant::GrantRefusal;
use crate::domain::handoff::handing_on::HandingRefusal;
use crate::domain::handoff::redeeming::RedeemRefusal;
use crate::limits::TooOften;
use crate::repository::clients::ClientStoreError;
use crate::seal::SealError;
use crate::user_api::{Taken, UserApiError};

/// Why no token is issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenRefusal {
    /// The request is malformed; the text says how.
    #[error("{0}")]
    BadRequest(&'static str),
    #[error("the media type is not {0}")]
    MediaType(&'static str),
    #[error("the request is too large")]
    TooLarge,
    /// Unknown client or wrong secret: the answer does not say which.
    #[error("client authentication failed")]
    Client,
    /// The same, by an assertion; the answer is the same, too.
    #[error(transparent)]
    Assertion(#[from] AssertionRefusal),
    #[error("unsupported grant type")]
    GrantType,
    /// A scope that the grammar does not allow.
    #[error("malformed scope")]
    MalformedScope,
    #[error(transparent)]
    Grant(#[from] GrantRefusal),
    #[error(transparent)]
    Exchange(#[from] ExchangeRefusal),
    #[error(transparent)]
    Handing(#[from] HandingRefusal),
    #[error(transparent)]
    Redeem(#[from] RedeemRefusal),
    /// The subject token is not one that can be exchanged; why is for the log.
    #[error("the subject token is not valid: {0}")]
    SubjectToken(String),
    /// Somebody else's token.
    #[error("the token was neither issued to this client nor meant for it")]
    NotItsToken,
    #[error("too many requests")]
    TooOften(TooOften),
    #[error("a trusted issuer's keys are not available: {0}")]
    TrustedIssuerAway(String),
    #[error("the database has been away for too long: what is in memory may no longer be true")]
    Stale,
    #[error("too many large requests at once")]
    Busy,
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error("there is no key to sign with")]
    NoKey,
    #[error("the signing was cut off")]
    CutOff,
}

impl From<NotAScope> for TokenRefusal {
    fn from(_: NotAScope) -> Self {
        Self::MalformedScope
    }
}

impl From<TooOften> for TokenRefusal {
    fn from(too_often: TooOften) -> Self {
        Self::TooOften(too_often)
    }
}

/// Why somebody is not logged in, or not any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// Unknown address or wrong password: one answer for both.
    #[error("unknown address or wrong password")]
    WrongCredentials,
    #[error("too many failed logins")]
    TooManyAttempts { retry_after_s: u64 },
    /// No refresh token, one that is not ours, one of a login that is over.
    #[error("the refresh token is not good: {0}")]
    RefreshInvalid(&'static str),
    /// A used one: there are two who have it.
    #[error("the refresh token was used before")]
    RefreshReused,
    /// Somebody else's page has sent the browser's cookie.
    #[error("a cross-site request: {0}")]
    CrossSite(&'static str),
    #[error("no such login")]
    NoSuchLogin,
    #[error("no such handoff")]
    NoSuchHandoff,
    #[error("registered with {}", .0.provider)]
    Taken(Taken),
    #[error("no such user")]
    NoSuchUser,
    #[error("nobody can log in: `user_url` is not set")]
    NotConfigured,
    #[error("user-service: {0}")]
    UserServiceAway(String),
    #[error("too many passwords at once")]
    Busy { retry_after_s: u64 },
    #[error("Redis: {0}")]
    Redis(String),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    #[error("the cryptographic library failed")]
    Crypto,
}

impl From<Unspecified> for AccountError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

impl From<UserApiError> for AccountError {
    fn from(error: UserApiError) -> Self {
        match error {
            UserApiError::WrongCredentials => Self::WrongCredentials,
            UserApiError::Taken(taken) => Self::Taken(taken),
            UserApiError::NoSuchUser => Self::NoSuchUser,
            UserApiError::Busy { retry_after_s } => Self::Busy { retry_after_s },
            UserApiError::TooOften { retry_after_s } => Self::TooManyAttempts { retry_after_s },
            UserApiError::Away(cause) => Self::UserServiceAway(cause),
        }
    }
}

/// Why a command has not done its work. Its text is the one line that the operator gets.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is a client of this name already.
    #[error("there is a client called {0} already")]
    ClientExists(String),
    /// There is no client of this name.
    #[error("there is no client called {0}")]
    NoSuchClient(String),
    /// There is no handoff of this id or name.
    #[error("there is no handoff {0}")]
    NoSuchHandoff(String),
    /// The client cannot be stored.
    #[error(transparent)]
    Store(#[from] ClientStoreError),
    /// The file of clients cannot be used.
    #[error(transparent)]
    ClientsFile(#[from] ClientsFileError),
    /// A file cannot be read.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The database is away or refuses.
    #[error("database: {0}")]
    Db(#[from] DbError),
    /// The master key is missing or wrong.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Crypto,
    /// The server cannot start.
    #[error(transparent)]
    Startup(#[from] shared::server::StartupError),
}
