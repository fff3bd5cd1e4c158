//! Structured logs on standard error.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogLevels;

/// Starts logging: readable text on a terminal, one JSON object a line otherwise. Panics are logged, too.
/// A second call changes nothing.
pub fn start(levels: &LogLevels) {
    let filter = levels.as_str().parse::<Targets>();
    let filter = filter.unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    // Six lines for each listener that say nothing about requests.
    let filter = filter.with_target("actix_server", Level::WARN);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        registry.with(layer).try_init()
    } else {
        registry.with(layer.json().flatten_event(true)).try_init()
    };
    if started.is_ok() {
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
