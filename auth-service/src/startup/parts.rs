//! What the server is made of, put together.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use shared::cache::signal::Signal;
use shared::db::Db;
use shared::health::Readiness;
use shared::server::{Parts, StartupError};
use shared::tls::ClientTls;
use shared::token::revocation::RevocationSource;
use shared::token::verifier::LEEWAY_S;
use shared::{Clock, Expectation, Revocations, SessionSource, TokenVerifier};
use tokio::sync::Semaphore;
use tracing::warn;

use crate::audit_log::AuditLog;
use crate::authentication::{Authenticator, trusted_issuer};
use crate::config::Config;
use crate::domain::client::ServiceAccount;
use crate::domain::clients_file::{self, Declared};
use crate::domain::grant::Terms;
use crate::domain::key::KeySchedule;
use crate::domain::registry::{self, By};
use crate::error::{CommandError, TokenRefusal};
use crate::handoffs::Handoffs;
use crate::issuer::Issuer;
use crate::limits::Limits;
use crate::logins::Logins;
use crate::mirror::key_ring::OwnKeys;
use crate::mirror::{Mirror, Sources};
use crate::repository::assertions::AssertionRepository;
use crate::repository::attempts::AttemptRepository;
use crate::repository::clients::ClientRepository;
use crate::repository::handoffs::HandoffRepository;
use crate::repository::keys::KeyRepository;
use crate::repository::logins::LoginRepository;
use crate::routes;
use crate::seal::MasterKeys;
use crate::social::Social;
use crate::startup::people;
use crate::state::{AppState, Repositories};
use crate::upkeep::{self, Cleaning, ITSELF, Upkeep};

/// The longest lifetime of a token, in seconds: that of `token_ttl_s`.
const MAX_TOKEN_TTL_S: i64 = 3600;
/// The channel on which replicas tell each other of changes.
const CHANNEL: &str = "baton:auth:changes";
/// Its name and version, as its traces and metrics have them.
const SERVICE: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

pub(crate) struct Given {
    pub(crate) db: Db,
    pub(crate) issuer: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) master_keys: MasterKeys,
    pub(crate) tls: ClientTls,
}

pub(crate) struct Made {
    pub(crate) state: AppState,
    pub(crate) parts: Parts,
    pub(crate) audit: Arc<AuditLog>,
}

/// The keys that private keys are sealed with.
pub(crate) fn master_keys(config: &Config) -> Result<MasterKeys, StartupError> {
    MasterKeys::from_config(config).map_err(StartupError::part("master key"))
}

/// When keys are made and go.
pub(crate) fn key_schedule(config: &Config) -> KeySchedule {
    let seconds = |seconds: u32| TimeDelta::seconds(i64::from(seconds));
    KeySchedule {
        algorithm: config.signing_algorithm,
        period: seconds(config.key_period_s),
        lead: seconds(config.key_lead_s),
        // Not by our own setting: another replica may have a longer one.
        longest_token: TimeDelta::seconds(MAX_TOKEN_TTL_S + LEEWAY_S),
    }
}

pub(crate) async fn make(config: &Config, given: Given) -> Result<Made, StartupError> {
    let Given { db, issuer, clock, master_keys, tls } = given;
    let repositories = Repositories::new(&db);
    apply_clients_file(config, &repositories.clients, &*clock).await?;
    let mirror = Arc::new(mirror(config, &db, (master_keys, &clock))?);
    fill(&mirror, &repositories, &*clock).await?;
    warn_of_unknown_issuers(config, &mirror);
    let audit = Arc::new(AuditLog::start(repositories.audit.clone(), config.audit_grants));
    let terms = Terms { issuer, token_ttl_s: config.token_ttl_s };
    let outage_grace = Duration::from_secs(u64::from(config.outage_grace_s));
    let issuer = Issuer { mirror, audit: Arc::clone(&audit), terms, clock, outage_grace };
    let parts = Parts::new(readiness(&issuer)).with_client_tls(&tls);
    let parts = parts.with_telemetry(SERVICE, &config.traces())?.with_database(&db)?;
    let parts = parts.with_source(admin_source(config, &issuer));
    let limits = Arc::new(Limits::new(config));
    let logins = people::logins(config, &db, &issuer).await?;
    let cleaning = cleaning(config, &db, (&issuer, &limits));
    let tasks = tasks(&issuer, (repositories.keys.clone(), &logins), cleaning);
    let state = AppState {
        authenticator: authenticator(config, &db, (&issuer, limits, &tls))?,
        verifier: verifier(&issuer, "").for_any_audience(),
        clients: repositories.clients,
        keys: repositories.keys,
        revocations: repositories.revocations,
        audit: repositories.audit,
        handoffs: handoffs(&db, (&issuer, &logins)),
        logins,
        gate: people::gate(&db, &issuer),
        users: people::users(config, &issuer, &parts)?,
        social: Social::open(config, &db, (&issuer, &tls))?,
        front_end_origins: config.front_end_origins.clone(),
        batches: Semaphore::new(config.workers.get()),
        issuer,
        stopping: parts.stopping(),
        _upkeep: tasks,
    };
    Ok(Made { state, parts, audit })
}

fn mirror(
    config: &Config,
    db: &Db,
    (master_keys, clock): (MasterKeys, &Arc<dyn Clock>),
) -> Result<Mirror, StartupError> {
    let signal = Signal::open_with_tls(&config.cache_url, &config.cache_files(), CHANNEL);
    let signal = signal.map_err(StartupError::part("cache"))?;
    let (db, clock) = (db.clone(), Arc::clone(clock));
    let schedule = key_schedule(config);
    Ok(Mirror::new(Sources { db, master_keys, schedule, clock, signal }))
}

fn handoffs(db: &Db, (issuer, logins): (&Issuer, &Logins)) -> Handoffs {
    let repository = HandoffRepository::new(db.clone()).together();
    Handoffs { repository, issuer: issuer.clone(), logins: logins.clone() }
}

/// What goes on by itself.
fn tasks(issuer: &Issuer, (keys, logins): (KeyRepository, &Logins), cleaning: Cleaning) -> Upkeep {
    let (mirror, clock) = (&issuer.mirror, &issuer.clock);
    Upkeep::new(vec![
        tokio::spawn(upkeep::follow(Arc::clone(mirror))),
        tokio::spawn(upkeep::listen(Arc::clone(mirror))),
        tokio::spawn(upkeep::tell(Arc::clone(mirror))),
        tokio::spawn(upkeep::rotate(Arc::clone(mirror), keys, Arc::clone(clock))),
        tokio::spawn(cleaning.run()),
        tokio::spawn(upkeep::remember(Arc::clone(&logins.store))),
    ])
}

/// Reads everything, and makes the first key where there is none.
async fn fill(
    mirror: &Mirror,
    repositories: &Repositories,
    clock: &dyn Clock,
) -> Result<(), StartupError> {
    mirror.read().await?;
    let made = upkeep::rotate_once(mirror, &repositories.keys, clock).await;
    made.map_err(startup_error("signing keys"))?;
    // Of several that start on an empty database one has made the key, and the others take it.
    mirror.read().await?;
    let ring = mirror.key_ring();
    if ring.unread().is_empty() && ring.signing(clock.now()).is_some() {
        return Ok(());
    }
    let cause = "a signing key in the database was not sealed with this master key".to_owned();
    Err(StartupError::Part { part: "signing keys", cause })
}

/// The database may have gone away in the meantime.
fn startup_error(part: &'static str) -> impl Fn(CommandError) -> StartupError {
    move |error| match error {
        CommandError::Db(error) => error.into(),
        error => StartupError::part(part)(error),
    }
}

/// Such a client cannot prove itself; the issuer may have been misspelt on either side.
fn warn_of_unknown_issuers(config: &Config, mirror: &Mirror) {
    for own in mirror.directory().list() {
        let account = own.client.service_account.as_ref();
        let known = |account: &ServiceAccount| {
            config.trusted_issuers.iter().any(|issuer| issuer.name == account.issuer)
        };
        if let Some(account) = account.filter(|account| !known(account)) {
            let id = own.client.id.as_str();
            warn!(client.id = id, %account, "no trusted issuer of that name for client {id}: {account}");
        }
    }
}

/// The clients of the file that the settings name.
pub(super) fn declared_clients(config: &Config) -> Result<Option<Vec<Declared>>, StartupError> {
    let Some(path) = &config.clients_file else { return Ok(None) };
    let part = StartupError::part("clients file");
    let text = std::fs::read_to_string(path)
        .map_err(|error| part(format!("{}: {error}", path.display())))?;
    clients_file::parse(&text).map(Some).map_err(|error| part(error.to_string()))
}

async fn apply_clients_file(
    config: &Config,
    clients: &ClientRepository,
    clock: &dyn Clock,
) -> Result<(), StartupError> {
    let Some(declared) = declared_clients(config)? else { return Ok(()) };
    let by = By { actor: ITSELF, now: clock.now() };
    let applied = registry::apply(clients, &declared, (config.prune_clients, false), by).await;
    applied.map(drop).map_err(startup_error("clients file"))
}

/// Ready as long as tokens can be issued, be it from memory.
fn readiness(issuer: &Issuer) -> Readiness {
    let issuer = issuer.clone();
    let signing = issuer.clone();
    let is = |result: Result<(), TokenRefusal>| {
        Box::pin(std::future::ready(result.map_err(|error| error.to_string())))
    };
    Readiness::new()
        .needs("database", move || is(issuer.check_age()))
        .needs("signing_key", move || is(signing.check_key()))
}

fn verifier(issuer: &Issuer, audience: &str) -> TokenVerifier {
    let expectation = Expectation {
        issuer: issuer.terms.issuer.clone(),
        audience: audience.to_owned(),
        max_lifetime_s: MAX_TOKEN_TTL_S,
    };
    let keys = Arc::new(OwnKeys(Arc::clone(&issuer.mirror)));
    TokenVerifier::new(keys, expectation, Arc::clone(&issuer.clock))
        .with_revocations(OwnRevocations(Arc::clone(&issuer.mirror)))
}

fn admin_source(config: &Config, issuer: &Issuer) -> SessionSource {
    SessionSource::token(verifier(issuer, &config.audience)).only_under(&routes::WITH_TOKENS)
}

fn authenticator(
    config: &Config,
    db: &Db,
    (issuer, limits, tls): (&Issuer, Arc<Limits>, &ClientTls),
) -> Result<Authenticator, StartupError> {
    let own = &issuer.terms.issuer;
    let token_endpoint = format!("{}{}", own.trim_end_matches('/'), routes::TOKEN_PATH);
    Ok(Authenticator {
        mirror: Arc::clone(&issuer.mirror),
        limits,
        used_assertions: AssertionRepository::new(db.clone()),
        trusted: trusted_issuer::open_all(&config.trusted_issuers, (&issuer.clock, tls))?,
        audiences: vec![own.clone(), token_endpoint],
        clock: Arc::clone(&issuer.clock),
    })
}

fn cleaning(config: &Config, db: &Db, (issuer, limits): (&Issuer, &Arc<Limits>)) -> Cleaning {
    let Repositories { clients, revocations, audit, .. } = Repositories::new(db);
    Cleaning {
        mirror: Arc::clone(&issuer.mirror),
        clients,
        revocations,
        used_assertions: AssertionRepository::new(db.clone()),
        audit,
        logins: LoginRepository::new(db.clone()),
        attempts: AttemptRepository::new(db.clone()),
        handoffs: HandoffRepository::new(db.clone()),
        repeat_s: config.login_repeat_s,
        limits: Arc::clone(limits),
        clock: Arc::clone(&issuer.clock),
        max_tokens: i64::from(config.audit_max_tokens),
        changes_days: i64::from(config.audit_changes_days),
    }
}

/// What is revoked, as far as this server's memory knows.
struct OwnRevocations(Arc<Mirror>);

impl RevocationSource for OwnRevocations {
    fn revocations(&self) -> &Revocations {
        self.0.revocations().set()
    }

    fn staleness(&self) -> Option<Duration> {
        Some(self.0.age())
    }
}
