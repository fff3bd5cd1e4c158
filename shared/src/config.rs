//! Layered settings: defaults in the type, one TOML file, the environment on top. Unknown keys are refused.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Error};

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
    let from_variable = std::env::var_os("BATON_CONFIG").map(PathBuf::from);
    let file = file.map(Path::to_path_buf).or(from_variable);
    load_from(section, file.as_deref(), std::env::vars_os().filter_map(readable).collect())
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
    let invalid = |cause: config::ConfigError| ConfigError::Invalid {
        section: section.to_owned(),
        cause: cause.to_string(),
    };
    let mut settings = Config::default();
    if let Some(path) = file {
        settings = section_of(path, section)?;
    }
    let prefix = format!("BATON_{}", section.to_uppercase());
    let variables =
        Environment::with_prefix(&prefix).prefix_separator("_").source(Some(environment));
    let layered = Config::builder().add_source(settings).add_source(variables).build();
    layered.and_then(Config::try_deserialize).map_err(invalid)
}

fn readable((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

fn section_of(path: &Path, section: &str) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    let invalid = |cause: config::ConfigError| ConfigError::Invalid {
        section: section.to_owned(),
        cause: format!("{}: {cause}", path.display()),
    };
    let file = File::from_str(&text, FileFormat::Toml);
    let whole = Config::builder().add_source(file).build().map_err(invalid)?;
    let sections: HashMap<String, config::Value> = whole.try_deserialize().map_err(invalid)?;
    if let Some(unknown) = sections.keys().find(|name| !SECTIONS.contains(&name.as_str())) {
        let section = unknown.clone();
        return Err(ConfigError::UnknownSection { path: path.to_owned(), section });
    }
    let mut own = Config::builder();
    if let Some(value) = sections.get(section) {
        let table = value.clone().into_table().map_err(invalid)?;
        for (key, value) in table {
            own = own.set_override(key, value).map_err(invalid)?;
        }
    }
    own.build().map_err(invalid)
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        listen: String,
        #[serde(default)]
        workers: u8,
        #[serde(default)]
        migrate: Option<bool>,
        #[serde(default)]
        log: LogLevels,
    }

    fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().join("baton.toml");
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        load_from("order", Some(&path), variables.collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_wins_over_the_file() -> Result<(), String> {
        let variables = [
            ("BATON_ORDER_WORKERS", "3"),
            ("BATON_USER_WORKERS", "9"),
            ("BATON_ORDER_MIGRATE", "false"),
        ];
        let settings = load_text("[order]\nlisten = \"a\"\nworkers = 2", &variables)?;
        assert_eq!((settings.listen.as_str(), settings.workers), ("a", 3));
        assert_eq!(settings.migrate, Some(false));
        Ok(())
    }

    #[test]
    fn a_misspelt_log_level_is_refused() -> Result<(), String> {
        let good = load_text("[order]\nlisten = \"a\"\nlog = \"warn,order_service=DEBUG\"", &[])?;
        assert_eq!(good.log.as_str(), "warn,order_service=DEBUG");
        for bad in ["inof", "", "warn,order_service=lots", "warn,order_service"] {
            let error = load_text("[order]\nlisten = \"a\"", &[("BATON_ORDER_LOG", bad)]);
            assert!(error.is_err_and(|error| error.contains("log")), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn an_unknown_or_missing_key_is_named() {
        let table = [
            ("[order]\nlisten = \"a\"\nlisen = 1", "lisen"),
            ("[order]\nworkers = 1", "listen"),
            ("[order]\nlisten = \"a\"\nworkers = \"many\"", "workers"),
            ("[ordre]\nlisten = \"a\"", "ordre"),
        ];
        for (text, named) in table {
            let error = load_text(text, &[]).err().unwrap_or_default();
            assert!(error.contains(named), "{text}: {error}");
        }
        for (variable, named) in
            [("BATON_ORDER_WORKRES", "workres"), ("BATON_ORDER_WORKERS", "workers")]
        {
            let error = load_text("[order]\nlisten = \"a\"", &[(variable, "many")]).err();
            assert!(
                error.as_ref().is_some_and(|error| error.contains(named)),
                "{variable}: {error:?}"
            );
        }
    }

    /// A password that happens to look like a number must not be rounded.
    #[test]
    fn a_text_in_the_environment_arrives_as_it_was_written() -> Result<(), String> {
        for text in
            ["007", "1e5", "0x10", "true", "TRUE", "inf", " a ", "1.50", "", "12345678901234567890"]
        {
            let settings = load_text("[order]", &[("BATON_ORDER_LISTEN", text)])?;
            assert_eq!(settings.listen, text);
        }
        Ok(())
    }
}
