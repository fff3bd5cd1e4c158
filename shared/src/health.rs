//! What the cluster asks a service: is it alive, is it ready, how is it doing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{HttpResponse, web};
use futures_util::future::{BoxFuture, join_all};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};
use serde_json::{Map, Value, json};
use tracing::warn;

/// How long one readiness check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What has to be there before a service may get requests.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Vec<(&'static str, Check)>,
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// Nothing has to be there.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `name` has to be there; the check says why it is not. A check that takes 2 s counts as failed.
    #[must_use]
    pub fn needs<F>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    {
        self.checks.push((name, Arc::new(check)));
        self
    }

    /// From now on not ready, whatever the checks say: the service is about to stop.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The database has to answer.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn needs_database(self, db: &crate::db::Db) -> Self {
        let db = db.clone();
        self.needs("database", move || {
            let db = db.clone();
            Box::pin(async move { db.ping().await.map_err(|error| error.to_string()) })
        })
    }

    /// The issuer's keys have to be known.
    #[cfg(feature = "client")]
    #[must_use]
    pub fn needs_keys(self, keys: &crate::RemoteKeys) -> Self {
        let keys = keys.clone();
        self.needs("keys", move || {
            let keys = keys.clone();
            Box::pin(async move { keys.warm_up().await.map_err(|error| error.to_string()) })
        })
    }

    async fn report(&self) -> (bool, Value) {
        let results = join_all(self.checks.iter().map(|(name, check)| async move {
            let result = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            (*name, result.unwrap_or_else(|_| Err("no answer within 2 s".to_owned())))
        }))
        .await;
        let mut ready = !self.stopping.load(Ordering::SeqCst);
        let mut parts = Map::new();
        if !ready {
            parts.insert("service".to_owned(), json!("stopping"));
        }
        for (name, result) in results {
            if let Err(cause) = result {
                // The cause may hold an address; it is for the log, the answer says only which part.
                warn!(part = name, cause, "not ready: {name} is away");
                ready = false;
                parts.insert(name.to_owned(), json!("away"));
            } else {
                parts.insert(name.to_owned(), json!("ok"));
            }
        }
        (ready, Value::Object(parts))
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}

/// Counters of requests, by method, route pattern and status.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl HttpMetrics {
    /// New counters in a registry of their own: several services may live in one process.
    ///
    /// # Errors
    /// Never in practice: the names are constants and valid.
    pub fn new() -> Result<Self, prometheus::Error> {
        Self::in_registry(Registry::new())
    }

    /// The same beside other metrics.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn in_registry(registry: Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new("http_requests_total", "Requests answered"),
            &["method", "route", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("http_request_duration_seconds", "Time to answer a request"),
            &["route"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { registry, requests, seconds })
    }

    pub(crate) fn record(&self, method: &str, answer: (&str, u16), took: Duration) {
        let (route, status) = answer;
        let method = known_method(method);
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }
}

/// What stands for all methods that nobody knows.
pub(crate) const OTHER_METHOD: &str = "OTHER";

/// A method is the caller's text; unknown ones share a label, so that labels stay bounded.
pub(crate) fn known_method(method: &str) -> &str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if known.contains(&method) { method } else { OTHER_METHOD }
}

/// The routes of the management port: `/livez`, `/startupz`, `/readyz`, `/metrics`.
pub fn configure(app: &mut web::ServiceConfig, readiness: Readiness, metrics: HttpMetrics) {
    app.app_data(web::Data::new(readiness))
        .app_data(web::Data::new(metrics))
        .route("/livez", web::get().to(live))
        .route("/startupz", web::get().to(started))
        .route("/readyz", web::get().to(ready))
        .route("/metrics", web::get().to(show_metrics));
}

pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"live": true}))
}

/// Whoever answers here has started; until then somebody else does.
async fn started() -> HttpResponse {
    HttpResponse::Ok().json(json!({"started": true}))
}

async fn ready(readiness: web::Data<Readiness>) -> HttpResponse {
    let (ready, parts) = readiness.report().await;
    let body = json!({"ready": ready, "parts": parts});
    if ready {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

async fn show_metrics(metrics: web::Data<HttpMetrics>) -> HttpResponse {
    match TextEncoder::new().encode_to_string(&metrics.registry.gather()) {
        Ok(text) => HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
