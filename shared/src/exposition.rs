//! Counts in the form that Prometheus reads. They are put into it when it asks, so that a request pays for no more than
//! counting.

use std::collections::HashMap;
use std::fmt;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// Counts under one name. Labels are from a closed set, so that they stay few.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: MetricType,
    /// The name of the label that tells the values apart; none where there is one value only.
    pub(crate) label: Option<&'static str>,
    pub(crate) values: Vec<(&'static str, f64)>,
}

impl Family {
    /// A counter without labels.
    pub(crate) fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            name,
            help,
            kind: MetricType::COUNTER,
            label: None,
            values: vec![("", number(value))],
        }
    }

    /// A number that may fall, too.
    #[cfg(any(feature = "client", feature = "store", feature = "tls"))]
    pub(crate) fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { kind: MetricType::GAUGE, ..Self::counter(name, help, value) }
    }

    /// Counters that this label tells apart.
    pub(crate) fn by(self, label: &'static str, values: Vec<(&'static str, u64)>) -> Self {
        let values = values.into_iter().map(|(value, count)| (value, number(count))).collect();
        Self { label: Some(label), values, ..self }
    }

    /// The same with another value, which need not be whole.
    #[cfg(feature = "telemetry")]
    pub(crate) fn at(self, value: f64) -> Self {
        Self { values: vec![("", value)], ..self }
    }

    fn description(&self) -> Result<Desc, prometheus::Error> {
        let labels = self.label.into_iter().map(str::to_owned).collect();
        Desc::new(self.name.to_owned(), self.help.to_owned(), labels, HashMap::new())
    }

    pub(crate) fn exposed(self) -> MetricFamily {
        let (label, kind) = (self.label, self.kind);
        let metrics = self.values.into_iter().map(|(value, count)| {
            let mut metric =
                Metric::from_label(label.map(|name| pair(name, value)).into_iter().collect());
            if kind == MetricType::GAUGE {
                let mut gauge = Gauge::default();
                gauge.set_value(count);
                metric.set_gauge(gauge);
            } else {
                let mut counter = Counter::default();
                counter.set_value(count);
                metric.set_counter(counter);
            }
            metric
        });
        family((self.name, self.help), kind, metrics.collect())
    }
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

/// Metrics of one name.
pub(crate) fn family(
    (name, help): (&str, &str),
    kind: MetricType,
    metrics: Vec<Metric>,
) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// What is read anew each time that Prometheus asks.
pub(crate) struct Exposition<F> {
    read: F,
    descriptions: Vec<Desc>,
}

impl<F: Fn() -> Vec<Family>> Exposition<F> {
    /// `read` gives families of the same names each time.
    pub(crate) fn of(read: F) -> Result<Self, prometheus::Error> {
        let descriptions = read().iter().map(Family::description).collect::<Result<_, _>>()?;
        Ok(Self { read, descriptions })
    }
}

impl<F: Fn() -> Vec<Family> + Send + Sync> Collector for Exposition<F> {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.read)().into_iter().map(Family::exposed).collect()
    }
}

impl<F> fmt::Debug for Exposition<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Exposition")
    }
}
