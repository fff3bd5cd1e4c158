//! What can go wrong.

use shared::db::DbError;
use shared::paging::PageError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    #[error("no such user")]
    NoSuchUser,
    #[error("not an e-mail address")]
    NotAnEmail,
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("the ids are not a list of ids")]
    BadIds,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl PartialEq for UserError {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
