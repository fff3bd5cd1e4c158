//! What an ID token has to say (OpenID Connect Core section 3.1.3.7). Its signature is checked elsewhere.

use serde::Deserialize;

use crate::domain::audiences;
use crate::domain::social::attempt::TTL_S;

/// How far clocks may differ, in seconds.
const LEEWAY_S: i64 = 60;

/// What an ID token says.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct IdToken {
    iss: String,
    pub(crate) sub: String,
    #[serde(deserialize_with = "audiences::one_or_many")]
    aud: Vec<String>,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nonce: Option<String>,
}

/// What is asked of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'e> {
    pub(crate) issuers: &'e [String],
    pub(crate) client_id: &'e str,
    pub(crate) nonce: &'e str,
    pub(crate) now_s: i64,
}

/// Why an ID token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdTokenFault {
    #[error("it is none")]
    NoIdToken,
    #[error("no key of the provider has signed it")]
    Signature,
    #[error("another issuer")]
    Issuer,
    #[error("for another client")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("issued before this login began, or not yet")]
    IssuedAt,
    #[error("for another login")]
    Nonce,
    #[error("the user info is of somebody else")]
    Subject,
}

impl IdToken {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, IdTokenFault> {
        serde_json::from_slice(payload).map_err(|_| IdTokenFault::NoIdToken)
    }

    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), IdTokenFault> {
        if !expected.issuers.contains(&self.iss) {
            return Err(IdTokenFault::Issuer);
        }
        self.check_audience(expected.client_id)?;
        if self.exp.saturating_add(LEEWAY_S) <= expected.now_s {
            return Err(IdTokenFault::Expired);
        }
        let age_s = expected.now_s.saturating_sub(self.iat);
        if !(-LEEWAY_S..=TTL_S + LEEWAY_S).contains(&age_s) {
            return Err(IdTokenFault::IssuedAt);
        }
        if self.nonce.as_deref() != Some(expected.nonce) {
            return Err(IdTokenFault::Nonce);
        }
        Ok(())
    }

    /// With several audiences, or when it says so anyway, it has to be us who asked for it.
    fn check_audience(&self, client_id: &str) -> Result<(), IdTokenFault> {
        let for_us = self.aud.iter().any(|audience| audience == client_id);
        let asked_by_us = match &self.azp {
            Some(azp) => azp == client_id,
            None => self.aud.len() == 1,
        };
        if for_us && asked_by_us { Ok(()) } else { Err(IdTokenFault::Audience) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW_S: i64 = 1_800_000_000;

    fn verdict(change: &Value) -> Result<(), IdTokenFault> {
        let mut claims = json!({"iss": "https://accounts.google.com", "sub": "110169484474386276334",
            "aud": "client", "azp": "client", "exp": NOW_S + 3600, "iat": NOW_S, "nonce": "n"});
        for (name, value) in change.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        if let Some(own) = claims.as_object_mut() {
            own.retain(|_, value| !value.is_null());
        }
        let issuers = ["https://accounts.google.com".to_owned(), "accounts.google.com".to_owned()];
        let expected =
            Expected { issuers: &issuers, client_id: "client", nonce: "n", now_s: NOW_S };
        IdToken::parse(claims.to_string().as_bytes())?.check(&expected)
    }

    #[test]
    fn an_id_token_is_of_the_provider_for_us_for_this_login_and_for_now() {
        let table = [
            (json!({}), Ok(())),
            (json!({"iss": "accounts.google.com", "azp": null}), Ok(())),
            (json!({"aud": ["client"]}), Ok(())),
            (json!({"aud": ["client", "other"]}), Ok(())),
            (json!({"exp": NOW_S - 59, "iat": NOW_S - 659}), Ok(())),
            (json!({"iat": NOW_S + 60}), Ok(())),
            (json!({"iss": "https://accounts.google.com/"}), Err(IdTokenFault::Issuer)),
            (json!({"iss": "https://accounts.google.com.other"}), Err(IdTokenFault::Issuer)),
            (json!({"aud": "other"}), Err(IdTokenFault::Audience)),
            (json!({"aud": []}), Err(IdTokenFault::Audience)),
            (json!({"azp": "other"}), Err(IdTokenFault::Audience)),
            (json!({"aud": ["client", "other"], "azp": null}), Err(IdTokenFault::Audience)),
            (json!({"aud": ["client", "other"], "azp": "other"}), Err(IdTokenFault::Audience)),
            (json!({"exp": NOW_S - 60}), Err(IdTokenFault::Expired)),
            (json!({"exp": i64::MIN}), Err(IdTokenFault::Expired)),
            (json!({"iat": NOW_S - 661}), Err(IdTokenFault::IssuedAt)),
            (json!({"iat": NOW_S + 61}), Err(IdTokenFault::IssuedAt)),
            (json!({"nonce": "m"}), Err(IdTokenFault::Nonce)),
            (json!({"nonce": null}), Err(IdTokenFault::Nonce)),
            (json!({"sub": null}), Err(IdTokenFault::NoIdToken)),
            (json!({"exp": "soon"}), Err(IdTokenFault::NoIdToken)),
        ];
        for (change, expected) in table {
            assert_eq!(verdict(&change), expected, "{change}");
        }
    }
}
