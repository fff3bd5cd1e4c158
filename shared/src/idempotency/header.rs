//! [`MaybeKey`]: the request's key as an argument of a handler.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::{IdempotencyError, IdempotencyKey};
use crate::db::DbError;
use crate::identity::Identity;
use crate::reply::input::Violation;
use crate::reply::{ApiError, codes};
use crate::token::Claims;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How soon the answer of the first request may be there, in seconds.
const RETRY_AFTER_S: u64 = 1;
const DB_RETRY_AFTER_S: u64 = 2;

/// The request's `Idempotency-Key`. People may leave it out; for a program it is required: it will try again, and does not
/// see what it has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaybeKey(Option<IdempotencyKey>);

impl MaybeKey {
    /// The key, if there is one.
    #[must_use]
    pub fn into_inner(self) -> Option<IdempotencyKey> {
        self.0
    }

    fn of(request: &HttpRequest) -> Result<Self, IdempotencyError> {
        let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
        let Some(value) = values.next() else {
            return if is_by_service(request) {
                Err(IdempotencyError::Required)
            } else {
                Ok(Self(None))
            };
        };
        // What is not text, or there several times, is no key.
        let text = value.to_str().ok().filter(|_| values.next().is_none());
        IdempotencyKey::parse(text.unwrap_or_default()).map(|key| Self(Some(key)))
    }
}

fn is_by_service(request: &HttpRequest) -> bool {
    let extensions = request.extensions();
    let claims = extensions.get::<Identity>().and_then(Identity::claims);
    claims.is_some_and(Claims::is_by_service)
}

impl FromRequest for MaybeKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(ApiError::from))
    }
}

impl From<IdempotencyError> for ApiError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::NotAKey => {
                Violation::new("Idempotency-Key", "format", error.to_string()).into()
            }
            IdempotencyError::Required => {
                Violation::new("Idempotency-Key", "required", error.to_string()).into()
            }
            IdempotencyError::Reused => Self::new(&codes::IDEMPOTENCY_KEY_REUSED),
            IdempotencyError::Running => {
                Self::new(&codes::REQUEST_RUNNING).retry_after(RETRY_AFTER_S)
            }
            IdempotencyError::Db(error @ DbError::Unavailable(_)) => {
                Self::unavailable(DB_RETRY_AFTER_S, error)
            }
            IdempotencyError::Db(error) => Self::unexpected(error),
        }
    }
}
