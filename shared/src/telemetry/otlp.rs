//! Traces to an OpenTelemetry collector: OTLP over HTTP, as protobuf. Whatever becomes of the collector, nobody waits for it.

mod counts;
mod message;
mod sending;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::trace::span::{Span, SpanSink};
use crate::trace::{TraceContext, Tracer};
use counts::Counts;
use message::Source;
use sending::Sender;

/// As many steps wait for being sent at the most; those beyond are dropped, and counted.
const QUEUE: usize = 8_192;
/// How long the end of a process waits for what is left.
const FLUSH: Duration = Duration::from_secs(2);

/// How many of the traces that begin here are kept: 0 for none, 1 for all.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "f64")]
pub struct Ratio(f64);

impl Default for Ratio {
    /// All.
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for Ratio {
    type Error = String;

    fn try_from(ratio: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err(format!("`trace_ratio` is between 0 and 1, and {ratio} is not"))
        }
    }
}

impl Ratio {
    /// By the id alone: services that are set up alike come to the same of one trace.
    fn includes(self, trace: TraceContext) -> bool {
        let (id, _) = trace.ids();
        let low = id[8..].iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        #[expect(clippy::cast_precision_loss, reason = "a share, not a count")]
        let place = (low >> 11) as f64 / (1_u64 << 53) as f64;
        place < self.0
    }
}

/// Where traces go, and how many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traces {
    /// The root of the collector's OTLP, for example `http://otel-collector:4318`; steps are sent to `/v1/traces` below it.
    /// None: nothing is sent.
    pub url: Option<Url>,
    /// Of the traces that begin here.
    pub ratio: Ratio,
}

impl Traces {
    /// Whether traces can be sent as it is said here.
    ///
    /// # Errors
    /// [`TracesError::Url`].
    pub fn check(&self) -> Result<(), TracesError> {
        match &self.url {
            Some(url) if !matches!(url.scheme(), "http" | "https") => Err(TracesError::Url),
            _ => Ok(()),
        }
    }
}

/// Traces cannot be sent as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// Such a collector cannot be spoken to.
    #[error("`otlp_url` begins with http:// or https://")]
    Url,
    /// There is no client.
    #[error("HTTP client: {0}")]
    Client(String),
}

/// The traces of a service on their way to the collector.
#[derive(Clone, Debug, Default)]
pub(super) struct Exporter(Option<Arc<Queue>>);

impl Exporter {
    /// Sends what comes to the collector, in a task of this runtime, as of the service of this name and version. A client is
    /// only made where there is a collector.
    pub(super) fn start<E: fmt::Display>(
        traces: &Traces,
        http: impl FnOnce() -> Result<Client, E>,
        service: (&'static str, &'static str),
    ) -> Result<Self, TracesError> {
        let Some(root) = &traces.url else { return Ok(Self(None)) };
        traces.check()?;
        let mut url = root.clone();
        url.set_path(&format!("{}/v1/traces", root.path().trim_end_matches('/')));
        let (sender, waiting) = mpsc::channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let source = Source::new(service);
        let http = http().map_err(|error| TracesError::Client(error.to_string()))?;
        tokio::spawn(Sender::new((http, url), source, Arc::clone(&counts)).run(waiting));
        Ok(Self(Some(Arc::new(Queue { sender, ratio: traces.ratio, counts }))))
    }

    /// For whoever has steps to be sent.
    pub(super) fn tracer(&self) -> Tracer {
        let queue = self.0.as_ref().map(Arc::clone);
        queue.map_or_else(Tracer::default, |queue| Tracer::new(queue))
    }

    /// Shows what becomes of the steps. Without a collector there is nothing to show.
    pub(super) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let Some(queue) = &self.0 else { return Ok(()) };
        queue.counts.register(registry)
    }
}

enum Item {
    Span(Box<Span>),
    /// Everything before this has been sent, or dropped.
    Flush(oneshot::Sender<()>),
}

struct Queue {
    sender: mpsc::Sender<Item>,
    ratio: Ratio,
    counts: Arc<Counts>,
}

impl SpanSink for Queue {
    fn samples(&self, trace: TraceContext) -> bool {
        self.ratio.includes(trace)
    }

    fn take(&self, span: Span) {
        let sent = self.sender.try_send(Item::Span(Box::new(span)));
        if let Err(TrySendError::Full(_) | TrySendError::Closed(_)) = sent {
            self.counts.no_room();
        }
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let (done, flushed) = oneshot::channel();
        Box::pin(async move {
            let flushing = async {
                if self.sender.send(Item::Flush(done)).await.is_ok() {
                    let _ = flushed.await;
                }
            };
            // What is not gone by then is lost: the process is to end.
            let _ = tokio::time::timeout(FLUSH, flushing).await;
        })
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Queue({:?})", self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_as_many_traces_are_kept_as_were_asked_for() {
        let kept = |ratio: f64| {
            let ratio = Ratio(ratio);
            (0..4_000).filter(|_| ratio.includes(TraceContext::start())).count()
        };
        assert_eq!((kept(0.0), kept(1.0)), (0, 4_000));
        let quarter = kept(0.25);
        assert!((800..1_200).contains(&quarter), "{quarter}");
    }

    #[test]
    fn a_ratio_that_is_none_is_refused() {
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Ratio::try_from(bad).is_err(), "{bad}");
        }
    }
}
