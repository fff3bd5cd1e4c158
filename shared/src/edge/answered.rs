//! [`Answered`]: what came of a request, for its log line and for the step of its trace.

use std::time::Duration;

use tracing::{error, info, warn};

use super::Arrival;
use crate::clock::Timestamp;
use crate::health::{OTHER_METHOD, known_method};
use crate::refusal::Reason;
use crate::reply::ApiError;
use crate::trace::span::{Ended, SpanKind};

/// What came of a request.
pub(super) struct Answered<'f> {
    pub(super) status: u16,
    pub(super) failure: Option<&'f ApiError>,
}

impl Answered<'_> {
    /// In the words of OpenTelemetry's semantic conventions; a path goes without its query.
    pub(super) fn step(
        &self,
        arrival: &Arrival,
        (at, took): (Timestamp, Duration),
        route: Option<&str>,
    ) -> Ended {
        let method = known_method(arrival.method.as_str());
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let (kind, failed) = (SpanKind::Server, self.status >= 500);
        let attributes = Vec::with_capacity(12);
        let mut ended = Ended { name: name.into(), kind, at, took, attributes, failed };
        let method = if method == OTHER_METHOD { "_OTHER" } else { method };
        ended.attribute("http.request.method", method);
        ended.attribute("http.response.status_code", self.status);
        ended.attribute("url.path", arrival.path.as_str());
        ended.attribute("baton.request_id", arrival.request_id.to_str().unwrap_or_default());
        if let Some(route) = route {
            ended.attribute("http.route", route);
        }
        if failed {
            ended.attribute("error.type", self.status.to_string());
        }
        if let Some(failure) = self.failure {
            ended.attribute("baton.error_code", failure.code());
        }
        if let Some(reason) = self.failure.and_then(ApiError::refused) {
            ended.attribute("baton.refused", reason.label());
        }
        ended
    }

    /// The one line of a request. It says itself to what it belongs, for those whose log does not put that on every line.
    pub(super) fn log(&self, arrival: &Arrival, took: Duration) {
        let &Self { status, failure } = self;
        let session = arrival.activity.session();
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    http.method = arrival.method.as_str(),
                    http.path = arrival.path,
                    http.status = status,
                    error.code = failure.map(ApiError::code),
                    refused = failure.and_then(ApiError::refused).map(Reason::label),
                    cause = failure.and_then(ApiError::cause),
                    took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                    trace.id = arrival.activity.trace().trace_id(),
                    request.id = arrival.request_id.to_str().unwrap_or_default(),
                    client.id = arrival.activity.client_id(),
                    company = session.map(|session| session.company_id().get()),
                    user = session.map(|session| session.user_id().get()),
                    "{} {} -> {status}",
                    arrival.method,
                    arrival.path
                )
            };
        }
        match status {
            500.. => line!(error),
            401 | 403 | 429 => line!(warn),
            _ => line!(info),
        }
    }
}
