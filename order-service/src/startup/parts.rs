//! What the service is made of.

use std::sync::Arc;

use shared::cache::Cache;
use shared::client::http::{Timeouts, http_client_with_tls};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::ClientCredentials;
use shared::client::{ServiceUrl, Target};
use shared::clock::SystemClock;
use shared::db::Db;
use shared::idempotency;
use shared::server::{Parts, StartupError};
use shared::{Clock, Scopes, ServiceClient};
use tracing::warn;
use url::Url;

use crate::auth_api::AuthApi;
use crate::config::Config;
use crate::file_api::FileApi;
use crate::receipts::Receipts;
use crate::repository::exports::ExportRepository;
use crate::repository::orders::OrderRepository;
use crate::repository::products::ProductRepository;
use crate::repository::receipts::ReceiptRepository;
use crate::state::{AppState, Upkeep};

pub(super) fn state(config: &Config, db: &Db, parts: &Parts) -> Result<AppState, StartupError> {
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let cache = cache(config, &clock)?;
    let orders = OrderRepository::new(db.clone());
    let outbox = ReceiptRepository::new(db.clone());
    let Apis { files: api, auth } = apis(config, &clock, parts)?;
    let (receipts, fresh) = Receipts::new((orders.clone(), outbox), api, Arc::clone(&clock));
    let receipts = Arc::new(receipts.traced_by(parts.tracer().clone()));
    let upkeep = Upkeep::new(vec![
        tokio::spawn(Arc::clone(&receipts).run_first(fresh)),
        tokio::spawn(Arc::clone(&receipts).run()),
        tokio::spawn(idempotency::keep_forgetting(db.clone(), Arc::clone(&clock))),
    ]);
    let products = ProductRepository::new(db.clone());
    let exports = ExportRepository::new(db.clone());
    Ok(AppState { orders, products, receipts, exports, auth, cache, clock, _upkeep: upkeep })
}

fn cache(config: &Config, clock: &Arc<dyn Clock>) -> Result<Cache, StartupError> {
    let files = config.cache_files();
    let cache = Cache::open_with_tls(&config.cache_url, &files, Arc::clone(clock));
    cache.map_err(StartupError::part("cache_url"))
}

/// Whether what is made of these settings can be made.
pub(super) fn check(config: &Config, parts: &Parts) -> Result<(), StartupError> {
    let clock: Arc<dyn Clock> = SystemClock::shared();
    cache(config, &clock)?;
    apis(config, &clock, parts).map(drop)
}

/// The services that we call.
struct Apis {
    files: Option<FileApi>,
    auth: Option<AuthApi>,
}

fn apis(config: &Config, clock: &Arc<dyn Clock>, parts: &Parts) -> Result<Apis, StartupError> {
    let Some(token_url) = &config.token_url else {
        warn!("`token_url` is not set: receipts wait until it is, and nothing can be exported");
        return Ok(Apis { files: None, auth: None });
    };
    let http = http_client_with_tls(Timeouts::default(), parts.client_tls());
    let http = http.map_err(StartupError::part("HTTP client"))?;
    let proof = config.client().proof().map_err(StartupError::part("client_secret"))?;
    let endpoint = service_url(config, token_url)?;
    let source = ClientCredentials::with_proof(http.clone(), endpoint.clone(), proof);
    let tokens = TokenCache::new(Arc::new(source), Arc::clone(clock));
    tokens.register(parts.registry()).map_err(StartupError::part("metrics"))?;
    let client = |target| ServiceClient::new(http.clone(), tokens.clone(), target);
    if config.file_url.is_none() {
        warn!("`file_url` is not set: receipts wait until it is");
    }
    let scope: Scopes = "file:write".parse().map_err(StartupError::part("scope"))?;
    let file_url = config.file_url.as_ref().map(|url| service_url(config, url)).transpose()?;
    // It is the outbox that tries again.
    let files = file_url.map(|url| Target::new(url, "file-service", scope).without_retries());
    let auth = Target::new(endpoint, "auth-service", Scopes::default());
    Ok(Apis {
        files: files.map(|target| FileApi::new(client(target))),
        auth: Some(AuthApi::new(client(auth)).map_err(StartupError::part("scope"))?),
    })
}

/// A URL that tokens and the secret may go to.
fn service_url(config: &Config, url: &Url) -> Result<ServiceUrl, StartupError> {
    let url = ServiceUrl::with_plain(url.clone(), &config.plain_http_hosts);
    url.map_err(StartupError::part("plain_http_hosts"))
}
