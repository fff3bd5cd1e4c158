//! One request to an authorization server, and what may come of it.

use std::borrow::Cow;
use std::time::Duration;

use oauth2::basic::BasicErrorResponse;
use oauth2::{HttpRequest, HttpResponse};
use reqwest::StatusCode;
use url::form_urlencoded;

use crate::client::http::{capped_body, describe, retry_after};
use crate::client::outgoing::Outgoing;
use crate::clock::SystemClock;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The longest `Retry-After` that we follow.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How much a request may take.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// From connecting to the last byte.
    pub(super) timeout: Duration,
    /// Of the answer.
    pub(super) max_bytes: usize,
}

/// The server could not be asked, or is not one that can be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{cause}")]
    Away { cause: String, retry_after: Option<Duration> },
    #[error("it answered {0} without an OAuth error")]
    NoEndpoint(StatusCode),
}

pub(super) fn away(error: reqwest::Error) -> Failure {
    Failure::Away { cause: describe(&error.without_url()), retry_after: None }
}

/// Sends a form that the library has put together.
pub(super) async fn post_form(
    http: reqwest::Client,
    request: HttpRequest,
    limits: Limits,
) -> Result<HttpResponse, Failure> {
    let request = reqwest::Request::try_from(request).map_err(away)?;
    let (status, body) = send(&http, request, limits).await?;
    let mut answer = HttpResponse::new(body);
    *answer.status_mut() = status;
    Ok(answer)
}

/// The status and the body of an answer that is a good one or an OAuth error.
pub(super) async fn send(
    http: &reqwest::Client,
    mut request: reqwest::Request,
    limits: Limits,
) -> Result<(StatusCode, Vec<u8>), Failure> {
    *request.timeout_mut() = Some(limits.timeout);
    let traced = Outgoing::of_current(&mut request, &SystemClock::new());
    let response = http.execute(request).await;
    traced.finish(&response);
    let response = response.map_err(away)?;
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after = retry_after(response.headers()).map(|wait| wait.min(MAX_RETRY_AFTER));
        return Err(Failure::Away { cause: format!("it answered {status}"), retry_after });
    }
    let body = capped_body(response, limits.max_bytes).await;
    let body =
        body.map_err(|error| Failure::Away { cause: error.to_string(), retry_after: None })?;
    if !status.is_success() && serde_json::from_slice::<BasicErrorResponse>(&body).is_err() {
        return Err(Failure::NoEndpoint(status));
    }
    Ok((status, body))
}

/// The library names the client in any case, also where the assertion alone knows its name.
pub(super) fn without_client_id(request: HttpRequest) -> HttpRequest {
    with_fields(request, |(name, value)| (name != "client_id").then_some((name, value)))
}

/// The library knows no such grant; all else of the request is the same (RFC 8693 section 2.1).
pub(super) fn as_exchange(request: HttpRequest) -> HttpRequest {
    with_fields(request, |(name, value)| match &*name {
        "grant_type" => Some((name, TOKEN_EXCHANGE.into())),
        _ => Some((name, value)),
    })
}

type Field<'a> = (Cow<'a, str>, Cow<'a, str>);

fn with_fields(
    request: HttpRequest,
    change: impl Fn(Field<'_>) -> Option<Field<'_>>,
) -> HttpRequest {
    request.map(|form| {
        let fields = form_urlencoded::parse(&form).filter_map(change);
        let mut changed = form_urlencoded::Serializer::new(String::new());
        changed.extend_pairs(fields).finish().into_bytes()
    })
}
