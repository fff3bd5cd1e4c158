//! What can go wrong at the OAuth endpoints and in the commands.

use shared::SigningError;
use shared::db::DbError;
use shared::scopes::NotAScope;

use crate::domain::assertion::AssertionRefusal;
use crate::domain::clients_file::ClientsFileError;
use crate::domain::exchange::ExchangeRefusal;
use crate::domain::grant::GrantRefusal;
use crate::limits::TooOften;
use crate::repository::clients::ClientStoreError;
use crate::seal::SealError;

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

/// Why a command has not done its work. Its text is the one line that the operator gets.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is a client of this name already.
    #[error("there is a client called {0} already")]
    ClientExists(String),
    /// There is no client of this name.
    #[error("there is no client called {0}")]
    NoSuchClient(String),
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
