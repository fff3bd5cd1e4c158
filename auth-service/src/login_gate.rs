//! [`LoginGate`]: how often a password may be tried, by whom, from where. Counted in the database, by all replicas together.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use shared::Clock;
use tracing::warn;

use crate::domain::attempts::{ACCOUNT, ACCOUNT_AND_ADDRESS, ADDRESS, Pace};
use crate::error::AccountError;
use crate::repository::attempts::AttemptRepository;

/// An address from which a user has come counts as his for so long.
const KNOWN_FOR: TimeDelta = TimeDelta::days(90);

pub(crate) struct LoginGate {
    pub(crate) attempts: AttemptRepository,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A try that was let through; under which keys it was counted.
pub(crate) struct Admitted {
    address: String,
    account_and_address: String,
    account: Option<String>,
    known: String,
}

impl LoginGate {
    /// Counts a try before it is made. Known and unknown addresses are counted alike.
    pub(crate) async fn admit(&self, email: &str, from: IpAddr) -> Result<Admitted, AccountError> {
        let account = hash(&email.trim().to_lowercase());
        let known = format!("known:{account}:{from}");
        let admitted = Admitted {
            address: format!("from:{from}"),
            account_and_address: format!("at:{account}:{from}"),
            account: (!self.attempts.is_noted(&known, self.clock.now()).await?)
                .then(|| format!("of:{account}")),
            known,
        };
        self.count(&admitted.address, &ADDRESS).await?;
        self.count(&admitted.account_and_address, &ACCOUNT_AND_ADDRESS).await?;
        if let Some(account) = &admitted.account {
            self.count(account, &ACCOUNT).await?;
        }
        Ok(admitted)
    }

    async fn count(&self, key: &str, pace: &Pace) -> Result<(), AccountError> {
        let counted = self.attempts.count(key, pace, self.clock.now()).await?;
        counted.map_err(|too_early| {
            let retry_after_s = u64::try_from(too_early.wait_ms).unwrap_or_default() / 1000 + 1;
            AccountError::TooManyAttempts { retry_after_s }
        })
    }

    /// The try was a good one: it counts for nothing.
    pub(crate) async fn succeeded(&self, admitted: &Admitted) {
        if let Err(error) = self.forgive(admitted).await {
            warn!(cause = %error, "could not take back a counted login: it is forgotten in an hour");
        }
    }

    async fn forgive(&self, admitted: &Admitted) -> Result<(), AccountError> {
        self.attempts.delete(&admitted.account_and_address).await?;
        self.attempts.take_back(&admitted.address).await?;
        if let Some(account) = &admitted.account {
            self.attempts.take_back(account).await?;
        }
        Ok(self.attempts.note(&admitted.known, self.clock.now() + KNOWN_FOR).await?)
    }

    /// The try was not made: what was to check it is away.
    pub(crate) async fn not_made(&self, admitted: &Admitted) {
        for key in
            [&admitted.address, &admitted.account_and_address].into_iter().chain(&admitted.account)
        {
            if self.attempts.take_back(key).await.is_err() {
                return;
            }
        }
    }
}

/// Nobody's address is to be read in the table.
fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}
