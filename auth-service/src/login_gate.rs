//! [`LoginGate`]: how often a password may be tried, by whom, from where. Counted in the database, by all replicas together.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use shared::Clock;
use tracing::warn;

use crate::domain::attempts::{ACCOUNT, ACCOUNT_AND_ADDRESS, ADDRESS, KNOWN, Pace};
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
    counted: Vec<Counted>,
    known: String,
}

struct Counted {
    key: String,
    pace: &'static Pace,
    /// Forgotten when the try was a good one.
    own: bool,
}

impl LoginGate {
    /// Counts a try before it is made. Known and unknown addresses are counted alike.
    pub(crate) async fn admit(&self, email: &str, from: IpAddr) -> Result<Admitted, AccountError> {
        let account = hash(&email.trim().to_lowercase());
        let known = format!("known:{account}:{from}");
        let is_known = self.attempts.is_noted(&known, self.clock.now()).await?;
        let mut admitted = Admitted { counted: Vec::with_capacity(3), known };
        for counted in keys(&account, from, is_known) {
            if let Err(refused) = self.count(&counted).await {
                // What is not tried counts nowhere.
                self.not_made(&admitted).await;
                return Err(refused);
            }
            admitted.counted.push(counted);
        }
        Ok(admitted)
    }

    async fn count(&self, Counted { key, pace, .. }: &Counted) -> Result<(), AccountError> {
        let counted = self.attempts.count(key, pace, self.clock.now()).await?;
        counted.map_err(|too_early| {
            let retry_after_s = u64::try_from(too_early.wait_ms).unwrap_or_default() / 1000 + 1;
            AccountError::TooManyAttempts { retry_after_s }
        })
    }

    /// The try was a good one: it counts for nothing.
    pub(crate) async fn succeeded(&self, admitted: &Admitted) {
        let until = self.clock.now() + KNOWN_FOR;
        let forgiven = async {
            for Counted { key, pace, own } in &admitted.counted {
                match own {
                    true => self.attempts.delete(key).await?,
                    false => self.attempts.take_back(key, pace).await?,
                }
            }
            self.attempts.note(&admitted.known, until).await
        };
        if let Err(error) = forgiven.await {
            warn!(cause = %error, "could not take back a counted login: it is forgotten in an hour");
        }
    }

    /// The try was not made: what was to check it is away.
    pub(crate) async fn not_made(&self, admitted: &Admitted) {
        for Counted { key, pace, .. } in &admitted.counted {
            if self.attempts.take_back(key, pace).await.is_err() {
                return;
            }
        }
    }
}

/// Under which keys a try counts. Who has come from there before is not held up by others who come from there, too.
fn keys(account: &str, from: IpAddr, is_known: bool) -> Vec<Counted> {
    let own = |pace| Counted { key: format!("at:{account}:{from}"), pace, own: true };
    if is_known {
        return vec![own(&KNOWN)];
    }
    vec![
        Counted { key: format!("from:{from}"), pace: &ADDRESS, own: false },
        own(&ACCOUNT_AND_ADDRESS),
        Counted { key: format!("of:{account}"), pace: &ACCOUNT, own: false },
    ]
}

/// Nobody's address is to be read in the table.
fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}
