//! [`KeptAnswer`]: an answer as it was given the first time.

use serde::{Deserialize, Serialize};

/// An answer that can be given again: status, headers and body, byte for byte. In a service on actix it is made by
/// `ApiResponse::kept`, and is itself an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside `Content-Type`, which is `application/json`.
    pub headers: Vec<(String, String)>,
    /// The body, as JSON.
    pub body: String,
    /// Whether it was given before.
    #[serde(skip)]
    pub replayed: bool,
}

impl KeptAnswer {
    pub(super) fn to_text(&self) -> String {
        // Serializing strings and a number into a String cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let kept: Self = serde_json::from_str(text).ok()?;
        Some(Self { replayed: true, ..kept })
    }
}

#[cfg(feature = "actix")]
mod actix {
    use actix_web::body::BoxBody;
    use actix_web::http::StatusCode;
    use actix_web::http::header::{ContentType, HeaderName};
    use actix_web::{HttpRequest, HttpResponse, Responder};

    use super::KeptAnswer;

    const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

    impl Responder for KeptAnswer {
        type Body = BoxBody;

        /// One that was given before says so: `Idempotent-Replayed: true`.
        fn respond_to(self, _: &HttpRequest) -> HttpResponse {
            let status =
                StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = HttpResponse::build(status);
            for (name, value) in self.headers {
                response.insert_header((name, value));
            }
            if self.replayed {
                response.insert_header((IDEMPOTENT_REPLAYED, "true"));
            }
            response.insert_header(ContentType::json()).body(self.body)
        }
    }
}
