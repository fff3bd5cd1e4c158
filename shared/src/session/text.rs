//! How a session is read from its JSON text.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{DO_DT, Members, Session, SessionError, sort_members};
use crate::strict_json::{Text, UniqueNames, repeated, set_once};

/// The session that the text says, however long.
pub(super) fn read(text: &str) -> Result<Session, SessionError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer.deserialize_map(Object);
    let read = read.and_then(|read| deserializer.end().map(|()| read));
    read.map_err(|_| SessionError::NotAnObject)?.session()
}

/// Its members, as they were read.
#[derive(Default)]
struct Read {
    company_id: Option<Value>,
    user_id: Option<Value>,
    roles: Option<Value>,
    do_dt: Option<Value>,
    attributes: Map<String, Value>,
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Read;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Read, A::Error> {
        let mut read = Read::default();
        while let Some(Text(name)) = members.next_key()? {
            let value = members.next_value_seed(UniqueNames)?;
            match name.as_ref() {
                "companyId" => set_once(&mut read.company_id, value)?,
                "userId" => set_once(&mut read.user_id, value)?,
                "roles" => set_once(&mut read.roles, value)?,
                DO_DT => set_once(&mut read.do_dt, value)?,
                other if read.attributes.insert(other.to_owned(), value).is_none() => {}
                _ => return Err(repeated()),
            }
        }
        Ok(read)
    }
}

impl Read {
    fn session(self) -> Result<Session, SessionError> {
        let Self { company_id, user_id, roles, mut attributes, .. } = self;
        let company_id = id(company_id.as_ref(), "companyId")?;
        let user_id = id(user_id.as_ref(), "userId")?;
        let roles = roles.map_or(Some(Vec::new()), texts).ok_or(SessionError::Member("roles"))?;
        sort_members(&mut attributes);
        let json = String::new();
        Ok(Session::of(Members { company_id, user_id, roles, attributes, json }))
    }
}

fn texts(value: Value) -> Option<Vec<String>> {
    let Value::Array(items) = value else { return None };
    let text = |item| if let Value::String(text) = item { Some(text) } else { None };
    items.into_iter().map(text).collect()
}

fn id<T: TryFrom<i64>>(value: Option<&Value>, name: &'static str) -> Result<T, SessionError> {
    let number = value.and_then(Value::as_i64);
    number.and_then(|number| T::try_from(number).ok()).ok_or(SessionError::Member(name))
}
