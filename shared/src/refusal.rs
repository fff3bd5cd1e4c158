//! [`Refusal`]: why a caller is not let in, and what is said to it (RFC 6750 section 3).

use std::fmt;

use crate::envelope::{ErrorCode, codes};
use crate::token::TokenError;

/// How soon a caller may come back while a part that is needed to know it is away, in seconds.
const RETRY_AFTER_S: u64 = 2;

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $label:literal,)*) => {
        /// Every reason for which a caller is not let in. There is no other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$meta])* $name,)* }

        impl Reason {
            /// All of them.
            pub const ALL: [Self; [$($label),*].len()] = [$(Self::$name),*];

            /// A short stable word, for logs and metrics.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }
        }
    };
}

reasons! {
    /// The route needs a token and there is none.
    NoToken = "no_token",
    /// The route needs a session and the token has none.
    NoSession = "no_session",
    /// A token in the query: it is in somebody's log by now (RFC 6750 section 2.3, RFC 9700 section 4.3.2).
    TokenInQuery = "token_in_query",
    /// More than one `Authorization` header.
    SeveralAuthorizations = "several_authorizations",
    /// `Authorization` holds something else than one bearer token.
    NotABearerToken = "not_a_bearer_token",
    /// The token is no JWS of ours at all.
    Malformed = "malformed",
    /// No key of the issuer has the token's key id.
    UnknownKey = "unknown_key",
    /// The token names another algorithm than its key's.
    WrongAlgorithm = "wrong_algorithm",
    /// The signature does not fit.
    BadSignature = "bad_signature",
    /// A claim is missing or of the wrong kind, or the session claim is no session.
    BadClaims = "bad_claims",
    /// The token comes from somebody else.
    WrongIssuer = "wrong_issuer",
    /// The token is for another service.
    WrongAudience = "wrong_audience",
    /// The token has expired.
    Expired = "expired",
    /// The token is not good yet: the clocks differ.
    NotYetValid = "not_yet_valid",
    /// The token lives longer than its issuer allows.
    LifetimeTooLong = "lifetime_too_long",
    /// The token was revoked.
    Revoked = "revoked",
    /// The issuer's keys cannot be had: the token may be good.
    KeysUnavailable = "keys_unavailable",
    /// What has been revoked is known less well than the route needs: the token may be good.
    RevocationsStale = "revocations_stale",
    /// The token lacks the scope that the route needs.
    ScopeMissing = "scope_missing",
    /// The session lacks the role that the route needs.
    RoleMissing = "role_missing",
    /// The gateway's envelope cannot be read.
    EnvelopeMalformed = "envelope_malformed",
    /// The gateway's envelope is not sealed with its key, or for another request.
    EnvelopeForged = "envelope_forged",
    /// The gateway's envelope is too old, or from the future.
    EnvelopeStale = "envelope_stale",
    /// The gateway's envelope has been used before.
    EnvelopeReplayed = "envelope_replayed",
    /// More envelopes have come than can be remembered; whether this one was used before is not known.
    EnvelopesUncountable = "envelopes_uncountable",
}

/// A caller that is not let in.
#[derive(Clone, Debug)]
pub struct Refusal {
    reason: Reason,
    /// What was needed: a scope or a role.
    needed: Option<&'static str>,
    /// For the log.
    detail: String,
}

impl Refusal {
    pub(crate) fn because(reason: Reason) -> Self {
        Self { reason, needed: None, detail: String::new() }
    }

    pub(crate) fn lacks(reason: Reason, needed: &'static str) -> Self {
        Self { needed: Some(needed), ..Self::because(reason) }
    }

    pub(crate) fn with_detail(self, detail: impl fmt::Display) -> Self {
        Self { detail: detail.to_string(), ..self }
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The code and the status of the answer.
    #[must_use]
    pub fn code(&self) -> &'static ErrorCode {
        match self.reason {
            Reason::NoToken | Reason::NoSession | Reason::TokenInQuery => &codes::SESSION_REQUIRED,
            Reason::Expired => &codes::TOKEN_EXPIRED,
            Reason::Revoked => &codes::TOKEN_REVOKED,
            Reason::ScopeMissing => &codes::SCOPE_MISSING,
            Reason::RoleMissing => &codes::ROLE_MISSING,
            Reason::KeysUnavailable | Reason::RevocationsStale | Reason::EnvelopesUncountable => {
                &codes::UNAVAILABLE
            }
            _ => &codes::TOKEN_INVALID,
        }
    }

    /// `WWW-Authenticate` (RFC 6750 section 3). It says no more than that: which check failed is for the log. Where no
    /// credentials came there is no error in it (section 3.1).
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        let code = self.code();
        let challenge = match self.reason {
            Reason::ScopeMissing => {
                let scope = self.needed.unwrap_or_default();
                format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)
            }
            Reason::RoleMissing => {
                r#"Bearer error="insufficient_scope", error_description="the session lacks a role""#
                    .to_owned()
            }
            _ if code.status != 401 => return None,
            _ if *code == codes::SESSION_REQUIRED => "Bearer".to_owned(),
            reason => {
                let what = match reason {
                    Reason::Expired => "expired",
                    Reason::Revoked => "revoked",
                    _ => "not valid",
                };
                format!(r#"Bearer error="invalid_token", error_description="the token is {what}""#)
            }
        };
        Some(challenge)
    }

    /// `Retry-After`, in seconds, where trying again helps.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        (self.code().status == 503).then_some(RETRY_AFTER_S)
    }
}

impl fmt::Display for Refusal {
    /// For the log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason.label())?;
        if let Some(needed) = self.needed {
            write!(formatter, " {needed}")?;
        }
        if self.detail.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.detail) }
    }
}

impl std::error::Error for Refusal {}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self::because(error.reason()).with_detail(error)
    }
}

impl TokenError {
    /// The same without its particulars.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Malformed(_) => Reason::Malformed,
            Self::UnknownKey => Reason::UnknownKey,
            Self::WrongAlgorithm => Reason::WrongAlgorithm,
            Self::BadSignature => Reason::BadSignature,
            Self::BadClaims(_) => Reason::BadClaims,
            Self::WrongIssuer => Reason::WrongIssuer,
            Self::WrongAudience => Reason::WrongAudience,
            Self::Expired { .. } => Reason::Expired,
            Self::NotYetValid { .. } => Reason::NotYetValid,
            Self::LifetimeTooLong => Reason::LifetimeTooLong,
            Self::Revoked => Reason::Revoked,
            Self::KeysUnavailable(_) => Reason::KeysUnavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6750 section 3: parameters are separated by commas, and without credentials there is no error.
    #[test]
    fn every_reason_has_its_status_and_its_challenge() {
        let invalid = |what| {
            format!(r#"Bearer error="invalid_token", error_description="the token is {what}""#)
        };
        for reason in Reason::ALL {
            let refusal = Refusal::lacks(reason, "order:settle");
            let expected = match reason {
                Reason::NoToken | Reason::NoSession | Reason::TokenInQuery => {
                    (401, Some("Bearer".to_owned()))
                }
                Reason::Expired => (401, Some(invalid("expired"))),
                Reason::Revoked => (401, Some(invalid("revoked"))),
                Reason::ScopeMissing => (
                    403,
                    Some(r#"Bearer error="insufficient_scope", scope="order:settle""#.to_owned()),
                ),
                Reason::RoleMissing => {
                    let role = r#"Bearer error="insufficient_scope", error_description="the session lacks a role""#;
                    (403, Some(role.to_owned()))
                }
                Reason::KeysUnavailable
                | Reason::RevocationsStale
                | Reason::EnvelopesUncountable => (503, None),
                _ => (401, Some(invalid("not valid"))),
            };
            assert_eq!((refusal.code().status, refusal.challenge()), expected, "{reason:?}");
            assert_eq!(
                refusal.retry_after_s().is_some(),
                refusal.code().status == 503,
                "{reason:?}"
            );
        }
    }
}
