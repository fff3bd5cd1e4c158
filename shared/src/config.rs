//! Layered settings: defaults in the type, one TOML file, the environment on top. Unknown keys are refused.

mod layers;
mod shown;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Serialize};

use layers::Layers;
pub(crate) use shown::HIDDEN;
pub use shown::shown;

/// The sections that the one file may have.
const SECTIONS: [&str; 5] = ["auth", "user", "order", "file", "batch"];

/// Why the settings cannot be used. The text names the key or the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file has a section that no service reads.
    #[error("{path}: there is no section [{section}]; the sections are {}", SECTIONS.join(", "))]
    UnknownSection {
        /// The file.
        path: PathBuf,
        /// The section.
        section: String,
    },
    /// A key is unknown, missing or of the wrong kind.
    #[error(
        "configuration of [{section}]: {cause} (a key is set in the file or as BATON_{}_<KEY>)",
        section.to_uppercase()
    )]
    Invalid {
        /// The section.
        section: String,
        /// What is wrong, with the key.
        cause: String,
    },
}

/// Loads the settings of one service: section `[name]` of the file named by `--config` or `BATON_CONFIG`,
/// with variables `BATON_<NAME>_<KEY>` on top.
///
/// # Errors
/// A [`ConfigError`] that names the key.
pub fn load<T: DeserializeOwned>(section: &str, file: Option<&Path>) -> Result<T, ConfigError> {
    layers(section, file)?.settings()
}

/// The same with the environment handed in.
///
/// # Errors
/// As [`load`].
pub fn load_from<T: DeserializeOwned>(
    section: &str,
    file: Option<&Path>,
    environment: HashMap<String, String>,
) -> Result<T, ConfigError> {
    Layers::of(section, file, environment)?.settings()
}

/// From the file named here or by `BATON_CONFIG`, and the environment of this process.
fn layers(section: &str, file: Option<&Path>) -> Result<Layers, ConfigError> {
    let from_variable = std::env::var_os("BATON_CONFIG").map(PathBuf::from);
    let file = file.map(Path::to_path_buf).or(from_variable);
    let readable = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    Layers::of(section, file.as_deref(), std::env::vars_os().filter_map(readable).collect())
}

/// Reads a list: one of a file's, or in a variable words separated by spaces or commas. For
/// `#[serde(deserialize_with = "shared::config::list")]`.
///
/// # Errors
/// The deserializer's, also for a word that is no `T`.
pub fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr<Err: std::fmt::Display>,
    D: serde::Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        List(Vec<String>),
        Text(String),
    }
    let words = match Form::deserialize(deserializer)? {
        Form::List(words) => words,
        Form::Text(text) => {
            let words = text.split([' ', ',']).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        }
    };
    let read = |word: &String| {
        word.parse().map_err(|error| D::Error::custom(format!("`{word}`: {error}")))
    };
    words.iter().map(read).collect()
}

/// Levels of log lines: a level for all (`info`), or levels by target (`warn,order_service=debug`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct LogLevels(String);

impl LogLevels {
    /// The text, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogLevels {
    /// `info`.
    fn default() -> Self {
        Self("info".to_owned())
    }
}

/// A misspelt level would otherwise be taken for the name of a target, and everything else be switched off.
impl TryFrom<String> for LogLevels {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        for directive in text.split(',') {
            let level = directive.rsplit('=').next().unwrap_or_default().trim();
            if !levels.iter().any(|known| known.eq_ignore_ascii_case(level)) {
                return Err(format!("`{level}` in `log` is not one of {}", levels.join(", ")));
            }
        }
        Ok(Self(text))
    }
}

/// Defaults that the settings of every service have in common, for `#[serde(default = "...")]`.
pub mod defaults {
    use std::num::NonZeroUsize;

    /// Yes.
    #[must_use]
    pub fn yes() -> bool {
        true
    }

    /// 2 worker threads.
    #[must_use]
    pub fn workers() -> NonZeroUsize {
        NonZeroUsize::MIN.saturating_add(1)
    }

    /// 10 connections to a database.
    #[must_use]
    pub fn max_connections() -> NonZeroUsize {
        NonZeroUsize::MIN.saturating_add(9)
    }

    /// `memory://`: nothing is shared with other processes.
    #[must_use]
    pub fn cache_url() -> String {
        "memory://".to_owned()
    }

    /// Tokens may live for an hour.
    #[must_use]
    pub fn max_token_lifetime_s() -> i64 {
        3600
    }
}

#[cfg(test)]
mod tests;
