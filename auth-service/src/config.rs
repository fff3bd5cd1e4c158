//! Every setting: meaning, default, variable.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shared::config::{ConfigError, LogLevels, defaults};
use shared::server::Listen;
use shared::{Algorithm, Secret};

/// Section `[auth]` of the configuration file; `BATON_AUTH_<KEY>` in the environment.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Default `0.0.0.0:9000`.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Where `/livez`, `/readyz` and `/metrics` are. Default `0.0.0.0:9100`.
    #[serde(default = "default_management_listen")]
    pub management_listen: String,
    /// Worker threads. Default 2.
    #[serde(default = "defaults::workers")]
    pub workers: NonZeroUsize,
    /// `postgres://user:password@host/database` or `sqlite://path/to/file`. No default.
    pub database_url: String,
    /// Connections to PostgreSQL at the most. Default 10.
    #[serde(default = "defaults::max_connections")]
    pub max_connections: NonZeroUsize,
    /// Bring the database up to date at start. Default true.
    #[serde(default = "defaults::yes")]
    pub migrate: bool,
    /// The URL of this server, as clients reach it: `iss` of the tokens. On a loopback address the default is
    /// `http://` and that address; otherwise there is none.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The key that encrypts the signing keys in the database: 32 bytes in base64. This or `master_key_file`.
    #[serde(default)]
    pub master_key: Option<Secret>,
    /// A file that holds it; `auth-service master-key` makes one.
    #[serde(default)]
    pub master_key_file: Option<PathBuf>,
    /// Signs new tokens: `ES256`, `EdDSA` or `RS256`. Default `ES256`.
    #[serde(default = "default_signing_algorithm")]
    pub signing_algorithm: Algorithm,
    /// How long a token lives, in seconds, 10 to 3600. Default 300.
    #[serde(default = "default_token_ttl_s")]
    pub token_ttl_s: u32,
    /// Log levels, for example `info,auth_service=debug`. Default `info`.
    #[serde(default)]
    pub log: LogLevels,
}

impl Config {
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
        Ok(config)
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

    pub(crate) fn listen(&self) -> Listen {
        Listen {
            address: self.listen.clone(),
            management_address: self.management_listen.clone(),
            workers: self.workers.get(),
        }
    }
}

fn default_listen() -> String {
    "0.0.0.0:9000".to_owned()
}

fn default_management_listen() -> String {
    "0.0.0.0:9100".to_owned()
}

fn default_signing_algorithm() -> Algorithm {
    Algorithm::Es256
}

fn default_token_ttl_s() -> u32 {
    300
}
