//! [`Claims`]: what an access token says.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::scopes::Scopes;
use crate::session::Session;
use crate::strict_json::{Names, Text, UniqueNames, set_once};

/// The claims of an access token (RFC 9068 section 2.2), with the caller's session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The client's id for client credentials; the user's id for a user's token.
    pub sub: String,
    /// The services that the token is for. Written as an array; a single string is read, too.
    pub aud: Vec<String>,
    /// The client that asked for the token (RFC 8693 section 4.3).
    pub client_id: String,
    /// What the token may be used for.
    pub scope: Scopes,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// When it expires, in seconds since 1970.
    pub exp: i64,
    /// From when on it is good, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The token's own id; revocation names tokens by it.
    pub jti: String,
    /// The caller, written as a JSON **string**.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "session_as_text")]
    pub session: Option<Session>,
    /// The login or root session from which the token descends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// When the login or root session began, in seconds since 1970 (RFC 9068 section 2.2.1). A token that is exchanged for
    /// another hands it on: what is revoked by its age is told by the root's, not by its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Who acts for the subject (RFC 8693 section 4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Value>,
    /// The handoff of which it came, by the name that the issuer's feed of revocations has for it: ending the handoff ends
    /// this token, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff: Option<String>,
}

impl Claims {
    /// When it all began: the root session, or this token where it is the root.
    #[must_use]
    pub fn root_time(&self) -> i64 {
        self.auth_time.map_or(self.iat, |began| began.min(self.iat))
    }

    /// Whether a program is calling, for itself or on somebody's behalf; else it is a person.
    #[must_use]
    pub fn is_by_service(&self) -> bool {
        self.act.is_some() || self.sub == self.client_id
    }

    /// The program that is calling, for itself or on somebody's behalf, the last one where there are several; none: a
    /// person acts alone.
    #[must_use]
    pub fn acting_client(&self) -> Option<&str> {
        match &self.act {
            Some(act) => act.get("sub").and_then(Value::as_str),
            None => (self.sub == self.client_id).then_some(self.client_id.as_str()),
        }
    }
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn session_as_text<S: Serializer>(
    session: &Option<Session>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    session.as_ref().map(Session::as_json).serialize(serializer)
}

impl<'de> Deserialize<'de> for Claims {
    /// A name that occurs twice, at any depth, is an error (RFC 7519 section 4).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Claims;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
        let mut read = Read::default();
        while let Some(Text(name)) = members.next_key()? {
            read.member(&name, &mut members)?;
        }
        read.claims()
    }
}

/// What has been read so far.
#[derive(Default)]
struct Read {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Vec<String>>,
    client_id: Option<String>,
    scope: Option<Scopes>,
    iat: Option<i64>,
    exp: Option<i64>,
    nbf: Option<Option<i64>>,
    jti: Option<String>,
    session: Option<Session>,
    sid: Option<Option<String>>,
    auth_time: Option<Option<i64>>,
    act: Option<Value>,
    handoff: Option<Option<String>>,
    others: Names,
}

impl Read {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "iss" => set_once(&mut self.iss, members.next_value()?),
            "sub" => set_once(&mut self.sub, members.next_value()?),
            "aud" => set_once(&mut self.aud, members.next_value::<OneOrMany>()?.0),
            "client_id" => set_once(&mut self.client_id, members.next_value()?),
            "scope" => set_once(&mut self.scope, members.next_value()?),
            "iat" => set_once(&mut self.iat, members.next_value()?),
            "exp" => set_once(&mut self.exp, members.next_value()?),
            "nbf" => set_once(&mut self.nbf, members.next_value()?),
            "jti" => set_once(&mut self.jti, members.next_value()?),
            "session" => {
                set_once(&mut self.session, session(&members.next_value::<Text<'_>>()?.0)?)
            }
            "sid" => set_once(&mut self.sid, members.next_value()?),
            "auth_time" => set_once(&mut self.auth_time, members.next_value()?),
            "handoff" => set_once(&mut self.handoff, members.next_value()?),
            "act" => set_once(&mut self.act, members.next_value_seed(UniqueNames)?),
            other => {
                members.next_value_seed(UniqueNames)?;
                self.others.add(other)
            }
        }
    }

    fn claims<E: Error>(self) -> Result<Claims, E> {
        let missing = E::missing_field;
        Ok(Claims {
            iss: self.iss.ok_or_else(|| missing("iss"))?,
            sub: self.sub.ok_or_else(|| missing("sub"))?,
            aud: self.aud.ok_or_else(|| missing("aud"))?,
            client_id: self.client_id.ok_or_else(|| missing("client_id"))?,
            scope: self.scope.unwrap_or_default(),
            iat: self.iat.ok_or_else(|| missing("iat"))?,
            exp: self.exp.ok_or_else(|| missing("exp"))?,
            nbf: self.nbf.flatten(),
            jti: self.jti.ok_or_else(|| missing("jti"))?,
            session: self.session,
            sid: self.sid.flatten(),
            auth_time: self.auth_time.flatten(),
            act: self.act.filter(|act| !act.is_null()),
            handoff: self.handoff.flatten(),
        })
    }
}

/// A `session` that is there but is no session is an error: it is never read as "nobody".
fn session<E: Error>(text: &str) -> Result<Session, E> {
    Session::parse(text).map_err(E::custom)
}

/// A string, or an array of strings.
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strings)
    }
}

struct Strings;

impl<'de> Visitor<'de> for Strings {
    type Value = OneOrMany;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or an array of strings")
    }

    fn visit_str<E: Error>(self, one: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany(vec![one.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
        let mut many = Vec::with_capacity(1);
        while let Some(item) = items.next_element()? {
            many.push(item);
        }
        Ok(OneOrMany(many))
    }
}
