//! [`Limits`]: how often somebody may ask. All replicas count together.

mod addresses;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::cache::{Cache, CacheUnavailable};
use shared::{Clock, Network, UserId};
use tracing::warn;

use crate::domain::codes::Purpose;
use crate::domain::user::Email;
use crate::error::UserError;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Codes to one address in an hour, for either purpose.
const CODES_PER_ADDRESS: u64 = 10;
/// In a day: each may be guessed at five times.
const CODES_PER_ADDRESS_AND_DAY: u64 = 30;
/// Wrong codes and reset tokens of one caller in an hour, at whatever address: he burns so many of them, and no more.
const WRONG_TOKENS: u64 = 20;
/// Wrong passwords of somebody who is logged in already.
const WRONG_PASSWORDS: u64 = 5;

pub(crate) struct Limits {
    pub(crate) cache: Cache,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trusted_proxies: Vec<Network>,
    /// Codes for one caller in an hour; 0: as many as he likes.
    pub(crate) codes_per_ip: u64,
    /// How long the next code to the same address has to wait.
    pub(crate) code_pause: Duration,
}

/// So often within so long.
struct Window {
    key: String,
    most: u64,
    per: Duration,
}

impl Limits {
    /// Counts a code that this caller asks for.
    pub(crate) async fn check_caller(&self, caller: IpAddr) -> Result<(), UserError> {
        let key = format!("code_limit:ip:{caller}");
        self.count(&Window { key, most: self.codes_per_ip, per: HOUR }).await
    }

    /// Counts a code to this address. Nothing differs by whether anybody has an account there.
    pub(crate) async fn check_address(
        &self,
        email: &Email,
        purpose: Purpose,
    ) -> Result<(), UserError> {
        let pause = Window { key: pause_key(email, purpose), most: 1, per: self.code_pause };
        if !self.code_pause.is_zero() {
            self.count(&pause).await?;
        }
        let key = format!("code_limit:{}", email.as_str());
        self.count(&Window { key, most: CODES_PER_ADDRESS, per: HOUR }).await?;
        let key = format!("code_limit_day:{}", email.as_str());
        self.count(&Window { key, most: CODES_PER_ADDRESS_AND_DAY, per: DAY }).await
    }

    /// Counts a code or a reset token that this caller names, before it is known to be wrong: many at once find no way around
    /// it. Nothing differs by whether anybody has an account there.
    pub(crate) async fn check_token_guess(&self, caller: IpAddr) -> Result<(), UserError> {
        let window = Window { key: token_guess_key(caller), most: WRONG_TOKENS, per: HOUR };
        let counted = self.count(&window).await;
        if let Err(UserError::TooOften { .. }) = counted {
            // Who is not heard has not guessed.
            self.forget_token_guess(caller).await;
        }
        counted
    }

    /// It was right, or has not been looked at: it was no guess.
    pub(crate) async fn forget_token_guess(&self, caller: IpAddr) {
        if let Err(error) = self.cache.uncount(&token_guess_key(caller)).await {
            warn!(cause = %error, "what was no wrong code counts as one for an hour");
        }
    }

    /// The next code need not wait: this one was never sent.
    pub(crate) async fn lift_pause(
        &self,
        email: &Email,
        purpose: Purpose,
    ) -> Result<(), CacheUnavailable> {
        self.cache.delete(&pause_key(email, purpose)).await
    }

    /// Counts a password before it is known to be wrong: of many at once no more are compared than may be wrong.
    pub(crate) async fn check_guess(&self, user: UserId) -> Result<(), UserError> {
        let window = Window { key: guess_key(user), most: WRONG_PASSWORDS, per: HOUR };
        self.count(&window).await.map_err(|error| match error {
            UserError::TooOften { retry_after_s } => UserError::TooManyFailures { retry_after_s },
            error => error,
        })
    }

    /// It was right, so it was no guess.
    pub(crate) async fn forget_guesses(&self, user: UserId) -> Result<(), CacheUnavailable> {
        self.cache.delete(&guess_key(user)).await
    }

    async fn count(&self, window: &Window) -> Result<(), UserError> {
        let Window { key, most, per } = window;
        if *most == 0 {
            return Ok(());
        }
        let (sum, ends) = (self.cache.count(key, *per).await?, format!("{key}:ends"));
        let now_ms = self.clock.now().timestamp_millis();
        let per_ms = i64::try_from(per.as_millis()).unwrap_or(i64::MAX);
        if sum == 1 {
            let at = now_ms.saturating_add(per_ms).to_string();
            self.cache.insert(&ends, &at, *per).await?;
        }
        if sum <= *most {
            return Ok(());
        }
        let at = self.cache.find(&ends).await?.and_then(|at| at.parse().ok());
        let left_ms = at.map_or(per_ms, |at: i64| at.saturating_sub(now_ms).clamp(1, per_ms));
        let retry_after_s = u64::try_from(left_ms).unwrap_or_default().div_ceil(1000);
        Err(UserError::TooOften { retry_after_s })
    }
}

fn pause_key(email: &Email, purpose: Purpose) -> String {
    format!("code_pause:{purpose}:{}", email.as_str())
}

fn token_guess_key(caller: IpAddr) -> String {
    format!("wrong_token:{caller}")
}

fn guess_key(user: UserId) -> String {
    format!("wrong_password:{user}")
}

#[cfg(test)]
mod tests;
