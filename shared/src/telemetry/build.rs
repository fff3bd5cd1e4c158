//! Which version of which service this is.

use prometheus::{IntGauge, Opts, Registry};

/// Shows it among these metrics.
pub(super) fn register(
    (service, version): (&str, &str),
    registry: &Registry,
) -> Result<(), prometheus::Error> {
    let opts = Opts::new("baton_build_info", "Which version of which service this is");
    let opts = opts.const_label("service", service).const_label("version", version);
    let is = IntGauge::with_opts(opts)?;
    is.set(1);
    registry.register(Box::new(is))
}
