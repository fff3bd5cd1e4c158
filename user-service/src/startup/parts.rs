//! What the service is made of.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use shared::cache::Cache;
use shared::client::http::{Timeouts, http_client_with_tls};
use shared::client::token_cache::TokenCache;
use shared::client::token_source::ClientCredentials;
use shared::client::{ServiceUrl, Target};
use shared::clock::SystemClock;
use shared::db::Db;
use shared::server::{Parts, StartupError};
use shared::{Clock, ServiceClient};
use tracing::warn;
use url::Url;

use crate::auth_api::AuthApi;
use crate::config::Config;
use crate::hashing::{Cost, Hashing};
use crate::limits::Limits;
use crate::login_ends::LoginEnds;
use crate::mail::mailbox::MailboxFolder;
use crate::mail::post::{Post, Way};
use crate::mail::smtp::Smtp;
use crate::repository::UserRepository;
use crate::repository::accounts::AccountRepository;
use crate::repository::login_ends::LoginEndRepository;
use crate::repository::mail_outbox::MailRepository;
use crate::state::AppState;
use crate::upkeep::{Erasing, Upkeep, drop_expired_mail};

pub(super) fn state(config: &Config, db: &Db, parts: &Parts) -> Result<AppState, StartupError> {
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let cache = cache(config, &clock)?;
    let accounts = AccountRepository::new(db.clone());
    let post = Arc::new(post(config, db, &clock)?);
    let login_ends = Arc::new(login_ends(config, (db, parts), &clock)?);
    let (erasing, after_days) = (accounts.clone(), config.erase_after_days);
    let erasing = Erasing { accounts: erasing, clock: Arc::clone(&clock), after_days };
    let upkeep = Upkeep::new(vec![
        tokio::spawn(Arc::clone(&post).run()),
        tokio::spawn(drop_expired_mail(Arc::clone(&post))),
        tokio::spawn(Arc::clone(&login_ends).run()),
        tokio::spawn(erasing.run()),
    ]);
    Ok(AppState {
        users: UserRepository::new(db.clone()),
        accounts,
        limits: limits(config, &cache, &clock),
        cache,
        hashing: hashing(config)?,
        post,
        login_ends,
        signup_company: config.signup_company_id,
        clock,
        _upkeep: upkeep,
    })
}

fn limits(config: &Config, cache: &Cache, clock: &Arc<dyn Clock>) -> Limits {
    Limits {
        cache: cache.clone(),
        clock: Arc::clone(clock),
        trusted_proxies: config.trusted_proxies.clone(),
        codes_per_ip: u64::from(config.codes_per_ip_per_hour),
        code_pause: config.code_pause(),
    }
}

fn hashing(config: &Config) -> Result<Hashing, StartupError> {
    let cost = Cost {
        memory_kib: config.argon2_memory_kib,
        iterations: config.argon2_iterations,
        parallelism: config.argon2_parallelism,
    };
    // The other half answers those who have no password to show.
    let half = || available_parallelism().map_or(1, |all| all.get() / 2).max(1);
    let threads = config.hashing_threads.map_or_else(half, NonZeroUsize::get);
    let queue = usize::try_from(config.hashing_queue.get()).unwrap_or(usize::MAX);
    Hashing::start(cost, threads, queue).map_err(StartupError::part("argon2"))
}

fn post(config: &Config, db: &Db, clock: &Arc<dyn Clock>) -> Result<Post, StartupError> {
    let from = config.mail_from.parse().map_err(StartupError::part("mail_from"))?;
    Ok(Post::new(MailRepository::new(db.clone()), (way(config)?, from), Arc::clone(clock)))
}

fn way(config: &Config) -> Result<Way, StartupError> {
    Ok(match (&config.smtp_url, &config.mailbox_folder) {
        (Some(url), _) => {
            let smtp = Smtp::new(url, config.ca_file.as_deref());
            Way::Smtp(smtp.map_err(StartupError::part("smtp_url"))?)
        }
        (None, Some(folder)) => {
            let folder = MailboxFolder::open(folder);
            Way::Folder(folder.map_err(StartupError::part("mailbox_folder"))?)
        }
        (None, None) => {
            warn!("neither `smtp_url` nor `mailbox_folder` is set: no mail is sent");
            Way::Nowhere
        }
    })
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
    way(config)?;
    config.auth_url.as_ref().map_or(Ok(()), |url| auth_api(config, url, (&clock, parts)).map(drop))
}

fn login_ends(
    config: &Config,
    (db, parts): (&Db, &Parts),
    clock: &Arc<dyn Clock>,
) -> Result<LoginEnds, StartupError> {
    let api = match &config.auth_url {
        Some(url) => Some(auth_api(config, url, (clock, parts))?),
        None => {
            warn!("`auth_url` is not set: logins go on after a password has been changed");
            None
        }
    };
    let (outbox, tracer) = (LoginEndRepository::new(db.clone()), parts.tracer().clone());
    Ok(LoginEnds { outbox, api, clock: Arc::clone(clock), tracer })
}

fn auth_api(
    config: &Config,
    url: &Url,
    (clock, parts): (&Arc<dyn Clock>, &Parts),
) -> Result<AuthApi, StartupError> {
    let http = http_client_with_tls(Timeouts::default(), parts.client_tls());
    let http = http.map_err(StartupError::part("HTTP client"))?;
    let mut endpoint = url.clone();
    endpoint.set_path(&format!("{}/oauth2/token", url.path().trim_end_matches('/')));
    let proof = config.client().proof().map_err(StartupError::part("client_secret"))?;
    let (endpoint, base) = (service_url(config, endpoint)?, service_url(config, url.clone())?);
    let source = ClientCredentials::with_proof(http.clone(), endpoint, proof);
    let tokens = TokenCache::new(Arc::new(source), Arc::clone(clock));
    tokens.register(parts.registry()).map_err(StartupError::part("metrics"))?;
    let scope = "auth:logins".parse().map_err(StartupError::part("scope"))?;
    // It is the outbox that tries again.
    let target = Target::new(base, "auth-service", scope).without_retries();
    Ok(AuthApi::new(ServiceClient::new(http, tokens, target)))
}

/// A URL that tokens and the secret may go to.
fn service_url(config: &Config, url: Url) -> Result<ServiceUrl, StartupError> {
    let url = ServiceUrl::with_plain(url, &config.plain_http_hosts);
    url.map_err(StartupError::part("plain_http_hosts"))
}
