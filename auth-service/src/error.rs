//! What can go wrong at the token endpoint and in the commands.

use shared::SigningError;
use shared::db::DbError;
use shared::scopes::NotAScope;

use crate::domain::grant::GrantRefusal;
use crate::seal::SealError;

/// Why no token is issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenRefusal {
    /// The request is malformed; the text says how.
    #[error("{0}")]
    BadRequest(&'static str),
    #[error("the media type is not application/x-www-form-urlencoded")]
    MediaType,
    #[error("the request is too large")]
    TooLarge,
    /// Unknown client or wrong secret: the answer does not say which.
    #[error("client authentication failed")]
    Client,
    #[error("unsupported grant type")]
    GrantType,
    /// A scope that the grammar does not allow.
    #[error("malformed scope")]
    MalformedScope,
    #[error(transparent)]
    Grant(#[from] GrantRefusal),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl From<NotAScope> for TokenRefusal {
    fn from(_: NotAScope) -> Self {
        Self::MalformedScope
    }
}

/// Why a command has not done its work. Its text is the one line that the operator gets.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is a client of this name already.
    #[error("there is a client called {0} already")]
    ClientExists(String),
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
