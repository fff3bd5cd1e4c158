//! [`shown`]: the settings as they are in force, for people to read.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::{ConfigError, layers};

/// What stands in place of a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// The settings of a service in force, as the TOML of its section: each key with where it was set, or `default`. What is not
/// set and has no default stands there as a comment. Secrets are hidden, also those inside URLs.
///
/// # Errors
/// As [`load`](crate::config::load); it reads the same once more.
pub fn shown(
    section: &str,
    file: Option<&Path>,
    settings: &impl Serialize,
) -> Result<String, ConfigError> {
    let layers = layers(section, file)?;
    let settings = serde_json::to_value(settings).map_err(|error| ConfigError::Invalid {
        section: section.to_owned(),
        cause: error.to_string(),
    })?;
    let Value::Object(settings) = settings else { return Ok(String::new()) };
    Ok(table(section, &settings, |key| {
        layers.origin(key).map_or_else(|| "default".to_owned(), ToString::to_string)
    }))
}

fn table(section: &str, settings: &Map<String, Value>, origin: impl Fn(&str) -> String) -> String {
    let mut text = format!("[{section}]\n");
    for (key, value) in settings {
        // Writing into a text cannot fail.
        let _ = match value {
            Value::Null => writeln!(text, "# {key} is not set"),
            value => writeln!(text, "{key} = {}  # {}", toml(value), origin(key)),
        };
    }
    text
}

/// JSON's texts, numbers and lists are TOML as they are.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members: Vec<_> = members
                .map(|(key, value)| format!("{} = {}", toml_key(key), toml(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => Value::String(without_password(text)).to_string(),
        scalar => scalar.to_string(),
    }
}

fn toml_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !key.is_empty() && key.bytes().all(bare) {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}

/// The same URL without the password before its host, and without parameters that name one. Another text stays as it is.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold what ends the host elsewhere: an @ further on says that it does.
    let end = rest.rfind('@').map_or(end, |at| end.max(at + 1));
    let (authority, rest) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user
                .split_once(':')
                .map_or(user.to_owned(), |(user, _)| format!("{user}:{HIDDEN}"));
            format!("{user}@{host}")
        }
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{}", without_named(rest))
}

fn without_named(rest: &str) -> String {
    let Some((path, query)) = rest.split_once('?') else { return rest.to_owned() };
    let query = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => {
            format!("{name}={HIDDEN}")
        }
        _ => pair.to_owned(),
    });
    format!("{path}?{}", query.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        let table = [
            ("postgres://baton:s3cret@db:5432/orders", "postgres://baton:(hidden)@db:5432/orders"),
            ("postgres://baton:s3c/r@et@db/orders", "postgres://baton:(hidden)@db/orders"),
            (
                "postgres://db/orders?user=a&password=s3cret",
                "postgres://db/orders?user=a&password=(hidden)",
            ),
            ("redis://:s3cret@redis", "redis://:(hidden)@redis"),
            ("redis://redis:6379/0", "redis://redis:6379/0"),
            ("sqlite://order.db", "sqlite://order.db"),
            ("baton <no-reply@localhost>", "baton <no-reply@localhost>"),
        ];
        for (text, shown) in table {
            assert_eq!(without_password(text), shown);
        }
    }

    #[test]
    fn what_is_shown_can_be_read_again() -> Result<(), config::ConfigError> {
        let settings =
            json!({"listen": "a\"b", "hosts": ["x"], "rates": {"a b": 1, "c": null}, "none": null});
        let Value::Object(members) = &settings else { return Ok(()) };
        let text = table("order", members, |key| format!("BATON_{key}"));
        assert!(text.contains("# none is not set"), "{text}");
        let file = config::File::from_str(&text, config::FileFormat::Toml);
        let read = config::Config::builder().add_source(file).build()?;
        let read: Value = read.try_deserialize()?;
        assert_eq!(read, json!({"order": {"listen": "a\"b", "hosts": ["x"], "rates": {"a b": 1}}}));
        Ok(())
    }
}
