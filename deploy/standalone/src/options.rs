//! Where the services keep what they keep, and where they listen.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use auth_service::config::{SocialProvider, TrustedIssuer};
use shared::server::ListenerFiles;
use shared::tls::ClientFiles;
use shared::{Algorithm, Secret};
use url::Url;

/// How the services are set up.
#[derive(Clone)]
pub struct Options {
    /// The folder for all that is not in a database: the master key and the files.
    pub data_dir: PathBuf,
    /// The database of each service.
    pub databases: Databases,
    /// `memory://` or `redis://host:port`.
    pub cache_url: String,
    /// auth-service gets this port, user-, order- and file-service the next ones, and their health 100 above.
    /// Without it, all take free ports.
    pub first_port: Option<u16>,
    /// Worker threads of each service.
    pub workers: NonZeroUsize,
    /// Signs new tokens.
    pub signing_algorithm: Algorithm,
    /// How long a token lives, in seconds.
    pub token_ttl_s: u32,
    /// Token requests of one client a second, on the average; none: auth-service's own limit.
    pub client_rate_per_s: Option<u32>,
    /// A mail server; none: mail is kept in the folder.
    pub smtp_url: Option<Secret>,
    /// How long the next code to the same address has to wait, in seconds; none: user-service's own pause.
    pub code_pause_s: Option<u32>,
    /// Codes that one caller may ask for in an hour; none: user-service's own limit.
    pub codes_per_ip_per_hour: Option<u32>,
    /// Clusters whose service accounts may be clients.
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// Providers by which people may come.
    pub social: Vec<SocialProvider>,
    /// Where a browser goes after a social login; none: auth-service's own page.
    pub front_end_url: Option<String>,
    /// The user-service that auth-service asks; none: the one that runs here.
    pub user_url: Option<Url>,
    /// The file-service that order-service brings receipts to; none: the one that runs here.
    pub file_url: Option<Url>,
    /// The collector that traces of all of them go to; none: they go nowhere.
    pub otlp_url: Option<Url>,
    /// Settings of file-service beside its defaults, by their names: another `storage_url`, a quota.
    pub file_settings: Vec<(&'static str, String)>,
    /// Settings of the batch beside its defaults, by their names.
    pub batch_settings: Vec<(&'static str, String)>,
    /// Files with which all services speak TLS with each other and with everybody; none: plain HTTP on loopback.
    pub tls: Option<Tls>,
    /// An issuer that user-, order- and file-service trust in place of auth-service.
    pub other_issuer: Option<String>,
}

/// The files of TLS, the same for all services.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Those of the listeners.
    pub listener: ListenerFiles,
    /// Those for calls from one to another, and to Redis.
    pub client: ClientFiles,
}

/// The address of each service's database.
#[derive(Clone)]
pub struct Databases {
    /// auth-service's.
    pub auth: String,
    /// user-service's.
    pub user: String,
    /// order-service's.
    pub order: String,
    /// file-service's.
    pub file: String,
    /// batch-service's.
    pub batch: String,
}

impl Databases {
    /// Addresses made from the short names `auth`, `user`, `order`, `file` and `batch`.
    #[must_use]
    pub fn each(url: impl Fn(&str) -> String) -> Self {
        Self {
            auth: url("auth"),
            user: url("user"),
            order: url("order"),
            file: url("file"),
            batch: url("batch"),
        }
    }
}

impl Options {
    /// Everything in one folder: SQLite files, an in-process cache, free ports.
    #[must_use]
    pub fn embedded(data_dir: &Path) -> Self {
        let database = |name: &str| format!("sqlite://{}/{name}.db", data_dir.display());
        Self {
            data_dir: data_dir.to_owned(),
            databases: Databases::each(database),
            cache_url: "memory://".to_owned(),
            first_port: None,
            workers: NonZeroUsize::MIN,
            signing_algorithm: Algorithm::Es256,
            token_ttl_s: 300,
            client_rate_per_s: None,
            smtp_url: None,
            code_pause_s: None,
            codes_per_ip_per_hour: None,
            trusted_issuers: Vec::new(),
            social: Vec::new(),
            front_end_url: None,
            user_url: None,
            file_url: None,
            otlp_url: None,
            file_settings: Vec::new(),
            batch_settings: Vec::new(),
            tls: None,
            other_issuer: None,
        }
    }

    /// The addresses of a service: its routes and its health.
    pub(crate) fn listen(&self, place: u16) -> (String, String) {
        let port = |offset: u16| self.first_port.map_or(0, |first| first.saturating_add(offset));
        (format!("127.0.0.1:{}", port(place)), format!("127.0.0.1:{}", port(place + 100)))
    }
}
