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
            value if is_strange(key, value) => {
                writeln!(text, "{key} = \"{HIDDEN}\"  # {}, and not an address", origin(key))
            }
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

/// The same URL without what stands before its host, but for a name, and without parameters that hold a secret. Another text stays
/// as it is.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold what ends the host elsewhere: an @ further on says that it does.
    let end = rest.rfind('@').map_or(end, |at| end.max(at + 1));
    let (authority, rest) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            // A name alone, of a database's role; or a token.
            None if scheme.starts_with("postgres") => format!("{user}@{host}"),
            None => format!("{HIDDEN}@{host}"),
        },
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{}", without_named(rest))
}

fn without_named(rest: &str) -> String {
    let Some((path, query)) = rest.split_once('?') else { return rest.to_owned() };
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        let plain = ["sslkey", "sslcert", "sslrootcert"].contains(&name.as_str());
        !plain
            && ["pass", "pwd", "token", "secret", "key", "auth"]
                .iter()
                .any(|word| name.contains(word))
    };
    let query = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", query.collect::<Vec<_>>().join("&"))
}

/// The address of a database or a cache that is none may hold a password anywhere.
fn is_strange(key: &str, value: &Value) -> bool {
    let is_address = ["database_url", "cache_url"].contains(&key);
    let known = ["postgres://", "postgresql://", "sqlite://", "redis://", "rediss://", "memory://"];
    is_address
        && value.as_str().is_some_and(|text| {
            let known = known.iter().find_map(|scheme| text.strip_prefix(scheme));
            known.is_none_or(|rest| rest.contains('#'))
        })
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
            ("postgres://baton@db/orders", "postgres://baton@db/orders"),
            ("https://tok3n@c/v1?api-key=s3cret&a=b", "https://(hidden)@c/v1?api-key=(hidden)&a=b"),
            (
                "postgres://db/o?sslmode=require&sslkey=/x",
                "postgres://db/o?sslmode=require&sslkey=/x",
            ),
            ("sqlite://order.db", "sqlite://order.db"),
            ("baton <no-reply@localhost>", "baton <no-reply@localhost>"),
        ];
        for (text, shown) in table {
            assert_eq!(without_password(text), shown);
        }
    }

    #[test]
    fn an_address_that_is_none_is_not_shown_at_all() {
        for text in ["host=db password=s3cret", "postgres:s3cret@h", "postgres://u:secr#et"] {
            let members = [("database_url".to_owned(), json!(text))].into_iter().collect();
            let shown = table("order", &members, |_| "default".to_owned());
            assert!(!shown.contains("cr") && shown.contains("hidden"), "{shown}");
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
