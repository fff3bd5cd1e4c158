//! Revocation: of one token, of all that came of a login, of everything that a user, a client or a company has.

use serde::Deserialize;
use shared::{Claims, CompanyId, Revocation, RevocationKind, Timestamp, UserId};
use utoipa::ToSchema;

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::handoff::HandoffName;
use crate::domain::handoff::name::NAME_CHARS;
use crate::domain::login::EndedBy;
use crate::domain::registry::By;
use crate::error::CommandError;
use crate::repository::revocations::RevocationRepository;

/// No token lives longer than this from its last second on, in seconds: the longest lifetime and the leeway of verifiers,
/// and a minute for clocks that differ.
const LONGEST_TOKEN_S: i64 = 3600 + 30 + 60;
/// No login lasts longer, in seconds. What is said of a user or a company by an operator holds as long: a refresh token may
/// come back after weeks.
pub(crate) const LONGEST_LOGIN_S: i64 = 400 * 24 * 3600;
/// The longest value, in bytes.
const MAX_VALUE_BYTES: usize = 200;

/// What is to be revoked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = NewRevocation)]
#[serde(deny_unknown_fields)]
pub struct RevocationAsk {
    /// What `value` names.
    pub kind: RevocationKind,
    /// Which one; empty for `all`.
    #[serde(default)]
    #[schema(examples("200"))]
    pub value: String,
    /// Tokens issued until then, in seconds since 1970. Where it is not said: until now.
    #[serde(default)]
    pub issued_before: Option<i64>,
}

impl RevocationAsk {
    /// The same as an entry that has no number yet.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn entry(&self, now: Timestamp) -> Result<Revocation, &'static str> {
        let now_s = now.timestamp();
        let value = self.named().ok_or("the value does not name one of this kind")?;
        let bounded = !matches!(
            self.kind,
            RevocationKind::Jti | RevocationKind::Sid | RevocationKind::Handoff
        );
        if self.issued_before.is_some_and(|before| !bounded || !(0..=now_s).contains(&before)) {
            return Err(
                "issued_before is a time that has passed, and not for one token, login or handoff",
            );
        }
        // It is committed a moment from now, and tokens are dated in whole seconds.
        let before = bounded.then(|| self.issued_before.unwrap_or(now_s + 1));
        let of_one_token = self.kind == RevocationKind::Jti;
        let exp = now_s + if of_one_token { LONGEST_TOKEN_S } else { LONGEST_LOGIN_S };
        Ok(Revocation { seq: 0, kind: self.kind, value, before, exp })
    }

    /// The value as tokens have it: an id may be written in several ways.
    fn named(&self) -> Option<String> {
        let value = self.value.as_str();
        match self.kind {
            RevocationKind::All => value.is_empty().then(String::new),
            RevocationKind::Handoff => {
                let name = HandoffName::of_either(value);
                (name.as_str().len() == NAME_CHARS).then(|| name.as_str().to_owned())
            }
            RevocationKind::User => Some(value.parse::<UserId>().ok()?.to_string()),
            RevocationKind::Company => Some(value.parse::<CompanyId>().ok()?.to_string()),
            _ => {
                let length = (1..=MAX_VALUE_BYTES).contains(&value.len());
                (length && !value.contains(char::is_control)).then(|| value.to_owned())
            }
        }
    }
}

/// What ends with this token: a root ends with all that came of it.
pub(crate) fn revocation_of(claims: &Claims) -> Revocation {
    let root = claims.sid.as_ref().filter(|sid| **sid == claims.jti);
    let (kind, value) = match root {
        Some(sid) => (RevocationKind::Sid, sid.clone()),
        None => (RevocationKind::Jti, claims.jti.clone()),
    };
    // What came of it does not outlive it.
    Revocation { seq: 0, kind, value, before: None, exp: claims.exp }
}

/// What ends with a login whose refresh token is refused from now on.
pub(crate) fn of_login(sid: &str, now: Timestamp) -> Revocation {
    let (kind, exp) = (RevocationKind::Sid, now.timestamp() + LONGEST_TOKEN_S);
    Revocation { seq: 0, kind, value: sid.to_owned(), before: None, exp }
}

/// What ends with a handoff that nobody may use from now on.
pub(crate) fn of_handoff(name: &HandoffName, now: Timestamp) -> Revocation {
    let (kind, exp) = (RevocationKind::Handoff, now.timestamp() + LONGEST_TOKEN_S);
    Revocation { seq: 0, kind, value: name.as_str().to_owned(), before: None, exp }
}

/// Writes it down; from then on it holds. What was handed on of what ends with it ends as `ends` says.
pub(crate) async fn revoke(
    revocations: &RevocationRepository,
    (revocation, ends): (Revocation, EndedBy),
    by: By<'_>,
) -> Result<Revocation, CommandError> {
    let detail = format!(
        "{:?} {} until {}",
        revocation.kind,
        revocation.value,
        revocation.before.map_or_else(|| "whenever".to_owned(), |before| before.to_string())
    );
    let event = AuditEvent::new(Event::Revoked, by.actor, by.now).because(detail);
    let revocation = revocations.insert((revocation, ends), &event).await?;
    event.log();
    Ok(revocation)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn what_names_nothing_is_not_revoked() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
        let entry = |kind, value: &str, issued_before| {
            RevocationAsk { kind, value: value.to_owned(), issued_before }.entry(now)
        };
        use RevocationKind::{All, Client, Company, Jti, Sid, User};
        let now_s = now.timestamp();
        for (kind, value, before) in [
            (User, "0", None),
            (User, "x", None),
            (Company, "-1", None),
            (Jti, "", None),
            (Jti, "a\0b", None),
            (User, "1", Some(-1)),
            (Jti, "a", Some(now_s)),
            (Sid, &"x".repeat(201), None),
            (All, "everything", None),
            (Client, "c", Some(now_s + 1)),
        ] {
            assert!(entry(kind, value, before).is_err(), "{kind:?} {value}");
        }
        let of_client = entry(Client, "c", None).map(|entry| (entry.before, entry.exp));
        assert_eq!(of_client, Ok((Some(now_s + 1), now_s + LONGEST_LOGIN_S)));
        assert_eq!(entry(User, "+007", None).map(|entry| entry.value), Ok("7".to_owned()));
        assert_eq!(entry(Jti, "a", None).map(|entry| entry.before), Ok(None));
        assert_eq!(entry(All, "", Some(5)).map(|entry| entry.before), Ok(Some(5)));
    }
}
