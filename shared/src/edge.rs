//! [`Edge`]: the outermost layer of every service. Ids in and out, errors and panics into the envelope in the
//! caller's language, one log line and the metrics for each request.

mod answered;

use std::future::{Ready, ready};
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue,
};
use actix_web::http::{ConnectionType, Method};
use actix_web::{Error, HttpMessage, ResponseError};
use futures_util::future::LocalBoxFuture;
use uuid::{Builder, Uuid};

use crate::body::with_deadline;
use crate::clock::{Clock, SystemClock};
use crate::health::{HttpMetrics, Readiness};
use crate::reply::{ApiError, Language, input};
use crate::trace::{Activity, TraceContext, Tracer};
use answered::Answered;

/// `X-Request-Id`: given by the caller or made here, echoed in the answer.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `traceparent` (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The longest request id that is taken over from a caller.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The outermost layer. See the [module](self).
#[derive(Clone, Debug)]
pub struct Edge {
    metrics: HttpMetrics,
    clock: SystemClock,
    readiness: Readiness,
    tracer: Tracer,
}

impl Edge {
    /// A layer that counts into these metrics.
    #[must_use]
    pub fn new(metrics: HttpMetrics) -> Self {
        let (clock, readiness) = (SystemClock::new(), Readiness::new());
        Self { metrics, clock, readiness, tracer: Tracer::default() }
    }

    /// The same, which asks callers to come by a new connection from the moment on that the service is about to stop: a request
    /// that goes into a connection just as it is closed would be lost.
    #[must_use]
    pub fn of(self, readiness: &Readiness) -> Self {
        Self { readiness: readiness.clone(), ..self }
    }

    /// The same, whose requests are steps of traces that go there.
    #[must_use]
    pub fn traced_by(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Edge
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type InitError = ();
    type Transform = EdgeService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(EdgeService { service: Rc::new(service), edge: self.clone() }))
    }
}

/// The service that [`Edge`] wraps around an app.
#[derive(Debug)]
pub struct EdgeService<S> {
    service: Rc<S>,
    edge: Edge,
}

impl<S, B> Service<ServiceRequest> for EdgeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let paced = with_deadline(request.take_payload());
        request.set_payload(paced);
        let arrival = Arrival::of(&request, &self.edge);
        request.extensions_mut().insert(arrival.activity.trace());
        request.extensions_mut().insert(RequestId(arrival.request_id.clone()));
        let edge = self.edge.clone();
        // In a task of its own: a caller who hangs up does not cut a handler off in the middle of its work, which
        // would leave a transaction open on a connection that others wait for. A panic ends that task only.
        let work = arrival.activity.run_now(|| self.service.call(request));
        let answer = actix_web::rt::spawn(arrival.activity.clone().run(work));
        Box::pin(async move {
            match answer.await {
                Ok(Ok(response)) => Ok(edge.finish(&arrival, response)),
                Ok(Err(failure)) => Err(edge.fail(&arrival, failure)),
                Err(_panic) => {
                    Err(edge.fail(&arrival, ApiError::unexpected("a handler panicked").into()))
                }
            }
        })
    }
}

/// The id of a request, as it is echoed and logged; in the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.0.to_str().ok()
    }
}

/// What is remembered of a request until its answer goes out.
struct Arrival {
    method: Method,
    path: String,
    request_id: HeaderValue,
    activity: Activity,
    language: Language,
    at: Duration,
}

impl Arrival {
    fn of(request: &ServiceRequest, edge: &Edge) -> Self {
        let headers = request.headers();
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = request_id(headers);
        let activity = text(&TRACEPARENT)
            .and_then(TraceContext::parse)
            .map_or_else(|| edge.tracer.begin(), |caller| edge.tracer.continue_from(caller));
        Self {
            method: request.method().clone(),
            path: request.path().to_owned(),
            activity: activity.with_request_id(request_id.to_str().unwrap_or_default()),
            request_id,
            language: text(&ACCEPT_LANGUAGE).map(Language::preferred).unwrap_or_default(),
            at: edge.clock.monotonic(),
        }
    }
}

fn request_id(headers: &HeaderMap) -> HeaderValue {
    let visible = |value: &&HeaderValue| {
        (1..=MAX_REQUEST_ID_BYTES).contains(&value.len())
            && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    let given = headers.get(X_REQUEST_ID).filter(visible).cloned();
    given.unwrap_or_else(|| {
        // It tells requests apart, and that is all: the system's randomness would cost more than the rest of it.
        let made = Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid();
        let mut text = Uuid::encode_buffer();
        let text = made.hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    })
}

fn as_api_error(failure: &Error) -> Option<ApiError> {
    failure.as_error::<ApiError>().cloned().or_else(|| {
        let status = failure.as_response_error().status_code();
        input::for_status(status).map(|known| known.because(failure))
    })
}

impl Edge {
    fn finish<B: MessageBody + 'static>(
        &self,
        arrival: &Arrival,
        response: ServiceResponse<B>,
    ) -> ServiceResponse<BoxBody> {
        let failure = failure_of(&response);
        let mut response = match &failure {
            None => response.map_into_boxed_body(),
            Some(failure) => reworded(response, &failure.clone().in_language(arrival.language)),
        };
        response.headers_mut().insert(X_REQUEST_ID, arrival.request_id.clone());
        if self.readiness.is_stopping() {
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        let route = response.request().match_pattern();
        let answered = Answered { status: response.status().as_u16(), failure: failure.as_ref() };
        let took = self.record(arrival, route.as_deref(), &answered);
        answered.log(arrival, took);
        response
    }

    /// The request is gone with the handler that failed: which route it was is not known any more.
    fn fail(&self, arrival: &Arrival, failure: Error) -> Error {
        let known = as_api_error(&failure);
        let status = failure.as_response_error().status_code().as_u16();
        let answered = Answered { status, failure: known.as_ref() };
        let took = self.record(arrival, None, &answered);
        answered.log(arrival, took);
        known.map_or(failure, |known| {
            let known = known.in_language(arrival.language);
            let known = known.with_header(X_REQUEST_ID, arrival.request_id.clone());
            if !self.readiness.is_stopping() {
                return known.into();
            }
            known.with_header(CONNECTION, HeaderValue::from_static("close")).into()
        })
    }

    /// Counts the answer, and ends the step of the trace; says how long it took.
    fn record(&self, arrival: &Arrival, route: Option<&str>, answered: &Answered<'_>) -> Duration {
        let took = self.clock.monotonic().saturating_sub(arrival.at);
        let counted = (route.unwrap_or("unmatched"), answered.status);
        self.metrics.record(arrival.method.as_str(), counted, took);
        if arrival.activity.is_recorded() {
            let ended = answered.step(arrival, (self.clock.now(), took), route);
            arrival.activity.finish(ended);
        }
        took
    }
}

/// What went wrong, in our words. An error answer that is JSON of its own (OAuth's), or has a status that only a
/// handler gives, is left as it is.
fn failure_of<B>(response: &ServiceResponse<B>) -> Option<ApiError> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    if let Some(own) = response.response().extensions().get::<ApiError>() {
        return Some(own.clone());
    }
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if is_json { None } else { input::for_status(status) }
}

/// The answer in our words. What inner layers have put on it stays: `Allow`, CORS, cookies.
fn reworded<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    failure: &ApiError,
) -> ServiceResponse<BoxBody> {
    let words = failure.error_response();
    response.map_body(|head, _| {
        for of_the_old_body in [CONTENT_LENGTH, CONTENT_ENCODING, ETAG] {
            head.headers_mut().remove(of_the_old_body);
        }
        for (name, value) in words.headers() {
            head.headers_mut().insert(name.clone(), value.clone());
        }
        words.into_body()
    })
}
