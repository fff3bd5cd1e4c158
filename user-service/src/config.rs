//! Every setting: meaning, default, variable.

use std::num::NonZeroUsize;
use std::path::Path;

use serde::Deserialize;
use shared::Expectation;
use shared::config::{ConfigError, LogLevels, defaults};
use shared::server::Listen;

/// Section `[user]` of the configuration file; `BATON_USER_<KEY>` in the environment.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Default `0.0.0.0:9001`.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Where `/livez`, `/readyz` and `/metrics` are. Default `0.0.0.0:9101`.
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
    /// Log levels, for example `info,user_service=debug`. Default `info`.
    #[serde(default)]
    pub log: LogLevels,
}

impl Config {
    /// Loads the settings.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the key.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        shared::config::load("user", file)
    }

    pub(crate) fn listen(&self) -> Listen {
        Listen {
            address: self.listen.clone(),
            management_address: self.management_listen.clone(),
            workers: self.workers.get(),
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
    "0.0.0.0:9001".to_owned()
}

fn default_management_listen() -> String {
    "0.0.0.0:9101".to_owned()
}

fn default_audience() -> String {
    "user-service".to_owned()
}
