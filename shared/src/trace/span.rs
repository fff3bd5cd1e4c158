//! [`Span`]: a step of a trace that is over; [`Tracer`] takes it to wherever traces are kept.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::trace::{Activity, TraceContext};

/// What kind of step it was, as OpenTelemetry tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A request that was answered here.
    Server,
    /// A call that was made.
    Client,
    /// Work of our own.
    Internal,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

/// How a step has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What the step is called: few names, for they are grouped by.
    pub name: Cow<'static, str>,
    /// Which kind.
    pub kind: SpanKind,
    /// When it was over.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What there is to say of it. Never a secret, never a query string.
    pub attributes: Vec<(Cow<'static, str>, Value)>,
    /// Whether it has failed.
    pub failed: bool,
}

impl Ended {
    /// Work of our own that is over, and well.
    #[must_use]
    pub fn internal(name: &'static str, (at, took): (Timestamp, Duration)) -> Self {
        let (attributes, kind) = (Vec::new(), SpanKind::Internal);
        Self { name: name.into(), kind, at, took, attributes, failed: false }
    }

    /// Says something more.
    pub fn attribute(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        self.attributes.push((name.into(), value.into()));
    }
}

/// A step that is over.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace, and the step's own id.
    pub trace: TraceContext,
    /// The step that it is part of; none where a trace begins.
    pub parent: Option<TraceContext>,
    /// A step of another trace that has led to this one.
    pub link: Option<TraceContext>,
    /// What there is to say of it.
    pub ended: Ended,
}

/// Where finished steps go. It must not block: it is called where requests are answered.
pub trait SpanSink: Send + Sync + fmt::Debug {
    /// Whether a trace that begins here is to be kept.
    fn samples(&self, trace: TraceContext) -> bool;

    /// Takes a step, or drops it when there is no room.
    fn take(&self, span: Span);

    /// Sends what has been taken so far, as far as that is quick.
    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Takes finished steps to wherever traces are kept: by default nowhere. Cloning one is cheap.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<dyn SpanSink>>);

impl Tracer {
    /// One that takes them there.
    #[must_use]
    pub fn new(sink: Arc<dyn SpanSink>) -> Self {
        Self(Some(sink))
    }

    /// Something new that begins here, without anybody having asked for it.
    #[must_use]
    pub fn begin(&self) -> Activity {
        let trace = TraceContext::start();
        let sampled = self.0.as_ref().is_none_or(|sink| sink.samples(trace));
        Activity::of(trace.sampled(sampled), (None, self.clone()))
    }

    /// The next step of a trace that somebody else has begun, who also says whether it is to be kept.
    #[must_use]
    pub fn continue_from(&self, parent: TraceContext) -> Activity {
        Activity::of(parent.next_span(), (Some(parent), self.clone()))
    }

    /// Whether steps of this trace go anywhere.
    pub(crate) fn wants(&self, trace: TraceContext) -> bool {
        self.0.is_some() && trace.is_sampled()
    }

    pub(crate) fn take(&self, span: Span) {
        if let Some(sink) = &self.0 {
            sink.take(span);
        }
    }

    /// Sends what has been taken so far, as far as that is quick; for the end of a process.
    pub async fn flush(&self) {
        if let Some(sink) = &self.0 {
            sink.flush().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps none of those that begin here.
    #[derive(Debug, Default)]
    struct Keeps(Mutex<Vec<Span>>);

    impl SpanSink for Keeps {
        fn samples(&self, _: TraceContext) -> bool {
            false
        }

        fn take(&self, span: Span) {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(span);
        }

        fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn what_begins_here_is_kept_as_the_sink_says_and_what_goes_on_as_its_caller_says() {
        let sink = Arc::new(Keeps::default());
        let tracer = Tracer::new(Arc::clone(&sink) as Arc<dyn SpanSink>);
        let end = |activity: Activity| {
            activity.finish(Ended::internal("work", (Timestamp::default(), Duration::ZERO)));
        };
        let own = tracer.begin();
        assert!(!own.trace().is_sampled(), "whoever is called does not keep it either");
        end(own);
        let caller = TraceContext::start();
        end(tracer.continue_from(caller.sampled(false)));
        end(tracer.continue_from(caller));
        let kept = sink.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let parents: Vec<_> = kept.iter().map(|span| span.parent).collect();
        assert_eq!(parents, [Some(caller)]);
    }
}
