//! What can go wrong.

use shared::cache::CacheUnavailable;
use shared::db::DbError;
use shared::paging::PageError;

use crate::domain::account::Registered;
use crate::domain::password::Missing;
use crate::hashing::HashingError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    #[error("no such user")]
    NoSuchUser,
    #[error("the account has no identity at this provider")]
    NoSuchIdentity,
    #[error("without it nobody could come in any more")]
    LastWayIn,
    #[error("the ids are not a list of ids")]
    BadIds,
    #[error("too many users at once")]
    TooManyUsers,
    /// A field, and what is asked for.
    #[error("{0}: {1}")]
    BadField(&'static str, &'static str),
    #[error("the address or the identity is taken")]
    Registered(Registered),
    #[error("nobody has shown that the address is his")]
    NotProven,
    #[error("the code is wrong, expired or used up")]
    BadCode,
    #[error("the reset token is wrong, expired or used")]
    BadResetToken,
    #[error("the password lacks something")]
    WeakPassword(Vec<Missing>),
    #[error("wrong e-mail or password")]
    WrongPassword,
    #[error("too many wrong passwords")]
    TooManyFailures { retry_after_s: u64 },
    #[error("asked too often")]
    TooOften { retry_after_s: u64 },
    #[error("no randomness")]
    NoRandomness,
    #[error(transparent)]
    Hashing(#[from] HashingError),
    #[error(transparent)]
    Cache(#[from] CacheUnavailable),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Db(#[from] DbError),
}
