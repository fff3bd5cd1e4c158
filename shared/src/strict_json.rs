//! JSON in which every member name occurs once, at every depth (RFC 7519 section 4 demands it of claims).
//!
//! Two parsers that disagree on which of two equal names counts are how one service is talked into
//! seeing another caller than its neighbour; so a text with a repeated name has no meaning here.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A string that is borrowed where it has no escapes; `Cow` by itself always copies.
#[derive(Deserialize)]
pub(crate) struct Text<'t>(#[serde(borrow)] pub(crate) Cow<'t, str>);

/// A value of any kind in which no name occurs twice.
pub(crate) struct UniqueNames;

/// The names of one object that have been read, so that the same one twice is an error.
#[derive(Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    /// Notes the name.
    pub(crate) fn add<E: Error>(&mut self, name: &str) -> Result<(), E> {
        if self.0.iter().any(|own| own == name) {
            return Err(repeated());
        }
        self.0.push(name.to_owned());
        Ok(())
    }
}

/// Sets a member that has not been set yet.
pub(crate) fn set_once<T, E: Error>(member: &mut Option<T>, value: T) -> Result<(), E> {
    if member.replace(value).is_some() { Err(repeated()) } else { Ok(()) }
}

/// The same name twice.
pub(crate) fn repeated<E: Error>() -> E {
    E::custom("a member name occurs twice")
}

impl<'de> DeserializeSeed<'de> for UniqueNames {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(UniqueNames)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Text(name)) = members.next_key()? {
            let value = members.next_value_seed(UniqueNames)?;
            if map.insert(name.into_owned(), value).is_some() {
                return Err(repeated());
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = UniqueNames.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_at_any_depth() {
        assert!(parse(r#"{"a":1,"b":{"a":2}}"#).is_ok());
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"a":2}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_json_text_is_refused() {
        let deep = "[".repeat(2_000);
        for text in ["", "{", "{} {}", "\u{feff}{}", "nul", "1e400", r#""\ud800""#, deep.as_str()] {
            assert!(parse(text).is_err(), "{text:.20}");
        }
    }
}
