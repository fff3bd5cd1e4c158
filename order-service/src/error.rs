//! What can go wrong.

use shared::client::token_source::TokenFetchError;
use shared::db::DbError;
use shared::idempotency::IdempotencyError;
use shared::paging::PageError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("no such order")]
    NoSuchOrder,
    #[error("no such export")]
    NoSuchExport,
    #[error("the session cannot be handed on: there is no token")]
    NothingToHandOn,
    #[error("the session is not handed on: {0}")]
    HandOff(TokenFetchError),
    #[error("as many exports as may be are open")]
    TooManyExports,
    #[error("`token_url` is not set: nothing can be handed on")]
    NotConfigured,
    #[error("no such product")]
    NoSuchProduct,
    #[error("a product has no price for this company")]
    NoPrice,
    #[error("the order's state does not allow this")]
    WrongState,
    #[error("the sum is too large, or of several currencies")]
    TooMuch,
    #[error("too many orders at once")]
    TooManyOrders,
    #[error("the order has changed")]
    Changed,
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    #[error(transparent)]
    BadField(#[from] BadField),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A field breaks a rule: the field, what is asked for. It holds nothing that a caller may not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: {1}")]
pub(crate) struct BadField(pub(crate) &'static str, pub(crate) &'static str);

impl From<diesel::result::Error> for OrderError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}
