//! [`Authenticator`]: which client is asking. By a secret, by an assertion of its own, or by the token of a pod's service
//! account.

mod file_keys;
pub(crate) mod trusted_issuer;

use std::net::IpAddr;
use std::sync::Arc;

use shared::token::jws::{JwsType, unverified_payload, verify_jws};
use shared::token::key_set::KeySource;
use shared::{Clock, Secret, TokenError};

use crate::domain::assertion::{Assertion, AssertionRefusal, LEEWAY_S};
use crate::domain::client::ServiceAccount;
use crate::domain::secret;
use crate::error::TokenRefusal;
use crate::limits::Limits;
use crate::mirror::Mirror;
use crate::mirror::directory::{Directory, Registered};
use crate::repository::assertions::AssertionRepository;
use trusted_issuer::Trusted;

/// The longest assertion, in bytes.
const MAX_ASSERTION_BYTES: usize = 8 * 1024;

/// Who a client says it is, and its proof.
pub(crate) struct Credentials {
    /// An assertion may leave it out: it names the client by itself.
    pub(crate) client_id: Option<String>,
    pub(crate) proof: Proof,
}

pub(crate) enum Proof {
    Secret(Secret),
    Assertion(Secret),
}

impl Credentials {
    /// What it is called in the log as long as nothing is proved.
    pub(crate) fn claimed(&self) -> &str {
        self.client_id.as_deref().unwrap_or("unknown")
    }
}

pub(crate) struct Authenticator {
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) used_assertions: AssertionRepository,
    pub(crate) trusted: Vec<Trusted>,
    /// The names of this server that an assertion may be for.
    pub(crate) audiences: Vec<String>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// The client, if it is one and has proved it.
    pub(crate) async fn authenticate(
        &self,
        credentials: &Credentials,
        address: IpAddr,
    ) -> Result<Arc<Registered>, TokenRefusal> {
        match &credentials.proof {
            Proof::Secret(secret) => self.by_secret((credentials.claimed(), secret), address).await,
            Proof::Assertion(assertion) => {
                let verdict = self.by_assertion(credentials, assertion.expose()).await;
                if matches!(verdict, Err(TokenRefusal::Assertion(_) | TokenRefusal::Client)) {
                    self.limits.failed(address, credentials.claimed())?;
                }
                verdict
            }
        }
    }

    async fn by_secret(
        &self,
        credentials: (&str, &Secret),
        address: IpAddr,
    ) -> Result<Arc<Registered>, TokenRefusal> {
        if let Some(known) = self.with_secret(credentials) {
            return Ok(known);
        }
        // It may have been registered, or its secret been replaced, a moment ago.
        self.mirror.read_soon().await?;
        let found = self.with_secret(credentials);
        if found.is_none() {
            self.limits.failed(address, credentials.0)?;
        }
        found.ok_or(TokenRefusal::Client)
    }

    /// An unknown client takes as long as a wrong secret.
    fn with_secret(&self, (id, secret): (&str, &Secret)) -> Option<Arc<Registered>> {
        let directory = self.mirror.directory();
        let found = directory.find(id);
        let stored = found.map_or(&[][..], |found| &found.secrets);
        let matches = secret::matches(stored, secret, self.clock.now());
        found.filter(|_| matches).cloned()
    }

    async fn by_assertion(
        &self,
        credentials: &Credentials,
        text: &str,
    ) -> Result<Arc<Registered>, TokenRefusal> {
        let payload = unverified_payload(text).map_err(|_| AssertionRefusal::NoJwt)?;
        let claimed = Assertion::parse(&payload)?;
        let trusted = self.trusted.iter().find(|trusted| trusted.issuer == claimed.iss);
        let found = match trusted {
            Some(trusted) => self.by_service_account(trusted, text).await?,
            None => self.by_own_key(&claimed.sub, text).await?,
        };
        match &credentials.client_id {
            Some(id) if id != found.client.id.as_str() => Err(AssertionRefusal::Subject.into()),
            _ => Ok(found),
        }
    }

    async fn by_service_account(
        &self,
        trusted: &Trusted,
        text: &str,
    ) -> Result<Arc<Registered>, TokenRefusal> {
        let assertion = verified(&*trusted.keys, text).await?;
        let times = (trusted.max_age_s, self.clock.now().timestamp());
        let account = assertion.check_service_account(&trusted.audience, times)?;
        let account = ServiceAccount { issuer: trusted.name.clone(), account: account.to_owned() };
        let found = self.find(|directory| directory.find_by_account(&account)).await?;
        found.ok_or(AssertionRefusal::UnknownServiceAccount.into())
    }

    async fn by_own_key(&self, id: &str, text: &str) -> Result<Arc<Registered>, TokenRefusal> {
        let find = || self.find(|directory| directory.find(id));
        let found = find().await?.ok_or(TokenRefusal::Client)?;
        let verdict = verified(&found.keys, text).await;
        let (found, assertion) = match verdict {
            Ok(assertion) => (found, assertion),
            // Its keys may have been replaced a moment ago.
            Err(_) => {
                self.mirror.read_soon().await?;
                let found = find().await?.ok_or(TokenRefusal::Client)?;
                let assertion = verified(&found.keys, text).await?;
                (found, assertion)
            }
        };
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        let jti = assertion.check_own(&audiences, self.clock.now().timestamp())?;
        let until = assertion.exp.saturating_add(LEEWAY_S + 1);
        let first = self.used_assertions.insert(id, jti, until).await?;
        if first { Ok(found) } else { Err(AssertionRefusal::Replayed.into()) }
    }

    /// A client in memory; where there is none, the database is asked whether that is still so.
    async fn find(
        &self,
        find: impl Fn(&Directory) -> Option<&Arc<Registered>>,
    ) -> Result<Option<Arc<Registered>>, TokenRefusal> {
        if let Some(found) = find(&self.mirror.directory()) {
            return Ok(Some(Arc::clone(found)));
        }
        self.mirror.read_soon().await?;
        Ok(find(&self.mirror.directory()).cloned())
    }
}

/// The assertion, if one of these keys has signed it.
async fn verified(keys: &dyn KeySource, text: &str) -> Result<Assertion, TokenRefusal> {
    let payload = verify_jws(keys, text, JwsType::NotAnAccessToken, MAX_ASSERTION_BYTES).await;
    let payload = payload.map_err(|error| match error {
        TokenError::KeysUnavailable(cause) => TokenRefusal::TrustedIssuerAway(cause),
        error => AssertionRefusal::Signature(error.to_string()).into(),
    })?;
    Ok(Assertion::parse(&payload)?)
}
