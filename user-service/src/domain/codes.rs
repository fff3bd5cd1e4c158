//! Codes by mail: who reads what is sent to an address may say that it is his.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::{constant_time, rand};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use shared::cache::TakeIf;
use shared::reply::Language;
use tracing::warn;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::account::Account;
use crate::domain::user::Email;
use crate::error::UserError;
use crate::mail::texts::{Occasion, letter};
use crate::mail::{Letter, Mail};
use crate::state::AppState;

/// How long a code is good.
const CODE_TTL: TimeDelta = TimeDelta::minutes(5);
/// How often it may be guessed at, and a reset token as well.
const MAX_WRONG: u32 = 5;
/// How long it is remembered that an address has been shown to be somebody's.
const PROOF_TTL: Duration = Duration::from_secs(600);
/// How long a password may be set by it.
const RESET_TTL: Duration = Duration::from_secs(180);

/// What a code is good for; for the other it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Purpose {
    Signup,
    PasswordReset,
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signup => "SIGNUP",
            Self::PasswordReset => "PASSWORD_RESET",
        })
    }
}

impl Purpose {
    fn code_key(self, email: &Email) -> String {
        format!("email_code:{self}:{}", email.as_str())
    }

    fn token_key(self, email: &Email) -> String {
        match self {
            Self::Signup => format!("signup_proof:{}", email.as_str()),
            Self::PasswordReset => format!("password_reset_token:{}", email.as_str()),
        }
    }

    fn token_ttl(self) -> Duration {
        match self {
            Self::Signup => PROOF_TTL,
            Self::PasswordReset => RESET_TTL,
        }
    }
}

/// What a right code is exchanged for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Token {
    /// SIGNUP: proof that the address is the caller's. PASSWORD_RESET: what the new password is set with.
    #[schema(examples("019c1d52-6a3e-7c1b-9f70-2f4a5c6d7e8f"))]
    token: String,
    #[schema(examples(600))]
    expires_in_s: u64,
}

/// Who asks, and in which language.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) address: IpAddr,
    pub(crate) language: Language,
}

/// Writes a letter to the address. Whoever has no account there gets one, too, and nothing that is done differs: who asks
/// cannot tell.
pub(crate) async fn ask_code(
    state: &AppState,
    (email, purpose): (&Email, Purpose),
    asker: Asker,
) -> Result<(), UserError> {
    // First, so that with the database away nothing has happened yet.
    let holder = state.accounts.find_by_email(email).await?;
    state.limits.check_caller(asker.address).await?;
    let checked = state.limits.check_address(email, purpose).await;
    if let Err(UserError::Cache(_)) = &checked {
        lift_pause(state, email, purpose).await;
    }
    checked?;
    let code = random_code()?;
    let letter = letter(&occasion(purpose, holder.as_ref(), &code), asker.language);
    let sent = send_code(state, (&purpose.code_key(email), &code), (email, letter)).await;
    if sent.is_err() {
        lift_pause(state, email, purpose).await;
    }
    sent
}

/// Keeps the code, and writes the letter down.
async fn send_code(
    state: &AppState,
    (key, code): (&str, &str),
    (email, letter): (&Email, Letter),
) -> Result<(), UserError> {
    let (now, ttl) = (state.clock.now(), CODE_TTL.to_std().unwrap_or_default());
    state.cache.insert(key, code, ttl).await?;
    let sent = state.post.send(&Mail::new(email, letter, (now, now + CODE_TTL))).await;
    if let Err(error) = sent {
        if let Err(error) = state.cache.delete(key).await {
            warn!(cause = %error, "a code that was not sent stays until it expires");
        }
        return Err(error.into());
    }
    Ok(())
}

/// What was answered 503 has not happened: the next try need not wait.
async fn lift_pause(state: &AppState, email: &Email, purpose: Purpose) {
    if let Err(error) = state.limits.lift_pause(email, purpose).await {
        warn!(cause = %error, "the next code to an address waits for one that was not sent");
    }
}

fn occasion<'c>(purpose: Purpose, holder: Option<&Account>, code: &'c str) -> Occasion<'c> {
    match (purpose, holder) {
        (Purpose::Signup, None) => Occasion::SignupCode { code },
        (Purpose::Signup, Some(holder)) => {
            Occasion::AlreadyRegistered { code, provider: holder.provider }
        }
        (Purpose::PasswordReset, Some(holder)) if holder.may_reset_password() => {
            Occasion::ResetCode { code }
        }
        (Purpose::PasswordReset, Some(holder)) if !holder.is_closed => {
            Occasion::NothingToReset { provider: holder.provider }
        }
        (Purpose::PasswordReset, _) => Occasion::NobodyToReset,
    }
}

/// Six digits, each of the million as likely as the others.
fn random_code() -> Result<String, UserError> {
    const CODES: u32 = 1_000_000;
    loop {
        let mut bytes = [0; 4];
        rand::fill(&mut bytes).map_err(|_| UserError::NoRandomness)?;
        let number = u32::from_ne_bytes(bytes);
        // The last part of the numbers is no whole million.
        if number < u32::MAX / CODES * CODES {
            return Ok(format!("{:06}", number % CODES));
        }
    }
}

/// Exchanges a code for a token. A code is good once; guessed at too often, not even that.
pub(crate) async fn verify_code(
    state: &AppState,
    (email, purpose): (&Email, Purpose),
    (code, caller): (&str, IpAddr),
) -> Result<Token, UserError> {
    let key = purpose.code_key(email);
    // A code of another length is wrong, and Redis need not see it.
    let named = if code.len() == 6 { code } else { "" };
    let left = take(state, (&key, named), caller).await?.ok_or(UserError::BadCode)?;
    let (token, ttl) = (Uuid::new_v4().to_string(), purpose.token_ttl());
    let kept = state.cache.insert(&purpose.token_key(email), &token, ttl).await;
    if let Err(error) = kept {
        put_back(state, (&key, code), left).await;
        return Err(error.into());
    }
    Ok(Token { token, expires_in_s: ttl.as_secs() })
}

/// Takes a code or token if it is the one that is named; gives how long it was good for. Who has named too many wrong ones
/// is not heard, and what he names is not touched.
async fn take(
    state: &AppState,
    (key, named): (&str, &str),
    caller: IpAddr,
) -> Result<Option<Duration>, UserError> {
    state.limits.check_token_guess(caller).await?;
    let taken = state.cache.take_if(key, named, MAX_WRONG).await;
    if !matches!(taken, Ok(TakeIf::Wrong | TakeIf::Gone)) {
        state.limits.forget_token_guess(caller).await;
    }
    match taken? {
        TakeIf::Taken { left } => Ok(Some(left)),
        TakeIf::Wrong | TakeIf::Gone => Ok(None),
    }
}

/// Gives back what was taken for something that did not come about.
async fn put_back(state: &AppState, (key, value): (&str, &str), left: Duration) {
    if let Err(error) = state.cache.insert(key, value, left).await {
        warn!(cause = %error, "a code or token that was not used is gone all the same");
    }
}

/// Whether the address has been shown to be his who has this token. It stays: what it is for may fail.
pub(crate) async fn check_proof(
    state: &AppState,
    email: &Email,
    token: &str,
) -> Result<(), UserError> {
    let kept = state.cache.find(&Purpose::Signup.token_key(email)).await?;
    let kept = kept.ok_or(UserError::NotProven)?;
    constant_time::verify_slices_are_equal(kept.as_bytes(), token.as_bytes())
        .map_err(|_| UserError::NotProven)
}

/// The account is there: the proof has done its work.
pub(crate) async fn use_up_proof(state: &AppState, email: &Email) {
    if let Err(error) = state.cache.delete(&Purpose::Signup.token_key(email)).await {
        warn!(cause = %error, "a proof that was used stays until it expires");
    }
}

/// A reset token that has been taken.
pub(crate) struct ResetToken {
    key: String,
    token: String,
    left: Duration,
}

impl ResetToken {
    /// Of many who take it at once one gets it. Named wrongly too often, it is gone.
    pub(crate) async fn take(
        state: &AppState,
        email: &Email,
        (token, caller): (&str, IpAddr),
    ) -> Result<Self, UserError> {
        let key = Purpose::PasswordReset.token_key(email);
        let left = take(state, (&key, token), caller).await?.ok_or(UserError::BadResetToken)?;
        Ok(Self { key, token: token.to_owned(), left })
    }

    /// With the time that it had left, and the wrong guesses that it had seen.
    pub(crate) async fn put_back(self, state: &AppState) {
        put_back(state, (&self.key, &self.token), self.left).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits() -> Result<(), UserError> {
        for _ in 0..1_000 {
            let code = random_code()?;
            assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        }
        Ok(())
    }
}
