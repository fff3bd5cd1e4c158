//! What can be seen of a session on its way through the services: traces, log lines, metrics.

mod collectors;
mod metrics;
mod traces;
