//! Every setting: meaning, default, variable.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::client::PlainHosts;
use shared::client::token_source::{ClientSettings, ClientSettingsError};
use shared::config::{ConfigError, LogLevels, defaults};
use shared::server::StartupError;
use shared::telemetry::{Ratio, Traces};
use shared::tls::{ClientFiles, ClientTls};
use shared::{Secret, UserId};
use url::Url;

use crate::schedule::Schedules;

/// Section `[batch]` of the configuration file; `BATON_BATCH_<KEY>` in the environment.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `postgres://user:password@host/database` (over TLS: `?sslmode=verify-full&sslrootcert=/path/to/ca.crt`) or `sqlite://path/to/file`. No default.
    pub database_url: String,
    /// Connections to PostgreSQL at the most. Default 4.
    #[serde(default = "default_max_connections")]
    pub max_connections: NonZeroUsize,
    /// Bring the database up to date at start. Default true.
    #[serde(default = "defaults::yes")]
    pub migrate: bool,
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
    /// The token endpoint of auth-service. No default.
    pub token_url: Url,
    /// The name of this client at auth-service. Default `batch-service`.
    #[serde(default = "default_client_id")]
    pub client_id: String,
    /// Its secret. This, `client_secret_file` or `client_assertion_file`.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// A file with a token of the cluster's that says who this client is, as Kubernetes projects it (RFC 7523), in place of a
    /// secret; it is read again when it has been replaced. Default none.
    #[serde(default)]
    pub client_assertion_file: Option<PathBuf>,
    /// Where order-service is. No default.
    pub order_url: Url,
    /// Where user-service is. No default.
    pub user_url: Url,
    /// Where file-service is. No default.
    pub file_url: Url,
    /// Hosts of these URLs that may be called without TLS, for example `["order-service", "user-service"]` inside a
    /// cluster; in the environment separated by commas. Secrets and tokens go there in the clear. Default none: `http`
    /// is for loopback only.
    #[serde(default)]
    pub plain_http_hosts: PlainHosts,
    /// The `userId` in the sessions of this batch: its account, in every company. Default 1.
    #[serde(default = "default_account_user_id")]
    pub account_user_id: UserId,
    /// Calls under way at once, of all companies together; fewer while a service says that it is too much. Default 8.
    #[serde(default = "default_concurrency")]
    pub concurrency: NonZeroUsize,
    /// Companies in work at once. Default 8.
    #[serde(default = "default_concurrency")]
    pub companies_at_once: NonZeroUsize,
    /// Orders read at once: so many are written down before they are processed. 1 to 200. Default 200.
    #[serde(default = "default_orders_at_once")]
    pub orders_at_once: NonZeroU32,
    /// How long a call may take, in seconds. Default 30.
    #[serde(default = "default_call_timeout_s")]
    pub call_timeout_s: NonZeroU64,
    /// How long the work of a process that is not heard of any more stays with it, in seconds. Default 30.
    #[serde(default = "default_call_timeout_s")]
    pub lease_s: NonZeroU64,
    /// How long nothing may get through, to a service or to the batch's own database, before the process ends with 75, to be
    /// started again; in seconds. Default 300.
    #[serde(default = "default_patience_s")]
    pub patience_s: u64,
    /// How long calls that are under way may take after SIGTERM, in seconds. Default 3.
    #[serde(default = "default_grace_s")]
    pub grace_s: u64,
    /// How long a complete run with nothing in quarantine is kept, in days. After that its window could be run as if it never
    /// had been. Default 400.
    #[serde(default = "default_keep_days")]
    pub keep_days: u32,
    /// Schedules that differ from what the jobs declare: `[batch.schedules.settle-orders]` with `schedule`, a cron expression
    /// of five fields or `never`, and `time_zone`. Default none.
    #[serde(default)]
    pub schedules: Schedules,
    /// When the CronJob was to start this process (RFC 3339): the annotation `batch.kubernetes.io/cronjob-scheduled-timestamp`.
    /// It says which window is meant. Default none.
    #[serde(default)]
    pub scheduled_at: Option<String>,
    /// The name of the Kubernetes Job that this process belongs to, which says the same where it was made by a CronJob.
    /// Default none.
    #[serde(default)]
    pub kubernetes_job: Option<String>,
    /// How many pods share a run; each works for the companies of its index (`JOB_COMPLETION_INDEX`). Default 1.
    #[serde(default = "default_pods")]
    pub pods: NonZeroU32,
    /// For tests: `place:n` makes the process wait at the n-th time that it passes this place of a run. Default none.
    #[serde(default)]
    pub hold_at: Option<String>,
    /// Log levels, for example `info,batch_service=debug`. Default `info`.
    #[serde(default)]
    pub log: LogLevels,
    /// The root of an OpenTelemetry collector that takes OTLP over HTTP, for example `http://otel-collector:4318`: traces go
    /// there. Default none.
    #[serde(default)]
    pub otlp_url: Option<Url>,
    /// How many of the traces that begin here are kept, 0 to 1; of others it is kept what their `traceparent` says. Default `1.0`.
    #[serde(default)]
    pub trace_ratio: Ratio,
    /// Where `/livez` and `/metrics` are while a job runs, for example `0.0.0.0:9104`. Default none.
    #[serde(default)]
    pub management_listen: Option<String>,
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
        shared::config::load("batch", file).and_then(Self::checked)
    }

    /// These settings, by their names, and the defaults; nothing is read from the environment.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the key.
    pub fn of(
        settings: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, ConfigError> {
        let variable = |name: &str| format!("BATON_BATCH_{}", name.to_uppercase());
        let settings = settings.into_iter().map(|(name, value)| (variable(name), value));
        shared::config::load_from("batch", None, settings.collect()).and_then(Self::checked)
    }

    /// Whom calls out trust, and what they show.
    pub(crate) fn client_tls(&self) -> Result<ClientTls, StartupError> {
        let files = ClientFiles {
            ca: self.ca_file.clone(),
            certificate: self.tls_client_certificate_file.clone(),
            key: self.tls_client_key_file.clone(),
        };
        ClientTls::open(&files).map_err(StartupError::part("tls"))
    }

    fn checked(config: Self) -> Result<Self, ConfigError> {
        if !config.client().is_one() {
            let cause = ClientSettingsError::NotOne.to_string();
            return Err(ConfigError::Invalid { section: "batch".to_owned(), cause });
        }
        Ok(config)
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

    /// This pod's index, and how many there are.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] when there are several pods, and `JOB_COMPLETION_INDEX`, which Kubernetes sets in the pods of an Indexed
    /// Job, is missing or too high.
    #[expect(clippy::disallowed_methods, reason = "its name is Kubernetes', not ours")]
    pub fn share(&self) -> Result<(u32, u32), ConfigError> {
        let pods = self.pods.get();
        if pods == 1 {
            return Ok((0, 1));
        }
        let index = std::env::var("JOB_COMPLETION_INDEX").ok().and_then(|text| text.parse().ok());
        index.filter(|index| *index < pods).map(|index| (index, pods)).ok_or_else(|| {
            let cause = format!("JOB_COMPLETION_INDEX has to say which of {pods} pods this is");
            ConfigError::Invalid { section: "batch".to_owned(), cause }
        })
    }
}

fn default_max_connections() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(3)
}

fn default_client_id() -> String {
    "batch-service".to_owned()
}

fn default_account_user_id() -> UserId {
    // Ids below 1000 are for accounts of programs; user-service gives out higher ones.
    UserId::MIN
}

fn default_concurrency() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(7)
}

fn default_call_timeout_s() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(29)
}

fn default_patience_s() -> u64 {
    300
}

fn default_grace_s() -> u64 {
    3
}

fn default_pods() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn default_orders_at_once() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(199)
}

fn default_keep_days() -> u32 {
    400
}
