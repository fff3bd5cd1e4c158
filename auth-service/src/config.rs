//! Every setting: meaning, default, variable.

pub(crate) mod unset;
mod issuers;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::client::PlainHosts;
use shared::config::{ConfigError, LogLevels, defaults};
use shared::server::{Listen, ListenerFiles, StartupError};
use shared::telemetry::{Ratio, Traces};
use shared::tls::{ClientFiles, ClientTls};
use shared::{Algorithm, Network, Scopes, Secret};
use url::Url;

use crate::domain::revoking::LONGEST_LOGIN_S;
pub use issuers::{SocialName, SocialProvider, TrustedIssuer};

/// Section `[auth]` of the configuration file; `BATON_AUTH_<KEY>` in the environment.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Default `0.0.0.0:9000`.
    #[serde(default = "unset::listen")]
    pub listen: String,
    /// Where `/livez`, `/readyz` and `/metrics` are. Default `0.0.0.0:9100`.
    #[serde(default = "unset::management_listen")]
    pub management_listen: String,
    /// A file (PEM) with the certificate, and those between it and its root, by which this service is known; with it the routes
    /// are served over TLS, and with it goes `tls_key_file`. Read again when it changes. Default none: plain HTTP.
    #[serde(default)]
    pub tls_certificate_file: Option<PathBuf>,
    /// A file (PEM) with its private key. Default none.
    #[serde(default)]
    pub tls_key_file: Option<PathBuf>,
    /// A file (PEM) with the roots of callers: who shows no certificate of theirs is not let in. Default none: callers need
    /// no certificate.
    #[serde(default)]
    pub tls_client_ca_file: Option<PathBuf>,
    /// A file (PEM) with roots that are trusted beside the system's in calls to other services. Read again when it changes.
    /// Default none.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A file (PEM) with the certificate that this service shows where one is demanded, with `tls_client_key_file`. Read again
    /// when it changes. Default none.
    #[serde(default)]
    pub tls_client_certificate_file: Option<PathBuf>,
    /// A file (PEM) with its private key. Default none.
    #[serde(default)]
    pub tls_client_key_file: Option<PathBuf>,
    /// Worker threads. Default 2.
    #[serde(default = "defaults::workers")]
    pub workers: NonZeroUsize,
    /// `postgres://user:password@host/database` (over TLS: `?sslmode=verify-full&sslrootcert=/path/to/ca.crt`) or `sqlite://path/to/file`. No default.
    pub database_url: String,
    /// Connections to PostgreSQL at the most. Default 10.
    #[serde(default = "defaults::max_connections")]
    pub max_connections: NonZeroUsize,
    /// Bring the database up to date at start. Default true.
    #[serde(default = "defaults::yes")]
    pub migrate: bool,
    /// The URL of this server, as clients reach it: `iss` of the tokens. On a loopback address the default is
    /// `http://`, or `https://` with `tls_certificate_file`, and that address; otherwise there is none.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The name under which tokens are for this server's own `/admin` routes. Default `auth-service`.
    #[serde(default = "unset::audience")]
    pub audience: String,
    /// `redis://host:port` (over TLS: `rediss://host:port`), where it is there, tells the other replicas of a change at once; without it they look every
    /// 250 ms. See `login_store` for what is kept in it. Default `memory://`: there are no others, or they look.
    #[serde(default = "defaults::cache_url")]
    pub cache_url: String,
    /// A file (PEM) with roots by which Redis is known over `rediss://`, beside the system's. Default that of `ca_file`.
    #[serde(default)]
    pub cache_ca_file: Option<PathBuf>,
    /// The key that encrypts the signing keys in the database: 32 bytes in base64. This or `master_key_file`.
    #[serde(default)]
    pub master_key: Option<Secret>,
    /// A file that holds it; `auth-service master-key` makes one.
    #[serde(default)]
    pub master_key_file: Option<PathBuf>,
    /// The master key before this one, while keys are still sealed with it: see `auth-service keys reseal`.
    #[serde(default)]
    pub previous_master_key: Option<Secret>,
    /// A file that holds it.
    #[serde(default)]
    pub previous_master_key_file: Option<PathBuf>,
    /// Signs new tokens: `ES256`, `EdDSA` or `RS256`. Default `ES256`.
    #[serde(default = "unset::signing_algorithm")]
    pub signing_algorithm: Algorithm,
    /// How long a token lives, in seconds, 10 to 3600. Default 300.
    #[serde(default = "unset::token_ttl_s")]
    pub token_ttl_s: u32,
    /// How long a key signs before the next one takes over, in seconds. Default 30 days.
    #[serde(default = "unset::key_period_s")]
    pub key_period_s: u32,
    /// How long a key is published before it signs, in seconds; longer than verifiers keep a set of keys (300 s).
    /// Default 900.
    #[serde(default = "unset::key_lead_s")]
    pub key_lead_s: u32,
    /// How long tokens are issued from what is in memory while the database is away, in seconds. Default 900.
    #[serde(default = "unset::outage_grace_s")]
    pub outage_grace_s: u32,
    /// A file of clients that is applied at start.
    #[serde(default)]
    pub clients_file: Option<PathBuf>,
    /// Remove clients that an earlier version of that file declared and this one does not. Default false.
    #[serde(default)]
    pub prune_clients: bool,
    /// Clusters whose service accounts may be clients. In the file: `[[auth.trusted_issuers]]`.
    #[serde(default)]
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// Token requests of one client a second, on the average; ten times as many at once. 0: no limit. Default 500.
    #[serde(default = "unset::client_rate_per_s")]
    pub client_rate_per_s: u32,
    /// The same for one address. Default 2000.
    #[serde(default = "unset::address_rate_per_s")]
    pub address_rate_per_s: u32,
    /// Proxies whose `X-Forwarded-For` is believed: addresses, or networks such as `10.0.0.0/8`. Default none: the address is
    /// that of the connection.
    #[serde(default, deserialize_with = "shared::config::list")]
    pub trusted_proxies: Vec<Network>,
    /// Write a row of the audit log for each token, too; a log line there is in any case. Default true.
    #[serde(default = "defaults::yes")]
    pub audit_grants: bool,
    /// Rows of the audit log about tokens, at the most: granted ones, and as many refused ones. Default 1,000,000.
    #[serde(default = "unset::audit_max_tokens")]
    pub audit_max_tokens: u32,
    /// How long rows about changes are kept, in days. Default 400.
    #[serde(default = "unset::audit_changes_days")]
    pub audit_changes_days: u32,
    /// Where user-service is. Without it nobody can log in.
    #[serde(default)]
    pub user_url: Option<Url>,
    /// Hosts that may be called over plain HTTP, comma-separated; loopback always may.
    #[serde(default)]
    pub plain_http_hosts: PlainHosts,
    /// Where logins are kept: `hybrid` (the database, and Redis before it), `database`, or `redis` alone. Default
    /// `hybrid`.
    #[serde(default)]
    pub login_store: LoginStore,
    /// How long the access token of a person lives, in seconds, 10 to 3600. Default 600.
    #[serde(default = "unset::login_ttl_s")]
    pub login_ttl_s: u32,
    /// What a person's access token is good for. Default `order:read order:write file:read file:write`.
    #[serde(default = "unset::login_scope")]
    pub login_scope: Scopes,
    /// The services that it is for, beside this one. Default `user-service order-service file-service`.
    #[serde(default = "unset::login_audiences", deserialize_with = "shared::config::list")]
    pub login_audiences: Vec<String>,
    /// A login that is not used for so long ends, in seconds. Default 14 days.
    #[serde(default = "unset::login_idle_s")]
    pub login_idle_s: u32,
    /// No login lasts longer, however much it is used, in seconds. Default 90 days.
    #[serde(default = "unset::login_max_s")]
    pub login_max_s: u32,
    /// How long after its first use a refresh token gives the same answer again, for racers and for those whose answer
    /// was lost; not once its successor has been used. In seconds, 1 to 300. Default 60.
    #[serde(default = "unset::login_repeat_s")]
    pub login_repeat_s: u32,
    /// Logins of one user at a time; one more ends the oldest. Default 10.
    #[serde(default = "unset::max_logins")]
    pub max_logins: NonZeroU32,
    /// Origins beside this server's own whose pages may use the refresh cookie. Default none.
    #[serde(default, deserialize_with = "shared::config::list")]
    pub front_end_origins: Vec<String>,
    /// Where a browser goes after a social login: a path of this server, or a URL. Default `/account`.
    #[serde(default = "unset::front_end_url")]
    pub front_end_url: String,
    /// Google, Naver, Kakao. In the file: `[[auth.social]]`.
    #[serde(default)]
    pub social: Vec<SocialProvider>,
    /// Log levels, for example `info,auth_service=debug`. Default `info`.
    #[serde(default)]
    pub log: LogLevels,
    /// The root of an OpenTelemetry collector that takes OTLP over HTTP, for example `http://otel-collector:4318`: traces go
    /// there. Default none.
    #[serde(default)]
    pub otlp_url: Option<Url>,
    /// How many of the traces that begin here are kept, 0 to 1; of others it is kept what their `traceparent` says. Default `1.0`.
    #[serde(default)]
    pub trace_ratio: Ratio,
}

/// Where logins are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginStore {
    /// Written to both, read from Redis; the database is the truth.
    #[default]
    Hybrid,
    /// The database alone.
    Database,
    /// Redis alone: what it loses is logged out.
    Redis,
}

/// The shortest lead that gives the next key the time to be fetched, in seconds.
const MIN_LEAD_S: u32 = 1;

impl Config {
    /// Where traces go, and how many.
    pub(crate) fn traces(&self) -> Traces {
        Traces { url: self.otlp_url.clone(), ratio: self.trace_ratio }
    }

    /// Loads the settings.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the key.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let config: Self = shared::config::load("auth", file)?;
        let invalid = |cause: &str| {
            Err(ConfigError::Invalid { section: "auth".to_owned(), cause: cause.to_owned() })
        };
        if !(10..=3600).contains(&config.token_ttl_s) {
            return invalid("`token_ttl_s` is 10 to 3600");
        }
        if !(10..=3600).contains(&config.login_ttl_s) {
            return invalid("`login_ttl_s` is 10 to 3600");
        }
        if !(1..=300).contains(&config.login_repeat_s) {
            return invalid("`login_repeat_s` is 1 to 300");
        }
        if i64::from(config.login_max_s) > LONGEST_LOGIN_S {
            return invalid("`login_max_s` is 400 days at the most");
        }
        if config.key_lead_s < MIN_LEAD_S || config.key_period_s <= config.key_lead_s {
            return invalid("`key_period_s` is longer than `key_lead_s`, and that is 1 at least");
        }
        let url = config.issuer.as_deref().filter(|issuer| !issuer.is_empty()).map(Url::parse);
        if url.is_some_and(|url| !url.is_ok_and(|url| url.has_host())) {
            return invalid("`issuer` is the URL at which clients reach this server");
        }
        if config
            .trusted_issuers
            .iter()
            .any(|own| own.jwks_url.is_some() == own.jwks_file.is_some())
        {
            return invalid("each of `trusted_issuers` has one of `jwks_url` and `jwks_file`");
        }
        if config.trusted_issuers.iter().any(|own| own.audience.is_empty() || own.max_age_s == 0) {
            return invalid(
                "each of `trusted_issuers` has an `audience`, and a `max_age_s` above 0",
            );
        }
        Ok(config)
    }

    /// The defaults with this database and this master key, on free ports of loopback: for tests, and for a program that
    /// runs the service inside itself.
    ///
    /// # Errors
    /// Never in practice: the defaults are good.
    pub fn embedded(database_url: &str, master_key_file: &Path) -> Result<Self, ConfigError> {
        let settings = [
            ("BATON_AUTH_DATABASE_URL", database_url.to_owned()),
            ("BATON_AUTH_MASTER_KEY_FILE", master_key_file.display().to_string()),
            ("BATON_AUTH_LISTEN", "127.0.0.1:0".to_owned()),
            ("BATON_AUTH_MANAGEMENT_LISTEN", "127.0.0.1:0".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        shared::config::load_from("auth", None, settings)
    }

    /// Makes sure that there is a master key in the settings: whoever serves needs it, whoever makes a client does not.
    ///
    /// # Errors
    /// A [`ConfigError`] that names both keys.
    pub fn require_master_key(&self) -> Result<(), ConfigError> {
        if self.master_key.is_some() == self.master_key_file.is_some() {
            let cause = "set one of `master_key` and `master_key_file`".to_owned();
            return Err(ConfigError::Invalid { section: "auth".to_owned(), cause });
        }
        Ok(())
    }

    /// Where the service listens, and with how many threads.
    #[must_use]
    pub fn listen(&self) -> Listen {
        Listen {
            address: self.listen.clone(),
            management_address: self.management_listen.clone(),
            workers: self.workers.get(),
            tls: ListenerFiles {
                certificate: self.tls_certificate_file.clone(),
                key: self.tls_key_file.clone(),
                client_ca: self.tls_client_ca_file.clone(),
            },
        }
    }

    /// Whom calls out trust, and what they show.
    pub(crate) fn client_tls(&self) -> Result<ClientTls, StartupError> {
        ClientTls::open(&self.client_files()).map_err(StartupError::part("tls"))
    }

    fn client_files(&self) -> ClientFiles {
        ClientFiles {
            ca: self.ca_file.clone(),
            certificate: self.tls_client_certificate_file.clone(),
            key: self.tls_client_key_file.clone(),
        }
    }

    /// The same for Redis.
    pub(crate) fn cache_files(&self) -> ClientFiles {
        let ca = self.cache_ca_file.clone();
        ClientFiles { ca: ca.or_else(|| self.ca_file.clone()), ..self.client_files() }
    }
}
