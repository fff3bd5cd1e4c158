//! Every setting: meaning, default, variable.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::config::{ConfigError, LogLevels, defaults};
use shared::server::{Listen, ListenerFiles, StartupError};
use shared::telemetry::{Ratio, Traces};
use shared::tls::{ClientFiles, ClientTls};
use shared::{Expectation, Secret};
use url::Url;

use crate::domain::quota::Quota;
use crate::domain::upload::Limits;
use crate::storage::settings::{S3Settings, StorageSettings};

/// Section `[file]` of the configuration file; `BATON_FILE_<KEY>` in the environment.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Default `0.0.0.0:9003`.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Where `/livez`, `/readyz` and `/metrics` are. Default `0.0.0.0:9103`.
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
    /// Where the bytes are: `file:///path/to/folder`, which is made where it is missing, or `s3://bucket/prefix`. No
    /// default.
    pub storage_url: String,
    /// Where the S3 store is, for example `https://minio.internal:9000`; plain http only if it stands here. Without it AWS
    /// in the region.
    #[serde(default)]
    pub s3_endpoint: Option<Url>,
    /// The region that S3 requests are signed for. Default `us-east-1`.
    #[serde(default = "default_s3_region")]
    pub s3_region: String,
    /// The key by whose right an S3 store is used.
    #[serde(default)]
    pub s3_access_key: Option<String>,
    /// Its secret; or `s3_secret_key_file`, a file that holds it.
    #[serde(default)]
    pub s3_secret_key: Option<Secret>,
    /// Whether the bucket stands in the path (MinIO, Ceph) rather than before the host (AWS). Default true.
    #[serde(default = "defaults::yes")]
    pub s3_path_style: bool,
    /// The largest file, in bytes. Default 104857600 (100 MiB).
    #[serde(default = "default_max_file_bytes")]
    pub max_file_bytes: u64,
    /// How much a company may keep, in bytes; 0: as much as it likes. Default 10737418240 (10 GiB).
    #[serde(default = "default_quota_bytes")]
    pub quota_bytes: u64,
    /// How long an upload may pause, in seconds; then it is cut. Default 10.
    #[serde(default = "default_body_idle_timeout_s")]
    pub body_idle_timeout_s: u64,
    /// How long a whole upload may take, in seconds; then it is cut. Default 3600.
    #[serde(default = "default_upload_timeout_s")]
    pub upload_timeout_s: u64,
    /// How long a resumable upload waits for its next byte, in seconds; then it ends. Default 86400.
    #[serde(default = "default_resumable_ttl_s")]
    pub resumable_ttl_s: NonZeroU64,
    /// How often what was left behind is swept up, in seconds. Default 60.
    #[serde(default = "default_sweep_interval_s")]
    pub sweep_interval_s: NonZeroU64,
    /// After so many seconds without a sign of life an upload counts as left behind by a process that is gone. More than the
    /// clocks of replicas differ by. Default 120.
    #[serde(default = "default_abandoned_after_s")]
    pub abandoned_after_s: NonZeroU64,
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
    /// The name of this service in `aud`. Default `file-service`.
    #[serde(default = "default_audience")]
    pub audience: String,
    /// The longest lifetime of a token that is accepted, in seconds. Default 3600.
    #[serde(default = "defaults::max_token_lifetime_s")]
    pub max_token_lifetime_s: i64,
    /// Log levels, for example `info,file_service=debug`. Default `info`.
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
        shared::config::load("file", file)
    }

    /// The defaults with this database and the tokens of this issuer, on free ports of loopback, and these settings on
    /// top: for tests, and for a program that runs the service inside itself.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the setting.
    pub fn embedded(
        database_url: &str,
        issuer: &str,
        settings: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let needed = [
            ("database_url", database_url.to_owned()),
            ("issuer", issuer.to_owned()),
            ("jwks_url", format!("{issuer}/.well-known/jwks.json")),
            ("listen", "127.0.0.1:0".to_owned()),
            ("management_listen", "127.0.0.1:0".to_owned()),
        ];
        let all = needed.iter().chain(settings);
        let variable = |name: &str| format!("BATON_FILE_{}", name.to_uppercase());
        let all = all.map(|(name, value)| (variable(name), value.clone())).collect();
        shared::config::load_from("file", None, all)
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

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_file_bytes: self.max_file_bytes,
            quota: Quota::new(self.quota_bytes),
            idle: Duration::from_secs(self.body_idle_timeout_s),
            whole: Duration::from_secs(self.upload_timeout_s),
            resumable: Duration::from_secs(self.resumable_ttl_s.get()),
            abandoned_after: Duration::from_secs(self.abandoned_after_s.get()),
        }
    }

    pub(crate) fn storage(&self) -> StorageSettings {
        StorageSettings {
            url: self.storage_url.clone(),
            s3: S3Settings {
                endpoint: self.s3_endpoint.clone(),
                region: self.s3_region.clone(),
                access_key: self.s3_access_key.clone(),
                secret_key: self.s3_secret_key.clone(),
                path_style: self.s3_path_style,
                ca_file: self.ca_file.clone(),
            },
            max_object_bytes: self.max_file_bytes,
        }
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
    "0.0.0.0:9003".to_owned()
}

fn default_management_listen() -> String {
    "0.0.0.0:9103".to_owned()
}

fn default_max_file_bytes() -> u64 {
    100 * 1024 * 1024
}

fn default_quota_bytes() -> u64 {
    10 * 1024 * 1024 * 1024
}

fn default_s3_region() -> String {
    "us-east-1".to_owned()
}

fn default_resumable_ttl_s() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(24 * 3600 - 1)
}

fn default_sweep_interval_s() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(59)
}

fn default_abandoned_after_s() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(119)
}

fn default_body_idle_timeout_s() -> u64 {
    10
}

fn default_upload_timeout_s() -> u64 {
    3600
}

fn default_audience() -> String {
    "file-service".to_owned()
}
