//! What can go wrong.

use shared::db::DbError;
use shared::paging::PageError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("no such order")]
    NoSuchOrder,
    #[error("no such product")]
    NoSuchProduct,
    #[error("the order's state does not allow this")]
    WrongState,
    #[error("the sum is too large, or of several currencies")]
    TooMuch,
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// A field breaks a rule: the field, what is asked for.
    #[error("{0}: {1}")]
    BadField(&'static str, &'static str),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl PartialEq for OrderError {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl From<diesel::result::Error> for OrderError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}
