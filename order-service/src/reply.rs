//! The one match from [`OrderError`] to status, code and message.

use shared::client::token_source::TokenFetchError;
use shared::reply::input::Violation;
use shared::reply::{ErrorCode, codes};
use shared::{ApiError, db::DbError};

use crate::error::{BadField, OrderError};

pub(crate) const NO_SUCH_ORDER: ErrorCode = ErrorCode {
    code: "O001",
    status: 404,
    ko: "존재하지 않는 주문입니다.",
    en: "There is no such order.",
};
pub(crate) const WRONG_STATE: ErrorCode = ErrorCode {
    code: "O002",
    status: 409,
    ko: "현재 주문 상태에서는 처리할 수 없습니다.",
    en: "The order's state does not allow this.",
};

pub(crate) const CHANGED: ErrorCode = ErrorCode {
    code: "O003",
    status: 412,
    ko: "그 사이에 주문이 변경되었습니다.",
    en: "The order has changed since.",
};

/// Those that are open end when the batch runs.
const OPEN_EXPORTS_RETRY_AFTER_S: u64 = 3_600;
pub(crate) const NO_SUCH_EXPORT: ErrorCode = ErrorCode {
    code: "O006",
    status: 404,
    ko: "존재하지 않는 내보내기입니다.",
    en: "There is no such export.",
};
pub(crate) const NOT_HANDED_ON: ErrorCode = ErrorCode {
    code: "O007",
    status: 403,
    ko: "이 로그인으로는 나중에 할 작업을 맡길 수 없습니다.",
    en: "With this login nothing can be asked for that is done later.",
};

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NoSuchOrder => Self::new(&NO_SUCH_ORDER),
            OrderError::NoSuchExport => Self::new(&NO_SUCH_EXPORT),
            OrderError::NothingToHandOn => Self::new(&NOT_HANDED_ON).because(error),
            OrderError::HandOff(TokenFetchError::Refused { ref code, .. })
                if code != "invalid_client" =>
            {
                Self::new(&NOT_HANDED_ON).because(error)
            }
            OrderError::TooManyExports => Self::new(&codes::TOO_MANY_REQUESTS)
                .retry_after(OPEN_EXPORTS_RETRY_AFTER_S)
                .because(error),
            OrderError::HandOff(_) | OrderError::NotConfigured => Self::unavailable(2, error),
            OrderError::NoSuchProduct => {
                Violation::new("items.productId", "unknown", "there is no such product").into()
            }
            OrderError::NoPrice => {
                let message = "has no price for this company";
                Violation::new("items.productId", "price", message).into()
            }
            OrderError::WrongState => Self::new(&WRONG_STATE),
            OrderError::TooMuch => {
                let message = "one currency, and a sum that can be written down";
                Violation::new("items", "sum", message).into()
            }
            OrderError::TooManyOrders => {
                Violation::new("orders", "max", "at most 500 orders at once").into()
            }
            OrderError::Changed => Self::new(&CHANGED),
            OrderError::Idempotency(error) => error.into(),
            OrderError::KeyReused => Self::new(&codes::IDEMPOTENCY_KEY_REUSED),
            OrderError::BadField(BadField(field, asked)) => {
                Violation::new(field, "format", asked).into()
            }
            OrderError::Page(error) => error.into(),
            OrderError::Db(error @ DbError::Unavailable(_)) => Self::unavailable(2, error),
            OrderError::Db(error) => Self::unexpected(error),
        }
    }
}

impl From<BadField> for ApiError {
    fn from(BadField(field, asked): BadField) -> Self {
        Violation::new(field, "format", asked).into()
    }
}
