//! [`Layers`]: what the file and the environment say, and which of the two has said it.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{
    Config, ConfigError as Cause, Environment, File, FileFormat, Map, Source, Value, ValueKind,
};
use serde::de::DeserializeOwned;

use crate::config::{ConfigError, SECTIONS};

/// Settings that hold a secret: each may stand in a file of its own, named by the same key
/// with `_file` behind it.
const IN_FILES: [&str; 4] = ["database_url", "cache_url", "smtp_url", "s3_secret_key"];

/// What has been set for one service, by key.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    section: String,
    set: Map<String, (Value, Origin)>,
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The configuration file, or a file that holds this setting alone.
    File(PathBuf),
    /// This variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Variable(name) => formatter.write_str(name),
        }
    }
}

impl Layers {
    pub(super) fn of(
        section: &str,
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self { section: section.to_owned(), set: Map::new() };
        if let Some(path) = file {
            let origin = Origin::File(path.to_owned());
            let values = section_of(path, section)?.into_iter();
            layers.set.extend(values.map(|(key, value)| (key, (value, origin.clone()))));
        }
        let prefix = format!("BATON_{}", section.to_uppercase());
        let variables =
            Environment::with_prefix(&prefix).prefix_separator("_").source(Some(environment));
        let variables = variables.collect().map_err(|cause| layers.invalid(&cause))?;
        layers.set.extend(variables.into_iter().map(|(key, value)| {
            let origin = Origin::Variable(format!("{prefix}_{}", key.to_uppercase()));
            (key, (value, origin))
        }));
        IN_FILES.iter().try_for_each(|key| layers.look_into_file(key))?;
        Ok(layers)
    }

    /// The settings, with defaults for what is not set.
    pub(super) fn settings<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let layered = Config::builder().add_source(self.clone()).build();
        let settings = layered.and_then(Config::try_deserialize);
        settings.map_err(|cause| self.invalid(&cause))
    }

    /// Where this one was set; None: nowhere, it is the default.
    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        self.set.get(key).map(|(_, origin)| origin)
    }

    /// Takes the setting from the file that `<key>_file` names.
    fn look_into_file(&mut self, key: &str) -> Result<(), ConfigError> {
        let named = format!("{key}_file");
        let Some((path, _)) = self.set.remove(&named) else { return Ok(()) };
        if self.set.contains_key(key) {
            return Err(self.invalid(&format_args!("set one of `{key}` and `{named}`")));
        }
        let path = PathBuf::from(path.into_string().map_err(|cause| self.invalid(&cause))?);
        let text = std::fs::read_to_string(&path).map_err(|cause| {
            self.invalid(&format_args!("`{named}`: cannot read {}: {cause}", path.display()))
        })?;
        let value = Value::new(None, ValueKind::String(text.trim().to_owned()));
        self.set.insert(key.to_owned(), (value, Origin::File(path)));
        Ok(())
    }

    fn invalid(&self, cause: &dyn fmt::Display) -> ConfigError {
        ConfigError::Invalid { section: self.section.clone(), cause: cause.to_string() }
    }
}

impl Source for Layers {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, Cause> {
        Ok(self.set.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect())
    }
}

fn section_of(path: &Path, section: &str) -> Result<Map<String, Value>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    let invalid = |cause: Cause| ConfigError::Invalid {
        section: section.to_owned(),
        cause: format!("{}: {cause}", path.display()),
    };
    let file = File::from_str(&text, FileFormat::Toml);
    let whole = Config::builder().add_source(file).build().map_err(invalid)?;
    let mut sections: HashMap<String, Value> = whole.try_deserialize().map_err(invalid)?;
    if let Some(unknown) = sections.keys().find(|name| !SECTIONS.contains(&name.as_str())) {
        let section = unknown.clone();
        return Err(ConfigError::UnknownSection { path: path.to_owned(), section });
    }
    let own = sections.remove(section);
    own.map_or_else(|| Ok(Map::new()), |own| own.into_table().map_err(invalid))
}
