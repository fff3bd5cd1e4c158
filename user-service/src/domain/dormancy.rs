//! People who are not seen any more: they are warned, and leave after a term. Whoever logs in is seen, and stays.

use chrono::{NaiveDate, TimeDelta};
use shared::idempotency::IdempotencyKey;
use shared::reply::Language;
use shared::{Timestamp, UserId};

use crate::domain::account::{Account, EndReason, LoginEnd};
use crate::domain::profile::{Owner, find_own, news, tell};
use crate::error::UserError;
use crate::mail::texts::News;
use crate::repository::changes::Word;
use crate::state::AppState;

/// Lower ids are for accounts of programs. They do not log in.
pub(crate) const FIRST_PERSON: i64 = 1000;
/// It is written down once a day that somebody has been seen.
const PRECISION: TimeDelta = TimeDelta::days(1);
const LONGEST_TERM: TimeDelta = TimeDelta::days(3650);

/// Somebody who was not seen for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dormant {
    pub(crate) id: UserId,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) warned_at: Option<Timestamp>,
}

/// What is known of somebody's dormancy, also when he has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) is_closed: bool,
    pub(crate) warned_at: Option<Timestamp>,
    pub(crate) warning_key: Option<String>,
}

/// That somebody is to be warned.
#[derive(Clone, Debug)]
pub(crate) struct Warning {
    /// The request's name: sent twice, it makes one letter.
    pub(crate) key: IdempotencyKey,
    pub(crate) seen_before: Timestamp,
    /// The letter says so.
    pub(crate) closes_on: NaiveDate,
}

/// What became of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warned {
    Now(Timestamp),
    /// By another request.
    Before(Timestamp),
    /// He has been seen.
    Seen,
    /// He has no address: without a warning nobody's account is closed.
    Unreachable,
}

/// Who leaves: who was warned then or earlier, and not seen since this moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub(crate) warned_before: Timestamp,
    pub(crate) seen_before: Timestamp,
}

/// What became of a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    Withdrawn,
    Kept,
}

/// A moment that may be compared with when somebody was last seen: that is known to the day.
pub(crate) fn seen_before(at: Timestamp, now: Timestamp) -> Result<Timestamp, UserError> {
    let sound = (Timestamp::UNIX_EPOCH..=now - PRECISION).contains(&at);
    if sound {
        Ok(at)
    } else {
        Err(UserError::BadField("seenBefore", "a moment a day ago or earlier"))
    }
}

/// A moment that may be compared with when somebody was warned.
pub(crate) fn warned_before(at: Timestamp, now: Timestamp) -> Result<Timestamp, UserError> {
    let sound = (Timestamp::UNIX_EPOCH..=now).contains(&at);
    if sound { Ok(at) } else { Err(UserError::BadField("warnedBefore", "a moment that is over")) }
}

/// A day to be told: it comes, and before everybody has forgotten.
pub(crate) fn closes_on(day: NaiveDate, now: Timestamp) -> Result<NaiveDate, UserError> {
    let today = now.date_naive();
    let sound = day > today && day - today < LONGEST_TERM;
    if sound {
        Ok(day)
    } else {
        Err(UserError::BadField("closesOn", "a day of the next ten years"))
    }
}

/// Whether it has to be written down that he is seen.
pub(crate) fn is_stale(last_seen_at: Timestamp, now: Timestamp) -> bool {
    now - last_seen_at >= PRECISION
}

impl Account {
    fn was_just_seen(&self, now: Timestamp) -> bool {
        !self.is_warned && !is_stale(self.last_seen_at, now)
    }
}

/// The owner of the account is here; false when it has been closed since it was read.
pub(crate) async fn see(state: &AppState, account: &Account) -> Result<bool, UserError> {
    let now = state.clock.now();
    Ok(account.was_just_seen(now) || state.accounts.see(account.id, now).await?)
}

/// Tells him, once, on which day his account will be closed.
pub(crate) async fn warn(
    state: &AppState,
    owner: Owner,
    warning: &Warning,
    language: Language,
) -> Result<Warned, UserError> {
    let account = find_own(state, owner).await?;
    let now = state.clock.now();
    let occasion = News::Dormant { closes_on: warning.closes_on };
    let Some(mail) = news(&account, occasion, (language, now)) else {
        return Ok(Warned::Unreachable);
    };
    let word = Word { login_end: None, mail: Some(mail) };
    if state.accounts.warn(account.id, warning, (&word, now)).await? {
        tell(state, &word).await;
        return Ok(Warned::Now(now));
    }
    let standing = state.accounts.find_standing(owner).await?;
    let standing = standing.filter(|own| !own.is_closed).ok_or(UserError::NoSuchUser)?;
    Ok(match (standing.warned_at, standing.warning_key) {
        (Some(at), Some(key)) if key == warning.key.as_str() => Warned::Now(at),
        (Some(at), _) => Warned::Before(at),
        (None, _) => Warned::Seen,
    })
}

/// Closes the account of somebody who was warned, as if he had left by himself, unless he has been seen.
pub(crate) async fn withdraw(
    state: &AppState,
    owner: Owner,
    (term, language): (&Term, Language),
) -> Result<Withdrawal, UserError> {
    let account = match find_own(state, owner).await {
        Err(UserError::NoSuchUser) => return withdrawn_before(state, owner).await,
        account => account?,
    };
    let now = state.clock.now();
    let end = LoginEnd::new(&account, EndReason::Withdrawn);
    let mail = news(&account, News::ClosedAsDormant, (language, now));
    let word = Word { login_end: Some(end), mail };
    if !state.accounts.close_dormant(&account, term, (&word, now)).await? {
        return withdrawn_before(state, owner).await;
    }
    tell(state, &word).await;
    Ok(Withdrawal::Withdrawn)
}

/// Who leaves by himself has been seen, so that he is not warned any more.
async fn withdrawn_before(state: &AppState, owner: Owner) -> Result<Withdrawal, UserError> {
    match state.accounts.find_standing(owner).await? {
        Some(Standing { is_closed: false, .. }) => Ok(Withdrawal::Kept),
        Some(Standing { warned_at: Some(_), .. }) => Ok(Withdrawal::Withdrawn),
        _ => Err(UserError::NoSuchUser),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_over_and_what_is_told_comes() -> Result<(), chrono::ParseError> {
        let now: Timestamp = "2026-07-17T09:30:00Z".parse()?;
        let seen = [
            ("2026-07-16T09:30:00Z", true),
            ("2026-07-16T09:30:00.000001Z", false),
            ("1970-01-01T00:00:00Z", true),
            ("1969-12-31T23:59:59Z", false),
        ];
        for (at, good) in seen {
            assert_eq!(seen_before(at.parse()?, now).is_ok(), good, "{at}");
        }
        assert!(warned_before(now, now).is_ok());
        assert!(warned_before(now + TimeDelta::microseconds(1), now).is_err());
        for (day, good) in [("2026-07-17", false), ("2026-07-18", true), ("2036-07-17", false)] {
            assert_eq!(closes_on(day.parse()?, now).is_ok(), good, "{day}");
        }
        Ok(())
    }
}
