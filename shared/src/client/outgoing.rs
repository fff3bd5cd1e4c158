//! [`Outgoing`]: a request of ours as a step of a trace: the header that goes along, and the span that is left of it.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Request, Response};
use url::Url;

use crate::clock::{Clock, SystemClock};
use crate::trace::span::{Ended, SpanKind};
use crate::trace::{Activity, TraceContext};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request that is about to be sent.
pub(super) struct Outgoing {
    /// None where nobody keeps what comes of it.
    recorded: Option<Box<Recorded>>,
}

struct Recorded {
    activity: Activity,
    trace: TraceContext,
    method: Method,
    url: Url,
    began: Duration,
    clock: SystemClock,
}

impl Outgoing {
    /// The next step of what is being done in this task, if that has been said; the request says so.
    pub(super) fn of_current(request: &mut Request, clock: &SystemClock) -> Self {
        match Activity::with_current(Activity::trace) {
            Some(trace) => Self::of(request, trace, clock),
            None => Self { recorded: None },
        }
    }

    /// The next step of this trace; the request says so.
    pub(super) fn of(request: &mut Request, within: TraceContext, clock: &SystemClock) -> Self {
        let trace = within.next_span();
        // It is made of digits and dashes.
        if let Ok(value) = HeaderValue::from_bytes(&trace.to_bytes()) {
            request.headers_mut().insert(TRACEPARENT, value);
        }
        let recorded = Activity::with_current(|activity| {
            let is_own = activity.trace().is_of_the_same(trace);
            (is_own && activity.is_recorded()).then(|| activity.clone())
        });
        let recorded = recorded.flatten().map(|activity| {
            let (method, url) = (request.method().clone(), request.url().clone());
            let (began, clock) = (clock.monotonic(), clock.clone());
            Box::new(Recorded { activity, trace, method, url, began, clock })
        });
        Self { recorded }
    }

    /// The head of the answer is there, or there is none.
    pub(super) fn finish(mut self, answer: &Result<Response, reqwest::Error>) {
        let Some(own) = self.recorded.take() else { return };
        own.finish(|ended| match answer {
            Ok(answer) => {
                let status = answer.status();
                ended.attribute("http.response.status_code", status.as_u16());
                ended.failed = status.is_client_error() || status.is_server_error();
                if ended.failed {
                    ended.attribute("error.type", status.as_str());
                }
            }
            Err(error) => {
                ended.failed = true;
                ended.attribute("error.type", kind_of(error));
            }
        });
    }
}

/// A call whose deadline has passed is dropped where it waits.
impl Drop for Outgoing {
    fn drop(&mut self) {
        let Some(own) = self.recorded.take() else { return };
        own.finish(|ended| {
            ended.failed = true;
            ended.attribute("error.type", "cancelled");
        });
    }
}

impl Recorded {
    fn finish(&self, say: impl FnOnce(&mut Ended)) {
        let mut ended = Ended {
            name: self.method.as_str().to_owned().into(),
            kind: SpanKind::Client,
            at: self.clock.now(),
            took: self.clock.monotonic().saturating_sub(self.began),
            attributes: Vec::with_capacity(12),
            failed: false,
        };
        self.describe(&mut ended);
        say(&mut ended);
        self.activity.finish_call(self.trace, ended);
    }

    /// Whom it went to. What a query or a fragment says may be the caller's secret.
    fn describe(&self, ended: &mut Ended) {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        ended.attribute("http.request.method", self.method.as_str());
        ended.attribute("server.address", url.host_str().unwrap_or_default());
        ended.attribute("server.port", url.port_or_known_default().unwrap_or_default());
        ended.attribute("url.full", String::from(url));
    }
}

fn kind_of(error: &reqwest::Error) -> &'static str {
    match error {
        _ if error.is_timeout() => "timeout",
        _ if error.is_connect() => "connect",
        _ => "transport",
    }
}
