//! The header of a token (RFC 7515 section 4), read so that it cannot choose how it is verified.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::strict_json::{Names, Text, UniqueNames, set_once};
use crate::token::algorithm::Algorithm;
use crate::token::{TOKEN_TYPE, TokenError};

/// The longest header, in bytes. It is read before anything is known of its writer, so it must cost next to nothing.
const MAX_HEADER_BYTES: usize = 1024;
/// The longest key id, in bytes.
const MAX_KID_BYTES: usize = 128;
/// Members that would let the token choose its own key or change its own meaning.
const REFUSED: [&str; 7] = ["crit", "b64", "zip", "jwk", "jku", "x5c", "x5u"];

/// Algorithm and key, as the token names them.
pub(super) struct Header<'h> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Cow<'h, str>,
}

impl<'h> Header<'h> {
    /// The header of an access token.
    pub(super) fn parse(json: &'h [u8]) -> Result<Self, TokenError> {
        let header = AnyHeader::parse(json)?;
        if !header.is_a(TOKEN_TYPE) {
            return Err(TokenError::Malformed("not an access token"));
        }
        let algorithm = header.algorithm()?;
        let kid = header.kid.ok_or(TokenError::Malformed("header lacks kid"))?;
        Ok(Self { algorithm, kid })
    }
}

/// The same of a JWS of any type.
pub(super) struct AnyHeader<'h> {
    alg: Cow<'h, str>,
    pub(super) kid: Option<Cow<'h, str>>,
    typ: Option<Cow<'h, str>>,
}

impl<'h> AnyHeader<'h> {
    pub(super) fn parse(json: &'h [u8]) -> Result<Self, TokenError> {
        if json.len() > MAX_HEADER_BYTES {
            return Err(TokenError::Malformed("header is too long"));
        }
        let members: Members<'h> = serde_json::from_slice(json)
            .map_err(|_| TokenError::Malformed("header is not JSON with alg, typ and kid"))?;
        if members.refused {
            return Err(TokenError::Malformed("header has a member that we refuse"));
        }
        let alg = members.alg.ok_or(TokenError::Malformed("header lacks alg"))?;
        if members.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(TokenError::Malformed("key id is too long"));
        }
        Ok(Self { alg, kid: members.kid, typ: members.typ })
    }

    pub(super) fn algorithm(&self) -> Result<Algorithm, TokenError> {
        self.alg.parse().map_err(|_| TokenError::WrongAlgorithm)
    }

    /// Whether it says that it is of this type.
    pub(super) fn is_a(&self, typ: &str) -> bool {
        self.typ.as_deref().is_some_and(|own| is_type(own, typ))
    }
}

/// RFC 7515 section 4.1.9: media types do not tell cases apart, and `application/` may be left out.
fn is_type(typ: &str, expected: &str) -> bool {
    let prefix = "application/";
    let short = match typ.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &typ[prefix.len()..],
        _ => typ,
    };
    short.eq_ignore_ascii_case(expected)
}

#[derive(Default)]
struct Members<'h> {
    alg: Option<Cow<'h, str>>,
    typ: Option<Cow<'h, str>>,
    kid: Option<Cow<'h, str>>,
    refused: bool,
}

impl<'de: 'h, 'h> Deserialize<'de> for Members<'h> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members<'de>, A::Error> {
        let (mut members, mut others) = (Members::default(), Names::default());
        while let Some(Text(name)) = object.next_key()? {
            match name.as_ref() {
                "alg" => set_once(&mut members.alg, object.next_value::<Text<'de>>()?.0)?,
                "typ" => set_once(&mut members.typ, object.next_value::<Text<'de>>()?.0)?,
                "kid" => set_once(&mut members.kid, object.next_value::<Text<'de>>()?.0)?,
                other => {
                    members.refused |= REFUSED.contains(&other);
                    object.next_value_seed(UniqueNames)?;
                    others.add(other)?;
                }
            }
        }
        Ok(members)
    }
}
