//! From settings to jobs: the one place that constructs things.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use prometheus::Registry;
use shared::client::http::{HttpClient, Timeouts, http_client_with_tls};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::ClientCredentials;
use shared::client::{PlainHosts, ServiceUrl, Target};
use shared::clock::SystemClock;
use shared::db::{self, Db, Migrations};
use shared::server::{self, StartupError};
use shared::telemetry::Telemetry;
use shared::tls::ClientTls;
use shared::trace::Tracer;
use shared::{Clock, ServiceClient, UserId};
use url::Url;

use crate::config::Config;
use crate::job::SharedJob;
use crate::metrics::BatchMetrics;
use crate::order_api::OrderApi;
use crate::report::{CallStatistics, CallSummary};
use crate::runner::{self, Runner};

/// Its name and version, as its traces and metrics have them.
const SERVICE: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

/// Looks at what can be wrong with the settings and shows only at the start; calls nobody.
///
/// # Errors
/// A [`StartupError`] that names the setting.
pub fn check(config: &Config) -> Result<(), StartupError> {
    config.client_tls()?;
    Db::check_address(&config.database_url)?;
    config.traces().check().map_err(StartupError::part("otlp_url"))?;
    config.client().proof().map_err(StartupError::part("client_secret"))?;
    let urls = [&config.token_url, &config.order_url, &config.user_url, &config.file_url];
    let plain = &config.plain_http_hosts;
    urls.into_iter().try_for_each(|url| service_url(url, plain).map(drop))
}

/// Brings the database up to date.
///
/// # Errors
/// When it is away or a migration fails.
pub async fn migrate(config: &Config) -> Result<(), StartupError> {
    Ok(db::migrate(&config.database_url, migrations()).await?)
}

/// All that jobs are made of. One token cache serves them all.
#[derive(Clone)]
pub struct Batch {
    config: Config,
    db: Db,
    tls: ClientTls,
    http: HttpClient,
    tokens: TokenCache,
    statistics: Arc<CallStatistics>,
    metrics: BatchMetrics,
    registry: Registry,
    tracer: Tracer,
    clock: Arc<dyn Clock>,
}

impl Batch {
    /// Opens the database and makes the client that all calls go through.
    ///
    /// # Errors
    /// When the database is away or the client's secret cannot be read.
    pub async fn start(config: &Config) -> Result<Self, StartupError> {
        let (url, connections) = (&config.database_url, config.max_connections.get());
        let db = Db::start(url, connections, migrations(), config.migrate).await?;
        let tls = config.client_tls()?;
        let http = http_client_with_tls(timeouts(config), &tls);
        let http = http.map_err(StartupError::part("HTTP client"))?;
        let proof = config.client().proof().map_err(StartupError::part("client_secret"))?;
        let endpoint = service_url(&config.token_url, &config.plain_http_hosts)?;
        let source = ClientCredentials::with_proof(http.clone(), endpoint, proof);
        let clock = SystemClock::shared();
        let tokens = TokenCache::new(Arc::new(source), Arc::clone(&clock));
        let statistics = Arc::new(CallStatistics::default());
        let telemetry =
            Telemetry::start(SERVICE, &config.traces(), || Ok::<_, StartupError>(http.clone()));
        let telemetry = telemetry.map_err(StartupError::part("otlp_url"))?;
        let registry = Registry::new();
        let registered =
            [telemetry.register(&registry), tokens.register(&registry), db.register(&registry)];
        registered.into_iter().collect::<Result<(), _>>().map_err(StartupError::part("metrics"))?;
        let metrics = BatchMetrics::register(&registry).map_err(StartupError::part("metrics"))?;
        let (config, tracer) = (config.clone(), telemetry.tracer());
        Ok(Self { config, db, tls, http, tokens, statistics, metrics, registry, tracer, clock })
    }

    /// Shows at `management_listen` how its jobs fare, if the settings say where, until the process ends. These are the jobs.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn show_metrics<'j>(
        &self,
        jobs: impl Iterator<Item = &'j SharedJob>,
    ) -> Result<Option<SocketAddr>, StartupError> {
        jobs.for_each(|job| self.metrics.expect(job.declaration().name));
        let Some(address) = &self.config.management_listen else { return Ok(None) };
        let (address, server) = server::show_metrics(address, self.registry.clone())?;
        tokio::spawn(server);
        Ok(Some(address))
    }

    /// Sends what is left of its traces, as far as that is quick.
    pub async fn finish(&self) {
        self.tracer.flush().await;
    }

    /// A client that asks for no more than this job needs, of `user-service`, `order-service` or `file-service`.
    ///
    /// # Errors
    /// When there is no such service, or it is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn client(&self, service: &str, scope: &str) -> Result<ServiceClient, StartupError> {
        self.client_over(&self.http, service, scope)
    }

    /// How long a call may take.
    #[must_use]
    pub fn call_timeout(&self) -> Duration {
        Duration::from_secs(self.config.call_timeout_s.get())
    }

    /// The same for calls that may take so long, as those that send something of any size.
    ///
    /// # Errors
    /// As [`Batch::client`].
    pub fn patient_client(
        &self,
        service: &str,
        scope: &str,
        longest: Duration,
    ) -> Result<ServiceClient, StartupError> {
        let timeouts = Timeouts { read: longest, total: longest, ..Timeouts::default() };
        let http = http_client_with_tls(timeouts, &self.tls);
        let http = http.map_err(StartupError::part("HTTP client"))?;
        self.client_over(&http, service, scope)
    }

    fn client_over(
        &self,
        http: &HttpClient,
        service: &str,
        scope: &str,
    ) -> Result<ServiceClient, StartupError> {
        let base_url = match service {
            "user-service" => &self.config.user_url,
            "order-service" => &self.config.order_url,
            "file-service" => &self.config.file_url,
            _ => return Err(StartupError::part("service")(format!("no service `{service}`"))),
        };
        let scope = scope.parse().map_err(StartupError::part("scope"))?;
        let base_url = service_url(base_url, &self.config.plain_http_hosts)?;
        // The runner repeats the calls itself.
        let target = Target::new(base_url, service, scope).without_retries();
        let client = ServiceClient::new(http.clone(), self.tokens.clone(), target);
        Ok(client.observed_by(Arc::clone(&self.statistics) as Arc<_>))
    }

    /// order-service, as the jobs call it.
    pub(crate) fn order_api(&self, scope: &str) -> Result<OrderApi, StartupError> {
        let page = self.config.orders_at_once.get();
        Ok(OrderApi::new(self.client("order-service", scope)?, page))
    }

    /// The batch's own database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// What jobs take for now.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The user in the sessions of the batch.
    #[must_use]
    pub fn account(&self) -> UserId {
        self.config.account_user_id
    }

    /// What takes jobs to their end.
    #[must_use]
    pub fn runner(&self) -> Runner {
        let config = &self.config;
        let settings = runner::Settings {
            lease: Duration::from_secs(config.lease_s.get()),
            concurrency: config.concurrency.get(),
            parts_at_once: config.companies_at_once.get(),
            patience: Duration::from_secs(config.patience_s),
            grace: Duration::from_secs(config.grace_s),
            keep: TimeDelta::days(config.keep_days.into()),
            account: config.account_user_id,
            hold_at: config.hold_at.clone(),
        };
        let watched = (self.clock(), self.metrics.clone(), self.tracer.clone());
        Runner::new(&self.db, watched, settings)
    }

    /// The calls made so far, by all jobs.
    #[must_use]
    pub fn calls(&self) -> CallSummary {
        self.statistics.summary(self.tokens.counts().fetched)
    }
}

fn timeouts(config: &Config) -> Timeouts {
    let total = Duration::from_secs(config.call_timeout_s.get());
    let read = Timeouts::default().read.min(total);
    Timeouts { read, total, ..Timeouts::default() }
}

/// A URL that tokens and the secret may go to.
fn service_url(url: &Url, plain: &PlainHosts) -> Result<ServiceUrl, StartupError> {
    ServiceUrl::with_plain(url.clone(), plain).map_err(StartupError::part("plain_http_hosts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_tls_is_refused_with_the_setting_that_permits_it()
    -> Result<(), url::ParseError> {
        let url = Url::parse("http://order-service:9002")?;
        let refused =
            service_url(&url, &PlainHosts::default()).err().map(|error| error.to_string());
        let text = refused.unwrap_or_default();
        assert!(
            text.contains("plain_http_hosts") && text.contains("http://order-service:9002"),
            "{text}"
        );
        assert!(service_url(&url, &PlainHosts::from(vec!["order-service".to_owned()])).is_ok());
        Ok(())
    }
}
