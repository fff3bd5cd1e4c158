//! Structured logs on standard error, and traces to an OpenTelemetry collector.

mod build;
mod json;
mod otlp;
mod process;

use std::io::IsTerminal;

use prometheus::Registry;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::client::http::HttpClient;
use crate::config::LogLevels;
use crate::trace::Tracer;
pub use json::JsonLines;
use otlp::Exporter;
pub use otlp::{Ratio, Traces, TracesError};

/// What a process tells of itself beside its log: traces, and metrics that every service has.
#[derive(Clone, Debug)]
pub struct Telemetry {
    service: (&'static str, &'static str),
    exporter: Exporter,
}

impl Telemetry {
    /// Of the service of this name and version, for example `(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))`. Where the
    /// settings name a collector, steps of traces are sent there by this client, in a task of this runtime: nobody waits for
    /// it, and what it does not take is dropped and counted.
    ///
    /// # Errors
    /// A [`TracesError`] when the collector's URL is none, or there is no client.
    pub fn start<E: std::fmt::Display>(
        service: (&'static str, &'static str),
        traces: &Traces,
        http: impl FnOnce() -> Result<HttpClient, E>,
    ) -> Result<Self, TracesError> {
        Ok(Self { service, exporter: Exporter::start(traces, http, service)? })
    }

    /// For whatever is done without having been asked for: it begins traces.
    #[must_use]
    pub fn tracer(&self) -> Tracer {
        self.exporter.tracer()
    }

    /// Shows among these metrics which version this is, what the system says of the process, and what becomes of its traces.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        build::register(self.service, registry)?;
        process::register(registry)?;
        self.exporter.register(registry)
    }
}

/// Starts logging: readable text on a terminal, one JSON object a line otherwise. Panics are logged, too.
/// A second call changes nothing.
pub fn start(levels: &LogLevels) {
    if std::io::stderr().is_terminal() {
        let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let registry = tracing_subscriber::registry().with(filter(levels));
        log_panics_if(registry.with(layer).try_init().is_ok());
    } else {
        log_panics_if(start_writing(levels, std::io::stderr));
    }
}

/// The same with JSON lines in any case, which go there; panics are reported as before. False: logging has been started already.
pub fn start_writing<W>(levels: &LogLevels, writer: W) -> bool
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).event_format(JsonLines);
    let registry = tracing_subscriber::registry().with(filter(levels));
    registry.with(layer).try_init().is_ok()
}

fn filter(levels: &LogLevels) -> Targets {
    let filter = levels.as_str().parse::<Targets>();
    let filter = filter.unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    // Six lines for each listener that say nothing about requests.
    filter.with_target("actix_server", Level::WARN)
}

fn log_panics_if(started: bool) {
    if started {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, "panic: {}", panic_text(panic));
        }));
    }
}

fn panic_text<'p>(panic: &'p std::panic::PanicHookInfo<'_>) -> &'p str {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
