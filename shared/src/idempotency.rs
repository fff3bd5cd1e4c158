//! Requests that may be sent twice and have the effect of once, by the `Idempotency-Key` header (the IETF's
//! draft-ietf-httpapi-idempotency-key-header).
//!
//! The key is claimed in the transaction of the effect, and the answer is kept in it: there is never the one without the
//! other, whatever is killed in between. The same request again gets the same answer, byte for byte; another one under the
//! same key is refused (O004). One that comes while the first is under way waits for it, 3 s at the most (O005).
//!
//! ```
//! use shared::db::Db;
//! use shared::idempotency::{Claim, IdempotencyError, IdempotentConnection, KeptAnswer, KeyedRequest};
//! use shared::{Timestamp, with_tenant};
//!
//! /// Does the work once, and says what was said the first time.
//! async fn place(
//!     db: &Db,
//!     request: &KeyedRequest,
//!     now: Timestamp,
//!     answer: KeptAnswer,
//! ) -> Result<KeptAnswer, IdempotencyError> {
//!     with_tenant!(db, request.tenant(), |conn| {
//!         match conn.claim(request, now, Some(&answer)).await? {
//!             Claim::Replay(kept) => Ok(kept),
//!             Claim::New => {
//!                 // ... the effect, on the same `conn`; an error takes the key back, too.
//!                 Ok(answer)
//!             }
//!         }
//!     })
//! }
//! ```
//!
//! Its table belongs to the service, which makes it in a migration of its own (PostgreSQL; SQLite without the last three):
//!
//! ```sql
//! CREATE TABLE idempotent_requests (
//!     company_id BIGINT NOT NULL,
//!     key TEXT NOT NULL,
//!     sha256 TEXT NOT NULL,
//!     answer TEXT,
//!     created_at TIMESTAMP NOT NULL,
//!     PRIMARY KEY (company_id, key)
//! );
//! CREATE INDEX idempotent_requests_by_age ON idempotent_requests (created_at);
//! ALTER TABLE idempotent_requests ENABLE ROW LEVEL SECURITY;
//! ALTER TABLE idempotent_requests FORCE ROW LEVEL SECURITY;
//! CREATE POLICY tenant ON idempotent_requests
//!     USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));
//! ```

mod answer;
#[cfg(feature = "actix")]
mod header;
mod request;
mod table;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tracing::warn;

use crate::clock::Clock;
use crate::db::{Db, DbError};
pub use answer::KeptAnswer;
#[cfg(feature = "actix")]
pub use header::MaybeKey;
pub use request::{IdempotencyKey, KeyedRequest};
pub use table::{Claim, IdempotentConnection, claim_all, forget_before};

/// How long an answer is kept, at the least.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// Why a request under a key is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// Not 1 to 255 visible ASCII characters, or there several times.
    #[error("an Idempotency-Key is 1 to 255 visible ASCII characters, once")]
    NotAKey,
    /// A program has to send one.
    #[error("a service has to send an Idempotency-Key")]
    Required,
    /// Another request has had this key.
    #[error("this Idempotency-Key was used for another request")]
    Reused,
    /// The first request under this key is still at work.
    #[error("the request with this Idempotency-Key is still running")]
    Running,
    /// The database fails.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for IdempotencyError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Forgets the requests of more than a day ago, every ten minutes, for ever: to be spawned by the service.
pub async fn keep_forgetting(db: Db, clock: Arc<dyn Clock>) {
    loop {
        if let Err(error) = forget_before(&db, clock.now() - KEPT_FOR).await {
            warn!(cause = %error, "cannot forget old idempotency keys yet");
        }
        tokio::time::sleep(FORGET_EVERY).await;
    }
}
