//! Every setting: meaning, default, variable.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::client::PlainHosts;
use shared::client::token_source::{ClientSettings, ClientSettingsError};
use shared::config::{ConfigError, LogLevels, defaults};
use shared::server::{Listen, ListenerFiles, StartupError};
use shared::telemetry::{Ratio, Traces};
use shared::tls::{ClientFiles, ClientTls};
use shared::{CompanyId, Expectation, Network, Secret};
use url::Url;

/// Section `[user]` of the configuration file; `BATON_USER_<KEY>` in the environment.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Default `0.0.0.0:9001`.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Where `/livez`, `/readyz` and `/metrics` are. Default `0.0.0.0:9101`.
    #[serde(default = "default_management_listen")]
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
    /// A file (PEM) with roots that are trusted beside the system's in calls to other services, and by the mail
    /// server. Read again when it changes, but for the mail server. Default none.
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
    /// The `iss` of the tokens that are accepted. No default.
    pub issuer: String,
    /// Where the issuer's public keys are. No default.
    pub jwks_url: String,
    /// Where the issuer says what it has revoked: `/oauth2/revocations` of auth-service. Without it a revoked token is
    /// accepted until it expires.
    #[serde(default)]
    pub revocations_url: Option<String>,
    /// The name of this service in `aud`. Default `user-service`.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// The longest lifetime of a token that is accepted, in seconds. Default 3600.
    #[serde(default = "defaults::max_token_lifetime_s")]
    pub max_token_lifetime_s: i64,
    /// `redis://host:port` (over TLS: `rediss://host:port`), or `memory://` for one process: codes, reset tokens and limits. Default `memory://`.
    #[serde(default = "defaults::cache_url")]
    pub cache_url: String,
    /// A file (PEM) with roots by which Redis is known over `rediss://`, beside the system's. Default that of `ca_file`.
    #[serde(default)]
    pub cache_ca_file: Option<PathBuf>,
    /// Proxies whose `X-Forwarded-For` is believed, beside auth-service, which shows a token: addresses, or networks such as
    /// `10.0.0.0/8`. Default none: the address of all others is that of the connection.
    #[serde(default, deserialize_with = "shared::config::list")]
    pub trusted_proxies: Vec<Network>,
    /// Codes that one caller may ask for in an hour. 0: no limit. Default 20.
    #[serde(default = "default_codes_per_ip_per_hour")]
    pub codes_per_ip_per_hour: u32,
    /// How long the next code to the same address has to wait, in seconds. Default 60.
    #[serde(default = "default_code_pause_s")]
    pub code_pause_s: u32,
    /// The company of all who sign up. Without it everybody gets one of his own.
    #[serde(default)]
    pub signup_company_id: Option<CompanyId>,
    /// After how many days what is personal of a closed account is erased. Default 30.
    #[serde(default = "default_erase_after_days")]
    pub erase_after_days: u32,
    /// Memory for hashing one password (Argon2id), in KiB. Default 19456, as OWASP asks for at least.
    #[serde(default = "default_argon2_memory_kib")]
    pub argon2_memory_kib: u32,
    /// How often it is gone through. Default 2.
    #[serde(default = "default_argon2_iterations")]
    pub argon2_iterations: u32,
    /// Lanes. Default 1.
    #[serde(default = "default_argon2_parallelism")]
    pub argon2_parallelism: u32,
    /// Threads that hash passwords. Default half as many as there are processors, 1 at least.
    #[serde(default)]
    pub hashing_threads: Option<NonZeroUsize>,
    /// Passwords that may wait for them; one more is answered 503. Default 64.
    #[serde(default = "default_hashing_queue")]
    pub hashing_queue: NonZeroU32,
    /// `smtps://user:password@host:465`, or `smtp://user:password@host:587?tls=required` (STARTTLS). Without TLS the mail
    /// server has to be on this machine. Without this setting no mail is sent.
    #[serde(default)]
    pub smtp_url: Option<Secret>,
    /// Who our mail is from. Default `baton <no-reply@localhost>`.
    #[serde(default = "default_mail_from")]
    pub mail_from: String,
    /// While there is no `smtp_url`: a folder in which mail is kept as files. If the service listens on loopback,
    /// `/mailbox` shows it.
    #[serde(default)]
    pub mailbox_folder: Option<PathBuf>,
    /// Where auth-service is; it is told whose logins end. Without this setting it is not.
    #[serde(default)]
    pub auth_url: Option<Url>,
    /// The name of this client at auth-service. Default `user-service`.
    #[serde(default = "default_audience")]
    pub client_id: String,
    /// Its secret. With `auth_url` this, `client_secret_file` or `client_assertion_file`.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// A file with a token of the cluster's that says who this client is, as Kubernetes projects it (RFC 7523), in place of a
    /// secret; it is read again when it has been replaced. Default none.
    #[serde(default)]
    pub client_assertion_file: Option<PathBuf>,
    /// Hosts that may be called without TLS, for example `["auth-service"]` inside a cluster. Default none: `http` is for
    /// loopback only.
    #[serde(default)]
    pub plain_http_hosts: PlainHosts,
    /// Log levels, for example `info,user_service=debug`. Default `info`.
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
        let config: Self = shared::config::load("user", file)?;
        if config.auth_url.is_some() && !config.client().is_one() {
            return Err(invalid(&format!("with `auth_url` {}", ClientSettingsError::NotOne)));
        }
        if config.smtp_url.is_some() && config.mailbox_folder.is_some() {
            return Err(invalid("set one of `smtp_url` and `mailbox_folder`"));
        }
        Ok(config)
    }

    /// The defaults with this database and the tokens of this issuer, on free ports of loopback: for tests, and for a
    /// program that runs the service inside itself.
    ///
    /// # Errors
    /// Never in practice: the defaults are good.
    pub fn embedded(database_url: &str, issuer: &str) -> Result<Self, ConfigError> {
        let settings = [
            ("BATON_USER_DATABASE_URL", database_url.to_owned()),
            ("BATON_USER_ISSUER", issuer.to_owned()),
            ("BATON_USER_JWKS_URL", format!("{issuer}/.well-known/jwks.json")),
            ("BATON_USER_LISTEN", "127.0.0.1:0".to_owned()),
            ("BATON_USER_MANAGEMENT_LISTEN", "127.0.0.1:0".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        shared::config::load_from("user", None, settings)
    }

    pub(crate) fn code_pause(&self) -> Duration {
        Duration::from_secs(u64::from(self.code_pause_s))
    }

    /// How this client proves who it is.
    pub(crate) fn client(&self) -> ClientSettings<'_> {
        ClientSettings {
            client_id: &self.client_id,
            secret: self.client_secret.as_ref(),
            secret_file: self.client_secret_file.as_deref(),
            assertion_file: self.client_assertion_file.as_deref(),
        }
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

    pub(crate) fn expectation(&self) -> Expectation {
        Expectation {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            max_lifetime_s: self.max_token_lifetime_s,
        }
    }
}

fn invalid(cause: &str) -> ConfigError {
    ConfigError::Invalid { section: "user".to_owned(), cause: cause.to_owned() }
}

fn default_codes_per_ip_per_hour() -> u32 {
    20
}

fn default_code_pause_s() -> u32 {
    60
}

fn default_erase_after_days() -> u32 {
    30
}

fn default_argon2_memory_kib() -> u32 {
    19_456
}

fn default_argon2_iterations() -> u32 {
    2
}

fn default_argon2_parallelism() -> u32 {
    1
}

fn default_hashing_queue() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(63)
}

fn default_mail_from() -> String {
    "baton <no-reply@localhost>".to_owned()
}

fn default_listen() -> String {
    "0.0.0.0:9001".to_owned()
}

fn default_management_listen() -> String {
    "0.0.0.0:9101".to_owned()
}

fn default_audience() -> String {
    "user-service".to_owned()
}
