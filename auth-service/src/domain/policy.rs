//! [`SessionPolicy`]: on whose behalf a client may act. Deny is the default.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use shared::{CompanyId, Session};

/// On whose behalf a client may ask for tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SessionPolicy {
    /// On nobody's: its tokens carry no session.
    #[default]
    None,
    /// Always on this one's.
    Fixed {
        /// The session in every token.
        session: Session,
    },
    /// On that of whoever it names, within these companies.
    Assert {
        /// Which companies.
        companies: Companies,
    },
}

/// Companies that a client may act for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Companies {
    /// All of them.
    Any,
    /// These.
    Listed(BTreeSet<CompanyId>),
}

/// The rule that refuses a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// Policy `none`.
    #[error("this client may not act on anybody's behalf (policy none)")]
    NoSession,
    /// Policy `fixed`, and another session was asked for.
    #[error("this client acts on behalf of one fixed session only (policy fixed)")]
    OtherThanFixed,
    /// Policy `assert`, and the company is not in the list.
    #[error("this client may not act for company {0} (policy assert)")]
    Company(CompanyId),
}

impl SessionPolicy {
    /// The session that the token gets when this one is asked for.
    pub(crate) fn decide(&self, asked: MaybeAsked) -> Result<MaybeAsked, SessionRefusal> {
        match (self, asked) {
            (Self::None | Self::Assert { .. }, MaybeAsked::Nobody) => Ok(MaybeAsked::Nobody),
            (Self::None, MaybeAsked::Session(_)) => Err(SessionRefusal::NoSession),
            (Self::Fixed { session }, MaybeAsked::Nobody) => {
                Ok(MaybeAsked::Session(session.clone()))
            }
            (Self::Fixed { session }, MaybeAsked::Session(asked)) if *session == asked => {
                Ok(MaybeAsked::Session(asked))
            }
            (Self::Fixed { .. }, MaybeAsked::Session(_)) => Err(SessionRefusal::OtherThanFixed),
            (Self::Assert { companies }, MaybeAsked::Session(asked)) => {
                let company = asked.company_id();
                if companies.contain(company) {
                    Ok(MaybeAsked::Session(asked))
                } else {
                    Err(SessionRefusal::Company(company))
                }
            }
        }
    }
}

/// For whom a token is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MaybeAsked {
    /// For the client itself.
    Nobody,
    /// For this caller.
    Session(Session),
}

impl Companies {
    fn contain(&self, company: CompanyId) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(companies) => companies.contains(&company),
        }
    }
}

/// Not a session policy.
#[derive(Debug, thiserror::Error)]
#[error("a session policy is `none`, `fixed:{{session}}`, `assert:any` or `assert:100,200`")]
pub struct NotAPolicy;

impl FromStr for SessionPolicy {
    type Err = NotAPolicy;

    /// Reads the form of the command line.
    fn from_str(text: &str) -> Result<Self, NotAPolicy> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            Some(("fixed", session)) => Session::parse(session)
                .map(|session| Self::Fixed { session })
                .map_err(|_| NotAPolicy),
            Some(("assert", "any")) => Ok(Self::Assert { companies: Companies::Any }),
            Some(("assert", list)) => {
                let listed = list.split(',').map(str::parse).collect::<Result<_, _>>();
                let companies = Companies::Listed(listed.map_err(|_| NotAPolicy)?);
                Ok(Self::Assert { companies })
            }
            _ => Err(NotAPolicy),
        }
    }
}

impl fmt::Display for SessionPolicy {
    /// The form of the command line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("none"),
            Self::Fixed { session } => write!(formatter, "fixed:{}", session.as_json()),
            Self::Assert { companies: Companies::Any } => formatter.write_str("assert:any"),
            Self::Assert { companies: Companies::Listed(companies) } => {
                let companies: Vec<String> = companies.iter().map(CompanyId::to_string).collect();
                write!(formatter, "assert:{}", companies.join(","))
            }
        }
    }
}

impl SessionPolicy {
    /// Reads the form in which it is stored.
    pub(crate) fn from_json(text: &str) -> Result<Self, NotAPolicy> {
        #[derive(Deserialize)]
        #[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
        enum Stored {
            None,
            Fixed { session: serde_json::Value },
            Assert { companies: Companies },
        }
        match serde_json::from_str(text).map_err(|_| NotAPolicy)? {
            Stored::None => Ok(Self::None),
            Stored::Fixed { session } => Session::parse(&session.to_string())
                .map(|session| Self::Fixed { session })
                .map_err(|_| NotAPolicy),
            Stored::Assert { companies } => Ok(Self::Assert { companies }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> MaybeAsked {
        Session::parse(json).map_or(MaybeAsked::Nobody, MaybeAsked::Session)
    }

    #[test]
    fn each_policy_gives_what_it_promises_and_no_more() -> Result<(), NotAPolicy> {
        let seven = r#"{"companyId":7,"userId":1}"#;
        let admin = r#"{"companyId":7,"userId":1,"roles":["admin"]}"#;
        let fixed = format!("fixed:{seven}");
        let table = [
            ("none", "", Ok(asked(""))),
            ("none", seven, Err(SessionRefusal::NoSession)),
            (fixed.as_str(), "", Ok(asked(seven))),
            (fixed.as_str(), seven, Ok(asked(seven))),
            (fixed.as_str(), admin, Err(SessionRefusal::OtherThanFixed)),
            ("assert:any", "", Ok(asked(""))),
            ("assert:any", admin, Ok(asked(admin))),
            ("assert:7,8", seven, Ok(asked(seven))),
            ("assert:8", seven, Err(SessionRefusal::Company(company(7)?))),
        ];
        for (policy, session, expected) in table {
            let policy: SessionPolicy = policy.parse()?;
            assert_eq!(policy.decide(asked(session)), expected, "{policy:?} {session}");
        }
        Ok(())
    }

    fn company(id: i64) -> Result<CompanyId, NotAPolicy> {
        CompanyId::try_from(id).map_err(|_| NotAPolicy)
    }

    #[test]
    fn a_policy_survives_being_stored() -> Result<(), Box<dyn std::error::Error>> {
        let all =
            ["none", r#"fixed:{"companyId":7,"userId":1,"x":"é"}"#, "assert:any", "assert:1,2"];
        for text in all {
            let policy: SessionPolicy = text.parse()?;
            let stored = serde_json::to_string(&policy)?;
            assert_eq!(SessionPolicy::from_json(&stored)?, policy, "{stored}");
            assert_eq!(policy.to_string(), text);
        }
        Ok(())
    }

    #[test]
    fn what_is_not_a_policy_is_refused() {
        for text in ["", "all", "fixed:", "fixed:{}", "assert:", "assert:0", "assert:1,,2", "any"] {
            assert!(text.parse::<SessionPolicy>().is_err(), "{text}");
        }
    }
}
