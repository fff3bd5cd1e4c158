//! From settings to jobs: the one place that constructs things.

use std::sync::Arc;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::client::http::{HttpClient, Timeouts, http_client};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::ClientCredentials;
use shared::client::{PlainHosts, ServiceUrl, Target};
use shared::clock::SystemClock;
use shared::db::{self, Db, Migrations};
use shared::server::StartupError;
use shared::{Clock, Secret, ServiceClient};
use url::Url;

use crate::config::Config;
use crate::file_api::FileApi;
use crate::jobs::import_orders::{self, ImportOrders};
use crate::jobs::settle_orders::{self, SettleOrders};
use crate::order_api::OrderApi;
use crate::progress::Progress;
use crate::report::{CallStatistics, CallSummary};
use crate::repository::SettlementRepository;
use crate::user_api::UserApi;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

/// Brings the database up to date.
///
/// # Errors
/// When it is away or a migration fails.
pub async fn migrate(config: &Config) -> Result<(), StartupError> {
    let migrated = db::migrate(&config.database_url, migrations()).await;
    migrated.map_err(StartupError::part("database"))
}

/// All that jobs are made of. One token cache serves them all.
#[derive(Clone)]
pub struct Batch {
    config: Config,
    db: Db,
    http: HttpClient,
    tokens: TokenCache,
    statistics: Arc<CallStatistics>,
    clock: Arc<dyn Clock>,
}

impl Batch {
    /// Opens the database and makes the client that all calls go through.
    ///
    /// # Errors
    /// When the database is away or the client's secret cannot be read.
    pub async fn start(config: &Config) -> Result<Self, StartupError> {
        let migrations = config.migrate.then(migrations);
        let db = Db::start(&config.database_url, config.max_connections.get(), migrations).await;
        let db = db.map_err(StartupError::part("database"))?;
        let http = http_client(Timeouts::default()).map_err(StartupError::part("HTTP client"))?;
        let secret =
            Secret::of(config.client_secret.as_ref(), config.client_secret_file.as_deref());
        let secret = secret.map_err(StartupError::part("client_secret"))?;
        let endpoint = service_url(&config.token_url, &config.plain_http_hosts)?;
        let source = ClientCredentials::new(http.clone(), endpoint, &config.client_id, &secret);
        let clock = SystemClock::shared();
        let tokens = TokenCache::new(Arc::new(source), Arc::clone(&clock));
        let statistics = Arc::new(CallStatistics::default());
        Ok(Self { config: config.clone(), db, http, tokens, statistics, clock })
    }

    /// The job that takes over paid orders.
    ///
    /// # Errors
    /// When a service is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn import_orders(&self) -> Result<ImportOrders, StartupError> {
        let orders = self.client(&self.config.order_url, "order-service", "order:import")?;
        let users = self.client(&self.config.user_url, "user-service", "user:import")?;
        Ok(ImportOrders {
            orders: OrderApi::new(orders),
            users: UserApi::new(users),
            account: self.config.account_user_id,
            progress: Progress::new(import_orders::NAME),
        })
    }

    /// The job that settles them.
    ///
    /// # Errors
    /// When a service is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn settle_orders(&self) -> Result<SettleOrders, StartupError> {
        let Config { order_url, user_url, file_url, .. } = &self.config;
        let orders = self.client(order_url, "order-service", "order:read order:settle")?;
        let users = self.client(user_url, "user-service", "user:read")?;
        let files = self.client(file_url, "file-service", "file:read file:write")?;
        Ok(SettleOrders {
            orders: OrderApi::new(orders),
            users: UserApi::new(users),
            files: FileApi::new(files),
            settlements: SettlementRepository::new(self.db.clone()),
            account: self.config.account_user_id,
            concurrency: self.config.concurrency.get(),
            clock: Arc::clone(&self.clock),
            progress: Progress::new(settle_orders::NAME),
        })
    }

    /// A client that asks for no more than this job needs.
    fn client(
        &self,
        base_url: &Url,
        audience: &str,
        scope: &str,
    ) -> Result<ServiceClient, StartupError> {
        let scope = scope.parse().map_err(StartupError::part("scope"))?;
        let base_url = service_url(base_url, &self.config.plain_http_hosts)?;
        // The jobs repeat their calls themselves.
        let target = Target::new(base_url, audience, scope).without_retries();
        let client = ServiceClient::new(self.http.clone(), self.tokens.clone(), target);
        Ok(client.observed_by(Arc::clone(&self.statistics) as Arc<_>))
    }

    /// The calls made so far, by all jobs.
    #[must_use]
    pub fn calls(&self) -> CallSummary {
        self.statistics.summary(self.tokens.counts().fetched)
    }
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
