//! What can go wrong.

use shared::db::DbError;
use shared::paging::PageError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    #[error("no such user")]
    NoSuchUser,
    #[error("the ids are not a list of ids")]
    BadIds,
    #[error("too many users at once")]
    TooManyUsers,
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Db(#[from] DbError),
}
