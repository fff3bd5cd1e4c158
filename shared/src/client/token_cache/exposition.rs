//! A cache's numbers in the form that Prometheus reads.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};

use super::metrics::{self, AGES_MS, CLASSES, FETCHES_MS, Metrics};
use crate::exposition::{Family, family, number};

type Name = (&'static str, &'static str);

const HITS: Name = ("token_cache_hits_total", "Requests answered with a token that was held");
const MISSES: Name = ("token_cache_misses_total", "Requests that found no token");
const WAITERS: Name = ("token_cache_waiters", "Requests that wait for a token");
const ENTRIES: Name = ("token_cache_entries", "Keys that are held");
const EVICTIONS: Name = ("token_cache_evictions_total", "Keys that made room for others");
const FETCH: Name = ("token_fetch_duration_seconds", "Time to fetch a token, or to fail");
const FAILURES: Name = ("token_fetch_failures_total", "Token fetches that failed, by class");
const AGE: Name = ("token_age_at_use_seconds", "Age of held tokens when they were used");
const REJECTIONS: Name = ("token_rejections_total", "Tokens that a service has rejected");
const RETRIES: Name = ("client_retries_total", "Calls tried again after a failure");

const NAMES: [Name; 10] =
    [HITS, MISSES, WAITERS, ENTRIES, EVICTIONS, FETCH, FAILURES, AGE, REJECTIONS, RETRIES];

pub(super) struct Exposition {
    metrics: Arc<Metrics>,
    descriptions: Vec<Desc>,
}

impl Exposition {
    pub(super) fn new(metrics: Arc<Metrics>) -> Result<Self, prometheus::Error> {
        let describe = |(name, help): Name| {
            let labels = if name == FAILURES.0 { vec!["class".to_owned()] } else { Vec::new() };
            Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())
        };
        let descriptions = NAMES.into_iter().map(describe).collect::<Result<_, _>>()?;
        Ok(Self { metrics, descriptions })
    }
}

impl Collector for Exposition {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (metrics, counts) = (&*self.metrics, self.metrics.counts());
        vec![
            counter(HITS, counts.hits),
            counter(MISSES, counts.waits),
            gauge(WAITERS, counts.waiting),
            gauge(ENTRIES, counts.entries),
            counter(EVICTIONS, counts.evicted),
            histogram(FETCH, &FETCHES_MS, std::slice::from_ref(&metrics.fetches)),
            failures(metrics),
            histogram(AGE, &AGES_MS, &metrics.ages),
            counter(REJECTIONS, counts.rejected),
            counter(RETRIES, counts.retried),
        ]
    }
}

fn counter((name, help): Name, value: u64) -> MetricFamily {
    Family::counter(name, help, value).exposed()
}

fn gauge((name, help): Name, value: u64) -> MetricFamily {
    Family::gauge(name, help, value).exposed()
}

fn failures(metrics: &Metrics) -> MetricFamily {
    let by_class = CLASSES.into_iter().zip(metrics.failures()).collect();
    Family::counter(FAILURES.0, FAILURES.1, 0).by("class", by_class).exposed()
}

fn histogram(name: Name, bounds_ms: &[u64], parts: &[metrics::Histogram]) -> MetricFamily {
    let mut so_far = 0;
    let counts: Vec<_> = parts.iter().map(metrics::Histogram::counts).collect();
    let buckets = bounds_ms.iter().enumerate().map(|(place, bound_ms)| {
        so_far += counts.iter().map(|counts| counts[place]).sum::<u64>();
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(number(*bound_ms) / 1000.0);
        bucket.set_cumulative_count(so_far);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(counts.iter().flatten().sum());
    histogram.set_sample_sum(number(parts.iter().map(metrics::Histogram::sum_ms).sum()) / 1000.0);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    family(name, MetricType::HISTOGRAM, vec![metric])
}
