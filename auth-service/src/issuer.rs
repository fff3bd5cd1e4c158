//! [`Issuer`]: signs what has been granted, and writes it down.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use shared::{AccessToken, Claims, Clock, Timestamp};
use tracing::info;

use crate::audit_log::AuditLog;
use crate::domain::audit::AuditEvent;
use crate::domain::exchange::ExchangeRefusal;
use crate::domain::grant::{Terms, dated_later, seconds_to_wait};
use crate::error::TokenRefusal;
use crate::mirror::Mirror;

/// A token that was asked for right after a revocation waits for the end of the next second, and a little for clocks that
/// differ.
const LONGEST_WAIT: Duration = Duration::from_millis(2_500);

#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) terms: Terms,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long what is in memory is good while the database is away.
    pub(crate) outage_grace: Duration,
}

/// A token and what it says.
pub(crate) struct Issued {
    pub(crate) token: AccessToken,
    pub(crate) claims: Claims,
}

impl Issuer {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether what is in memory is still good enough to issue tokens by.
    pub(crate) fn check_age(&self) -> Result<(), TokenRefusal> {
        if self.mirror.age() > self.outage_grace { Err(TokenRefusal::Stale) } else { Ok(()) }
    }

    /// Whether there is a key to sign with.
    pub(crate) fn check_key(&self) -> Result<(), TokenRefusal> {
        let signing = self.mirror.key_ring().signing(self.now()).is_some();
        if signing { Ok(()) } else { Err(TokenRefusal::NoKey) }
    }

    /// Signs. Where those like it have been revoked within this second it waits first.
    pub(crate) async fn issue(&self, claims: Claims) -> Result<Issued, TokenRefusal> {
        let (claims, wait) = self.dated(claims)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        self.sign_and_log(claims)
    }

    /// The same for a login that goes on: that it began stands in the audit log, and when it ends, and not each time that it is
    /// renewed. There is no line in the log, either.
    pub(crate) async fn issue_renewal(&self, claims: Claims) -> Result<Issued, TokenRefusal> {
        let (claims, wait) = self.dated(claims)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let token = self.sign(&claims)?;
        Ok(Issued { token, claims })
    }

    /// The same on a thread that may block: the token is written to the end of the text. There is no line of its own in
    /// the log.
    pub(crate) fn issue_blocking(
        &self,
        claims: Claims,
        text: &mut String,
    ) -> Result<Claims, TokenRefusal> {
        let (claims, wait) = self.dated(claims)?;
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        let keys = self.mirror.key_ring();
        let signer = keys.signing(self.now()).ok_or(TokenRefusal::NoKey)?;
        signer.sign_into(&claims, text)?;
        self.audit.granted(|| AuditEvent::granted(&claims, self.now()));
        Ok(claims)
    }

    /// The claims as they can be issued, and how long from now.
    fn dated(&self, claims: Claims) -> Result<(Claims, Duration), TokenRefusal> {
        let before = self.mirror.revocations().set().latest_before(&claims);
        let seconds = seconds_to_wait(&claims, before);
        if seconds == 0 {
            return Ok((claims, Duration::ZERO));
        }
        let claims = dated_later(claims, seconds).ok_or(ExchangeRefusal::Expired)?;
        let until = DateTime::from_timestamp(claims.iat, 0).unwrap_or_default();
        let wait = (until - self.now()).to_std().unwrap_or_default();
        // Another replica's clock may be ahead of ours, but nobody waits for that.
        Ok((claims, wait.min(LONGEST_WAIT)))
    }

    fn sign(&self, claims: &Claims) -> Result<AccessToken, TokenRefusal> {
        let keys = self.mirror.key_ring();
        let signer = keys.signing(self.now()).ok_or(TokenRefusal::NoKey)?;
        Ok(signer.sign(claims)?)
    }

    fn sign_and_log(&self, claims: Claims) -> Result<Issued, TokenRefusal> {
        let token = self.sign(&claims)?;
        self.audit.granted(|| AuditEvent::granted(&claims, self.now()));
        info!(
            client.id = claims.client_id,
            token.id = claims.jti,
            ttl_s = claims.exp - claims.iat,
            scope = %claims.scope,
            company = claims.session.as_ref().map(|session| session.company_id().get()),
            user = claims.session.as_ref().map(|session| session.user_id().get()),
            "issued token to client {}", claims.client_id
        );
        Ok(Issued { token, claims })
    }

    /// Writes down that a token was not issued, and why not; session is what was asked for, as it was written.
    pub(crate) fn refused(&self, client_id: &str, session: Option<&str>, refusal: &TokenRefusal) {
        refusal.log(client_id);
        if refusal.is_audited() {
            let client_id: String = client_id.chars().take(100).collect();
            let session: Option<String> = session.map(|text| text.chars().take(2048).collect());
            let reason = refusal.to_string();
            let why = (reason.as_str(), self.now());
            self.audit.write(AuditEvent::refused(&client_id, session.as_deref(), why));
        }
    }
}
