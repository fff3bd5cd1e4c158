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
use shared::{Clock, ServiceClient};
use tracing::warn;
use url::Url;

use crate::config::Config;
use crate::file_api::FileApi;
use crate::receipts::Receipts;
use crate::repository::orders::OrderRepository;
use crate::repository::products::ProductRepository;
use crate::repository::receipts::ReceiptRepository;
use crate::state::{AppState, Upkeep};

pub(super) fn state(config: &Config, db: &Db, parts: &Parts) -> Result<AppState, StartupError> {
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let cache = cache(config, &clock)?;
    let orders = OrderRepository::new(db.clone());
    let outbox = ReceiptRepository::new(db.clone());
    let api = file_api(config, &clock, parts)?;
    let (receipts, fresh) = Receipts::new((orders.clone(), outbox), api, Arc::clone(&clock));
    let receipts = Arc::new(receipts.traced_by(parts.tracer().clone()));
    let upkeep = Upkeep::new(vec![
        tokio::spawn(Arc::clone(&receipts).run_first(fresh)),
        tokio::spawn(Arc::clone(&receipts).run()),
        tokio::spawn(idempotency::keep_forgetting(db.clone(), Arc::clone(&clock))),
    ]);
    let products = ProductRepository::new(db.clone());
    Ok(AppState { orders, products, receipts, cache, clock, _upkeep: upkeep })
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
    file_api(config, &clock, parts).map(drop)
}

fn file_api(
    config: &Config,
    clock: &Arc<dyn Clock>,
    parts: &Parts,
) -> Result<Option<FileApi>, StartupError> {
    let (Some(file_url), Some(token_url)) = (&config.file_url, &config.token_url) else {
        warn!("`file_url` is not set: receipts wait until it is");
        return Ok(None);
    };
    let http = http_client_with_tls(Timeouts::default(), parts.client_tls());
    let http = http.map_err(StartupError::part("HTTP client"))?;
    let proof = config.client().proof().map_err(StartupError::part("client_secret"))?;
    let (endpoint, base) = (service_url(config, token_url)?, service_url(config, file_url)?);
    let source = ClientCredentials::with_proof(http.clone(), endpoint, proof);
    let tokens = TokenCache::new(Arc::new(source), Arc::clone(clock));
    tokens.register(parts.registry()).map_err(StartupError::part("metrics"))?;
    let scope = "file:write".parse().map_err(StartupError::part("scope"))?;
    // It is the outbox that tries again.
    let target = Target::new(base, "file-service", scope).without_retries();
    Ok(Some(FileApi::new(ServiceClient::new(http, tokens, target))))
}

/// A URL that tokens and the secret may go to.
fn service_url(config: &Config, url: &Url) -> Result<ServiceUrl, StartupError> {
    let url = ServiceUrl::with_plain(url.clone(), &config.plain_http_hosts);
    url.map_err(StartupError::part("plain_http_hosts"))
}
