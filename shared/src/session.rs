//! [`Session`]: the caller on whose behalf a request is made.

mod id;
mod tenant;
mod text;

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
pub use id::{CompanyId, NotAnId, UserId};
pub use tenant::Tenant;

/// The longest session, in bytes of JSON.
pub const MAX_SESSION_BYTES: usize = 2048;

/// The member that says when the serving side loaded the session; it never travels.
const DO_DT: &str = "doDT";

/// The caller on whose behalf a request is made: a user of a company, as auth-service vouched for it.
///
/// As JSON: `{"companyId":100,"userId":200}`, optionally `"roles":["..."]` and further members, which
/// are kept as [attributes](Session::attribute). Two sessions are equal when they have the same members;
/// the moment at which they were loaded does not count.
///
/// ```
/// use shared::Session;
///
/// let session = Session::parse(r#"{"userId":200,"companyId":100,"team":"서울"}"#)?;
/// assert_eq!(session.company_id().get(), 100);
/// assert_eq!(session.as_json(), r#"{"companyId":100,"userId":200,"team":"서울"}"#);
/// # Ok::<(), shared::SessionError>(())
/// ```
/// Cloning one is cheap: the copies share what they hold.
#[derive(Clone)]
pub struct Session {
    members: Arc<Members>,
    do_dt: Option<Timestamp>,
}

#[derive(Clone)]
struct Members {
    company_id: CompanyId,
    user_id: UserId,
    roles: Vec<String>,
    attributes: Map<String, Value>,
    /// Written once: it is asked for at every call, and tells sessions apart.
    json: String,
}

/// Why a text is not a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The text is longer than [`MAX_SESSION_BYTES`].
    #[error("a session is at most {MAX_SESSION_BYTES} bytes of JSON")]
    TooLong,
    /// The text is not one JSON object whose names occur once each.
    #[error("a session is a JSON object whose member names occur once each")]
    NotAnObject,
    /// The named member is missing or of the wrong kind.
    #[error("the session's member `{0}` is missing or of the wrong kind")]
    Member(&'static str),
    /// The member name has a meaning of its own and cannot be an attribute.
    #[error("`{0}` cannot be an attribute of a session")]
    Reserved(String),
}

impl Session {
    /// The session of a user of a company, without roles and attributes.
    #[must_use]
    pub fn new(company_id: CompanyId, user_id: UserId) -> Self {
        Self::of(Members {
            company_id,
            user_id,
            roles: Vec::new(),
            attributes: Map::new(),
            json: String::new(),
        })
    }

    fn of(mut members: Members) -> Self {
        members.json = members.to_json();
        Self { members: Arc::new(members), do_dt: None }
    }

    fn changed(self, change: impl FnOnce(&mut Members)) -> Self {
        let mut members = Arc::unwrap_or_clone(self.members);
        change(&mut members);
        Self { do_dt: self.do_dt, ..Self::of(members) }
    }

    /// Adds a role.
    #[must_use]
    pub fn with_role(self, role: impl Into<String>) -> Self {
        self.changed(|members| members.roles.push(role.into()))
    }

    /// Adds a further member.
    ///
    /// # Errors
    /// [`SessionError::Reserved`] when the name is one of `companyId`, `userId`, `roles` and `doDT`;
    /// [`SessionError::TooLong`] when the session would be longer than [`MAX_SESSION_BYTES`].
    pub fn with_attribute(self, name: &str, value: Value) -> Result<Self, SessionError> {
        if ["companyId", "userId", "roles", DO_DT].contains(&name) {
            return Err(SessionError::Reserved(name.to_owned()));
        }
        let added = self.changed(|members| {
            members.attributes.insert(name.to_owned(), value);
            sort_members(&mut members.attributes);
        });
        added.within_limit()
    }

    /// Reads a session from its JSON text. Unknown members are kept as attributes, save `doDT`: that is
    /// for the serving side to set, whatever the text says.
    ///
    /// # Errors
    /// A [`SessionError`] that names what is wrong; never the text itself, so that it can be logged.
    pub fn parse(text: &str) -> Result<Self, SessionError> {
        if text.len() > MAX_SESSION_BYTES {
            return Err(SessionError::TooLong);
        }
        text::read(text)?.within_limit()
    }

    /// What travels is the canonical text, and that may be longer than the one that was read: `1e3` is `1000.0`.
    fn within_limit(self) -> Result<Self, SessionError> {
        if self.as_json().len() > MAX_SESSION_BYTES { Err(SessionError::TooLong) } else { Ok(self) }
    }

    /// The company (tenant) of the caller.
    #[must_use]
    pub fn company_id(&self) -> CompanyId {
        self.members.company_id
    }

    /// The user who calls.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.members.user_id
    }

    /// The caller's roles, in the order in which they were given.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.members.roles
    }

    /// Whether the caller has the role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.members.roles.iter().any(|own| own == role)
    }

    /// A further member of the session.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.members.attributes.get(name)
    }

    /// All further members, by name.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members.attributes.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// When the serving side loaded this session; `None` before a request has brought it in.
    #[must_use]
    pub fn do_dt(&self) -> Option<Timestamp> {
        self.do_dt
    }

    /// The session as loaded at `now` by the serving side.
    #[must_use]
    pub fn loaded_at(mut self, now: Timestamp) -> Self {
        self.do_dt = Some(now);
        self
    }

    /// The canonical JSON text: equal sessions have equal texts. This is what travels in a token.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.members.json
    }
}

impl Members {
    fn to_json(&self) -> String {
        // Serializing a map with string keys into a String cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Keeps the canonical text canonical also where another crate turns on serde_json's `preserve_order`.
fn sort_members(members: &mut Map<String, Value>) {
    members.sort_keys();
    members.values_mut().for_each(Value::sort_all_objects);
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Session {}

impl fmt::Debug for Session {
    /// Company and user only: roles and attributes are the caller's own affair and stay out of logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Session(company {}, user {})", self.company_id(), self.user_id())
    }
}

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.members.serialize(serializer)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("companyId", &self.company_id)?;
        map.serialize_entry("userId", &self.user_id)?;
        if !self.roles.is_empty() {
            map.serialize_entry("roles", &self.roles)?;
        }
        for (name, value) in &self.attributes {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_with_the_same_members_are_one_session() -> Result<(), SessionError> {
        let one =
            Session::parse(r#"{"companyId":1,"userId":2,"z":{"b":1,"a":[2]},"roles":["x"]}"#)?;
        let other =
            Session::parse(r#" {"z" : {"a":[2],"b":1}, "roles":["x"],"userId":2,"companyId":1}"#)?;
        assert_eq!(one, other);
        assert_eq!(one.as_json(), other.as_json());
        assert_ne!(one, Session::parse(r#"{"companyId":1,"userId":2}"#)?);
        Ok(())
    }

    #[test]
    fn what_is_not_a_session_is_refused() {
        let bad = [
            "",
            "null",
            "1",
            "[]",
            "\"{}\"",
            "{}",
            "not json",
            r#"{"companyId":1}"#,
            r#"{"companyId":"1","userId":2}"#,
            r#"{"companyId":1.0,"userId":2}"#,
            r#"{"companyId":true,"userId":2}"#,
            r#"{"companyId":0,"userId":2}"#,
            r#"{"companyId":-1,"userId":2}"#,
            r#"{"companyId":9223372036854775808,"userId":2}"#,
            r#"{"companyId":1,"companyId":1,"userId":2}"#,
            r#"{"companyId":1,"userId":2,"userId":2}"#,
            r#"{"companyId":1,"userId":2,"roles":["a"],"roles":["a"]}"#,
            r#"{"companyId":1,"userId":2,"doDT":1,"doDT":1}"#,
            r#"{"companyId":1,"userId":2,"a":1,"a":1}"#,
            r#"{"companyId":1,"userId":2} x"#,
            r#"{"companyId":1,"userId":2,"roles":"admin"}"#,
            r#"{"companyId":1,"userId":2,"roles":[1]}"#,
        ];
        for text in bad {
            assert!(Session::parse(text).is_err(), "{text}");
        }
        let long = format!(r#"{{"companyId":1,"userId":2,"a":"{}"}}"#, "x".repeat(2048));
        assert!(matches!(Session::parse(&long), Err(SessionError::TooLong)));
        let padded = format!("{{\"companyId\":1,\"userId\":2}}{}", " ".repeat(2048));
        assert!(matches!(Session::parse(&padded), Err(SessionError::TooLong)));
        let grows = format!(r#"{{"companyId":1,"userId":2,"a":[{}1]}}"#, "1e15,".repeat(380));
        assert!(grows.len() < MAX_SESSION_BYTES);
        assert!(matches!(Session::parse(&grows), Err(SessionError::TooLong)));
    }

    #[test]
    fn an_id_is_an_integer_greater_than_0_wherever_it_comes_from() {
        for bad in [0, -1, i64::MIN] {
            assert_eq!(CompanyId::try_from(bad), Err(NotAnId));
            assert_eq!(bad.to_string().parse::<UserId>(), Err(NotAnId));
            assert!(serde_json::from_value::<UserId>(bad.into()).is_err());
        }
        assert_eq!(CompanyId::try_from(1), Ok(CompanyId::MIN));
    }

    #[test]
    fn a_role_is_the_whole_word() {
        let session = Session::new(CompanyId::MIN, UserId::MIN).with_role("clerk");
        assert!(session.has_role("clerk"));
        for other in ["", "cler", "clerks", "CLERK", " clerk"] {
            assert!(!session.has_role(other), "{other}");
        }
    }

    #[test]
    fn the_moment_of_loading_never_travels() -> Result<(), SessionError> {
        let forged = Session::parse(r#"{"companyId":1,"userId":2,"doDT":"2020-01-01T00:00:00Z"}"#)?;
        assert_eq!(forged.do_dt(), None);
        let loaded = forged.clone().loaded_at(Timestamp::UNIX_EPOCH);
        assert_eq!(loaded, forged);
        assert_eq!(loaded.as_json(), r#"{"companyId":1,"userId":2}"#);
        assert!(forged.with_attribute("doDT", Value::Null).is_err());
        Ok(())
    }

    #[test]
    fn debug_shows_neither_roles_nor_attributes() -> Result<(), SessionError> {
        let session = Session::parse(r#"{"companyId":1,"userId":2,"phone":"010-1234"}"#)?;
        assert!(!format!("{session:?}").contains("010"));
        Ok(())
    }
}
