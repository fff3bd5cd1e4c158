//! What can be done with users.

pub(crate) mod account;
pub(crate) mod codes;
pub(crate) mod dormancy;
pub(crate) mod identities;
pub(crate) mod logins;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod resetting;
pub(crate) mod signing_up;
pub(crate) mod user;

use shared::{CompanyId, Timestamp, UserId};

use crate::error::UserError;
use crate::state::AppState;
use user::{ImportOutcome, NewUser, RawUser, User};

/// The most users in one import.
const MAX_IMPORT: usize = 500;

pub(crate) async fn find_user(
    state: &AppState,
    company: CompanyId,
    id: UserId,
) -> Result<User, UserError> {
    state.users.find(company, id).await?.ok_or(UserError::NoSuchUser)
}

/// Takes over the users who are not there yet, one by one: after a failure, those who came first stay, and the same
/// users again change nothing. The outcomes are in the order of what was offered.
pub(crate) async fn import_users(
    state: &AppState,
    company: CompanyId,
    offered: &[RawUser],
) -> Result<Vec<ImportOutcome>, UserError> {
    if offered.len() > MAX_IMPORT {
        return Err(UserError::TooManyUsers);
    }
    let now = state.clock.now();
    let mut outcomes = Vec::with_capacity(offered.len());
    for raw in offered {
        outcomes.push(import_one(state, company, raw, now).await?);
    }
    Ok(outcomes)
}

async fn import_one(
    state: &AppState,
    company: CompanyId,
    raw: &RawUser,
    now: Timestamp,
) -> Result<ImportOutcome, UserError> {
    match NewUser::parse(company, raw) {
        Ok(user) => state.users.import(&user, now).await,
        Err(bad) => Ok(ImportOutcome::Refused(bad)),
    }
}
