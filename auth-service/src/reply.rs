//! The one match from [`TokenRefusal`] to the error answers of RFC 6749 section 5.2, and from [`CommandError`] to the
//! envelope of `/admin`. People's answers are in a file of their own.

pub(crate) mod account;
pub(crate) mod social;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use shared::ApiError;
use shared::db::DbError;
use shared::reply::codes;
use shared::reply::input::Violation;
use tracing::{error, warn};

use crate::domain::exchange::ExchangeRefusal;
use crate::domain::explain::error_code;
use crate::domain::handoff::handing_on::HandingRefusal;
use crate::domain::handoff::redeeming::RedeemRefusal;
use crate::error::{CommandError, TokenRefusal};
use crate::repository::clients::ClientStoreError;

/// How soon a client may come back while the database is away, in seconds.
const RETRY_AFTER_S: u64 = 2;

#[derive(Serialize)]
struct OAuthError<'a> {
    error: &'a str,
    error_description: &'a str,
    /// Why a handoff is refused, for programs; RFC 6749 section 8.5 has no word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    handoff_refusal: Option<&'a str>,
    /// By what it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<&'a str>,
}

/// What is open ends by being used up, by its time, or by somebody.
const OPEN_RETRY_AFTER_S: u64 = 60;

impl TokenRefusal {
    /// Status and error code. RFC 6749 has no code for a server that is away at the token endpoint, or for one that is
    /// asked too often; we use the one it has at the other (section 4.1.2.1).
    fn wire(&self) -> (StatusCode, &'static str) {
        match self {
            // RFC 8693 section 2.2.2: what is wrong with a subject token is wrong with the request.
            Self::BadRequest(_) | Self::SubjectToken(_) => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            Self::MediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
            Self::Client | Self::Assertion(_) => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::GrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::MalformedScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::Grant(refusal) => (StatusCode::BAD_REQUEST, error_code(refusal)),
            Self::Exchange(refusal) => (StatusCode::BAD_REQUEST, exchange_code(refusal)),
            Self::Handing(HandingRefusal::TooMany(_)) => {
                (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable")
            }
            Self::Handing(refusal) => (StatusCode::BAD_REQUEST, handing_code(refusal)),
            Self::Redeem(refusal) => (StatusCode::BAD_REQUEST, redeem_code(*refusal)),
            Self::NotItsToken => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
            Self::Db(DbError::Unavailable(_))
            | Self::Stale
            | Self::Busy
            | Self::TrustedIssuerAway(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            Self::Db(_) | Self::Signing(_) | Self::NoKey | Self::CutOff => {
                (StatusCode::INTERNAL_SERVER_ERROR, "server_error")
            }
        }
    }

    /// The error code alone, for where many answers stand in one.
    pub(crate) fn code(&self) -> &'static str {
        self.wire().1
    }

    pub(crate) fn description(&self) -> String {
        match self {
            // The cause may hold an address, or tell a stranger what is right about his guess; it is for the log.
            Self::Assertion(_) => Self::Client.to_string(),
            Self::SubjectToken(_) => "the subject token is not valid".to_owned(),
            refusal if refusal.wire().0.is_server_error() => {
                "please try again in a moment".to_owned()
            }
            refusal => refusal.to_string(),
        }
    }

    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooOften(too_often) => Some(too_often.retry_after_s),
            Self::Handing(HandingRefusal::TooMany(_)) => Some(OPEN_RETRY_AFTER_S),
            refusal if refusal.wire().0 == StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_AFTER_S),
            _ => None,
        }
    }

    /// Whether it gets a row in the audit log: floods do not, nor what is no decision, nor what has a row of its own.
    pub(crate) fn is_audited(&self) -> bool {
        if matches!(self, Self::Redeem(_)) {
            return false;
        }
        let (status, _) = self.wire();
        status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS
    }

    /// One line for each refusal, with who asked and why not.
    pub(crate) fn log(&self, client_id: &str) {
        let (status, code) = self.wire();
        if status.is_server_error() {
            error!(client.id = client_id, error.code = code, cause = %self, "could not issue a token");
        } else {
            warn!(client.id = client_id, error.code = code, cause = %self, "refused a token to {client_id}");
        }
    }
}

fn exchange_code(refusal: &ExchangeRefusal) -> &'static str {
    match refusal {
        ExchangeRefusal::NotAllowed => "unauthorized_client",
        ExchangeRefusal::Target => "invalid_target",
        ExchangeRefusal::Scope => "invalid_scope",
        ExchangeRefusal::NoTarget
        | ExchangeRefusal::NotRecipient
        | ExchangeRefusal::TooManyActors
        | ExchangeRefusal::Expired => "invalid_request",
    }
}

fn handing_code(refusal: &HandingRefusal) -> &'static str {
    match refusal {
        HandingRefusal::Purpose | HandingRefusal::Executor | HandingRefusal::Outliving => {
            "unauthorized_client"
        }
        HandingRefusal::Target => "invalid_target",
        HandingRefusal::Scope => "invalid_scope",
        HandingRefusal::NotRecipient
        | HandingRefusal::NoSession
        | HandingRefusal::HandedOn
        | HandingRefusal::Uses(_)
        | HandingRefusal::Times(_)
        | HandingRefusal::TooMany(_)
        | HandingRefusal::TooManyActors => "invalid_request",
    }
}

fn redeem_code(refusal: RedeemRefusal) -> &'static str {
    match refusal {
        RedeemRefusal::Target => "invalid_target",
        RedeemRefusal::Scope => "invalid_scope",
        RedeemRefusal::NotAllowed => "unauthorized_client",
        _ => "invalid_grant",
    }
}

impl ResponseError for TokenRefusal {
    fn status_code(&self) -> StatusCode {
        self.wire().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, error) = self.wire();
        let mut response = HttpResponse::build(status);
        response.insert_header((CACHE_CONTROL, "no-store"));
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, r#"Basic realm="baton", charset="UTF-8""#));
        }
        if let Some(seconds) = self.retry_after_s() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        let handoff = match self {
            Self::Redeem(refusal) => Some(*refusal),
            _ => None,
        };
        response.json(OAuthError {
            error,
            error_description: &self.description(),
            handoff_refusal: handoff.map(RedeemRefusal::word),
            ended_by: handoff.and_then(RedeemRefusal::ended_by),
        })
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let invalid = |field, rule, message: String| Violation::new(field, rule, message).into();
        match error {
            CommandError::NoSuchClient(_) | CommandError::NoSuchHandoff(_) => {
                Self::new(&codes::NO_SUCH_PATH).because(error)
            }
            CommandError::ClientExists(_) => invalid("id", "unique", error.to_string()),
            CommandError::Store(ClientStoreError::ServiceAccountTaken) => {
                invalid("service_account", "unique", error.to_string())
            }
            CommandError::ClientsFile(error) => invalid("clients", "format", error.to_string()),
            CommandError::Invalid(cause) => invalid("body", "format", cause),
            CommandError::Db(DbError::Unavailable(cause))
            | CommandError::Store(ClientStoreError::Db(DbError::Unavailable(cause))) => {
                Self::unavailable(RETRY_AFTER_S, cause)
            }
            error => Self::unexpected(error),
        }
    }
}
