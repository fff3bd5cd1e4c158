//! Every setting: meaning, default, variable.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::client::PlainHosts;
use shared::client::token_source::ClientSettings;
use shared::config::{ConfigError, LogLevels, defaults};
use shared::server::{Listen, ListenerFiles, StartupError};
use shared::telemetry::{Ratio, Traces};
use shared::tls::{ClientFiles, ClientTls};
use shared::{Expectation, Secret};
use url::Url;

/// Section `[order]` of the configuration file; `BATON_ORDER_<KEY>` in the environment.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Default `0.0.0.0:9002`.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Where `/livez`, `/readyz` and `/metrics` are. Default `0.0.0.0:9102`.
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
    /// `redis://host:port` (over TLS: `rediss://host:port`), or `memory://` for one process. Default `memory://`.
    #[serde(default = "default_cache_url")]
    pub cache_url: String,
    /// A file (PEM) with roots by which Redis is known over `rediss://`, beside the system's. Default that of `ca_file`.
    #[serde(default)]
    pub cache_ca_file: Option<PathBuf>,
    /// The `iss` of the tokens that are accepted. No default.
    pub issuer: String,
    /// Where the issuer's public keys are. No default.
    pub jwks_url: String,
    /// Where the issuer says what it has revoked: `/oauth2/revocations` of auth-service. Without it a revoked token is
    /// accepted until it expires.
    #[serde(default)]
    pub revocations_url: Option<String>,
    /// Where file-service is; it keeps the receipts. Without this setting they wait until there is one.
    #[serde(default)]
    pub file_url: Option<Url>,
    /// The token endpoint of auth-service, for the tokens with which file-service is called, and for sessions that are handed on to
    /// the batch: without it nothing can be exported. With `file_url`.
    #[serde(default)]
    pub token_url: Option<Url>,
    /// The name of this client at auth-service. Default `order-service`.
    #[serde(default = "default_audience")]
    pub client_id: String,
    /// Its secret. With `token_url` this, `client_secret_file` or `client_assertion_file`.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// A file with a token of the cluster's that says who this client is, as Kubernetes projects it (RFC 7523), in place of a
    /// secret; it is read again when it has been replaced. Default none.
    #[serde(default)]
    pub client_assertion_file: Option<PathBuf>,
    /// Hosts that may be called without TLS, for example `["file-service", "auth-service"]` inside a cluster. Default none:
    /// `http` is for loopback only.
    #[serde(default)]
    pub plain_http_hosts: PlainHosts,
    /// The name of this service in `aud`. Default `order-service`.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// The longest lifetime of a token that is accepted, in seconds. Default 3600.
    #[serde(default = "defaults::max_token_lifetime_s")]
    pub max_token_lifetime_s: i64,
    /// Log levels, for example `info,order_service=debug`. Default `info`.
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
        let config: Self = shared::config::load("order", file)?;
        let complete = config.token_url.is_some() && config.client().is_one();
        if config.file_url.is_some() && !complete {
            let cause = "with `file_url` set `token_url` and one of `client_secret`, `client_secret_file` and \
                         `client_assertion_file`";
            return Err(ConfigError::Invalid {
                section: "order".to_owned(),
                cause: cause.to_owned(),
            });
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
            ("BATON_ORDER_DATABASE_URL", database_url.to_owned()),
            ("BATON_ORDER_ISSUER", issuer.to_owned()),
            ("BATON_ORDER_JWKS_URL", format!("{issuer}/.well-known/jwks.json")),
            ("BATON_ORDER_LISTEN", "127.0.0.1:0".to_owned()),
            ("BATON_ORDER_MANAGEMENT_LISTEN", "127.0.0.1:0".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        shared::config::load_from("order", None, settings)
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

fn default_listen() -> String {
    "0.0.0.0:9002".to_owned()
}

fn default_management_listen() -> String {
    "0.0.0.0:9102".to_owned()
}

fn default_cache_url() -> String {
    "memory://".to_owned()
}

fn default_audience() -> String {
    "order-service".to_owned()
}
