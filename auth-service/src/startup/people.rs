//! What people need to log in, put together.

use std::sync::Arc;

use shared::cache::{Cache, Connector};
use shared::client::http::{Timeouts, http_client_with_tls};
use shared::client::token_cache::TokenCache;
use shared::client::{ServiceUrl, Target};
use shared::db::Db;
use shared::server::{Parts, StartupError};
use shared::{Scopes, ServiceClient};

use crate::config::{Config, LoginStore as Kept};
use crate::issuer::Issuer;
use crate::login_gate::LoginGate;
use crate::login_store::{Hybrid, LoginStore, RedisLogins};
use crate::logins::{LoginTerms, Logins};
use crate::repository::attempts::AttemptRepository;
use crate::repository::eras::EraRepository;
use crate::repository::logins::LoginRepository;
use crate::routes::OWN_ACCOUNT;
use crate::user_api::{self, OwnTokens, UserApi};

pub(super) async fn logins(
    config: &Config,
    db: &Db,
    issuer: &Issuer,
) -> Result<Logins, StartupError> {
    Ok(Logins {
        store: Arc::new(store(config, db, issuer).await?),
        issuer: issuer.clone(),
        macs: issuer.mirror.master_keys().token_macs(),
        terms: Arc::new(terms(config)?),
    })
}

async fn store(config: &Config, db: &Db, issuer: &Issuer) -> Result<LoginStore, StartupError> {
    let database = LoginRepository::new(db.clone()).together();
    let part = StartupError::part("login_store");
    Ok(match config.login_store {
        Kept::Database => LoginStore::Database(database),
        Kept::Hybrid => {
            let (files, clock) = (config.cache_files(), Arc::clone(&issuer.clock));
            let cache = Cache::open_with_tls(&config.cache_url, &files, clock);
            LoginStore::Hybrid(Hybrid::new(
                database,
                cache.map_err(|error| part(error.to_string()))?,
            ))
        }
        Kept::Redis if config.cache_url == "memory://" => {
            return Err(part("`redis` needs a `cache_url` that begins with redis://".to_owned()));
        }
        Kept::Redis => {
            let eras = EraRepository::new(db.clone());
            let connector = Connector::open_with_tls(&config.cache_url, &config.cache_files());
            let connector = connector.map_err(|error| part(error.to_string()))?;
            let opened = RedisLogins::open((connector, config.login_max_s), eras, database).await;
            LoginStore::Redis(Box::new(opened.map_err(|error| part(error.to_string()))?))
        }
    })
}

fn terms(config: &Config) -> Result<LoginTerms, StartupError> {
    let scope = format!("{} {OWN_ACCOUNT}", config.login_scope);
    let scope: Scopes = scope.parse().map_err(StartupError::part("login_scope"))?;
    let mut audiences = config.login_audiences.clone();
    audiences.push(config.audience.clone());
    Ok(LoginTerms {
        ttl_s: config.login_ttl_s,
        scope,
        audiences,
        idle_s: config.login_idle_s,
        max_s: config.login_max_s,
        repeat_s: config.login_repeat_s,
        max_logins: config.max_logins.get(),
    })
}

pub(super) fn gate(db: &Db, issuer: &Issuer) -> LoginGate {
    let attempts = AttemptRepository::new(db.clone());
    LoginGate { attempts, clock: Arc::clone(&issuer.clock) }
}

/// Where people are known; None where it is not said.
pub(super) fn users(
    config: &Config,
    issuer: &Issuer,
    parts: &Parts,
) -> Result<Option<UserApi>, StartupError> {
    let Some(root) = &config.user_url else { return Ok(None) };
    let part = "user_url";
    let base_url = ServiceUrl::with_plain(root.clone(), &config.plain_http_hosts);
    let base_url = base_url.map_err(StartupError::part(part))?;
    let scope = user_api::SCOPE.parse().map_err(StartupError::part(part))?;
    let http = http_client_with_tls(Timeouts::default(), parts.client_tls());
    let http = http.map_err(StartupError::part(part))?;
    let source = OwnTokens::new(issuer.clone(), &config.audience);
    let tokens = TokenCache::new(Arc::new(source), Arc::clone(&issuer.clock));
    tokens.register(parts.registry()).map_err(StartupError::part("metrics"))?;
    let target = Target::new(base_url, user_api::AUDIENCE, scope);
    Ok(Some(UserApi::new(ServiceClient::new(http, tokens, target))))
}
