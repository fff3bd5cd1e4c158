//! The one match from [`TokenRefusal`] to the error answers of RFC 6749 section 5.2.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use shared::db::DbError;
use tracing::{error, warn};

use crate::domain::grant::GrantRefusal;
use crate::error::TokenRefusal;

/// How soon a client may come back while the database is away, in seconds.
const RETRY_AFTER_S: u64 = 2;

#[derive(Serialize)]
struct OAuthError<'a> {
    error: &'a str,
    error_description: &'a str,
}

impl TokenRefusal {
    /// Status and error code. RFC 6749 has no code for a server that is away at the token endpoint; we use the
    /// one it has at the other (section 4.1.2.1).
    fn wire(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
            Self::Client => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::GrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::MalformedScope | Self::Grant(GrantRefusal::Scope) => {
                (StatusCode::BAD_REQUEST, "invalid_scope")
            }
            // RFC 8707 section 2.
            Self::Grant(GrantRefusal::Audience) => (StatusCode::BAD_REQUEST, "invalid_target"),
            Self::Grant(GrantRefusal::Session(_)) => {
                (StatusCode::BAD_REQUEST, "unauthorized_client")
            }
            Self::Db(DbError::Unavailable(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            Self::Db(_) | Self::Signing(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        }
    }

    fn description(&self) -> String {
        match self {
            // The cause may hold an address; it is for the log.
            Self::Db(_) | Self::Signing(_) => "please try again in a moment".to_owned(),
            refusal => refusal.to_string(),
        }
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
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_S));
        }
        response.json(OAuthError { error, error_description: &self.description() })
    }
}
